"""What the nodes do, one by one: numbers equal to the library's, and one sentence for everything that does not fit."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vdt.inference.codec import AutoencoderCodec
from vdt.inference.compositing import Compositor
from vdt.inference.rollout import generate_latents
from vdt.inference.settings import CompositingConfig, SamplingConfig, WindowConfig
from vdt.masks.pixel import to_cells
from vdt.masks.tasks import Predict, over_cells
from vdt.media.audio import read_sound
from vdt.media.frames import PLACEHOLDER
from vdt.media.video import probe

SIZE = {"length": 6, "width": 64, "height": 64, "policy": "crop", "fps": 0.0, "start": 0.0}
TASK = {"task": "predict", "given": 3, "every": 4, "frame": 0, "known": "0", "seed": 0}


@pytest.fixture
def encoded(pack, models, images):
    return pack("nodes.latents").VDTEncode.execute(models[1], **SIZE, images=images).result


@pytest.fixture
def masked(pack, images):
    return pack("nodes.masks").VDTMask.execute(images, **TASK).result[0]


def sample(pack, model, latent, mask=None, **changes):
    options = {"seed": 7, "steps": 2, "sampler": "ddim", "guidance": 1.0, **changes}
    return pack("nodes.sampler").VDTSampler.execute(model, latent, mask=mask, **options).result[0]


def uint8(images):
    return (images * 255).round().byte().numpy()


def composited(vae, samples, images, area, **settings):
    """What the library's compositor makes of a MASK."""
    compositor = Compositor(AutoencoderCodec(vae), CompositingConfig(**settings))
    return np.stack(list(compositor.clip(samples, uint8(images), area > 0.5)))


def written_frames(pack, folders, monkeypatch, latent, vae, *inputs, **options):
    """The frames that VDT Save Video hands to the encoder, and its output."""
    written = []
    with monkeypatch.context() as patch:
        patch.setattr(
            pack("vdt.media.video"), "_checked", lambda frames: (written.append(frame) or frame for frame in frames)
        )
        output = pack("nodes.save").VDTSaveVideo.execute(latent, vae, *inputs, **options)
    return np.stack(written), output


def test_encoding_is_the_librarys(encoded, images, tiny_vae):
    latent, frames, fps, plan, audio, mask = encoded
    assert not mask.any() and "noise_mask" not in latent
    assert audio is None  # images have no sound
    assert torch.equal(frames, images) and fps == 8.0
    assert plan == "6 frames of 64x64 at 8 fps: 6 from a clip of 64x64"
    assert torch.equal(latent["samples"], AutoencoderCodec(tiny_vae).encode(uint8(images)))


def test_short_clips_are_filled_with_grey(pack, models, images):
    latent, frames, _, plan, _, mask = (
        pack("nodes.latents").VDTEncode.execute(models[1], **{**SIZE, "length": 9}, images=images).result
    )
    assert mask[:, 0, 0].tolist() == [0] * 6 + [1] * 3
    assert latent["samples"].shape == (9, 4, 8, 8) and bool((frames[6:] * 255 == PLACEHOLDER).all())
    assert plan.endswith("then 3 empty ones to generate")


def test_sampling_is_the_librarys(pack, models, encoded, masked, tiny_model):
    latent = encoded[0]
    made = sample(pack, models[0], latent, masked, sampler="ancestral", guidance=1.5)
    sampling = SamplingConfig.named("ancestral", steps=2, guidance=1.5)
    cells = to_cells(masked > 0.5, (6, 8, 8))
    expected = generate_latents(tiny_model, latent["samples"][None], cells, seeds=[7], sampling=sampling)
    assert torch.equal(made["samples"], expected[0])
    assert torch.equal(made["noise_mask"][:, 0], masked)


def test_the_latents_own_mask_is_used_and_kept(pack, models, encoded, masked):
    latent = {**encoded[0], "noise_mask": masked[:, None]}
    made = sample(pack, models[0], latent)
    assert torch.equal(made["samples"], sample(pack, models[0], encoded[0], masked)["samples"])
    assert made["noise_mask"] is latent["noise_mask"]


def test_half_precision_between_nodes(pack, models, encoded, masked):
    latent = {"samples": encoded[0]["samples"].half()}
    made = sample(pack, models[0], latent, masked.half())
    assert made["samples"].dtype == torch.float32 and bool(torch.isfinite(made["samples"]).all())


def test_inference_mode_is_no_obstacle(pack, models, encoded, masked):
    with torch.inference_mode():
        first = sample(pack, models[0], encoded[0], masked)["samples"]
    assert torch.equal(first, sample(pack, models[0], encoded[0], masked)["samples"])


def test_given_pixels_are_pasted_bit_for_bit(pack, models, encoded, masked):
    images = torch.rand(6, 64, 64, 3, generator=torch.Generator().manual_seed(1))  # not of 8 bits
    made = sample(pack, models[0], encoded[0], masked)
    decode = pack("nodes.latents").VDTDecode
    whole = decode.execute(made, models[1]).result[0]
    pasted = decode.execute(made, models[1], images, still=0).result[0]
    assert torch.equal(pasted[:3], images[:3]) and torch.allclose(pasted[3:], whole[3:], atol=1 / 255)
    other = decode.execute(made, models[1], images, torch.zeros(1, 64, 64)).result[0]
    assert torch.equal(other, images)


def test_still_places_are_the_librarys(pack, models, encoded, images, masked, tiny_vae, folders, monkeypatch):
    made = sample(pack, models[0], encoded[0], masked)
    decode = pack("nodes.latents").VDTDecode
    expected = composited(tiny_vae, made["samples"], images, masked)
    shown = decode.execute(made, models[1], images).result[0]
    assert np.array_equal(uint8(shown), expected)
    rough = decode.execute(made, models[1], images, still=0).result[0]
    assert not torch.equal(shown, rough) and torch.equal(shown[:3], rough[:3])
    written, _ = written_frames(pack, folders, monkeypatch, made, models[1], "still", 8.0, images)
    assert np.array_equal(written, expected)


def test_edges_of_areas_are_the_librarys(pack, models, encoded, images, tiny_vae, folders, monkeypatch):
    area = torch.zeros(6, 64, 64)
    area[1:, 16:48, 16:48] = 1  # the first frame is a reference
    made = sample(pack, models[0], encoded[0], area)
    decode = pack("nodes.latents").VDTDecode
    shown = {}
    for edges in (0.0, 24.0):
        shown[edges] = decode.execute(made, models[1], images, area, edges=edges).result[0]
        expected = composited(tiny_vae, made["samples"], images, area, color_match=edges)
        assert np.array_equal(uint8(shown[edges]), expected)
        options = {"images": images, "mask": area, "edges": edges}
        written, _ = written_frames(pack, folders, monkeypatch, made, models[1], "edges", 8.0, **options)
        assert np.array_equal(written, expected)
    assert not torch.equal(shown[0.0], shown[24.0])
    assert torch.equal(decode.execute(made, models[1], images, area).result[0], shown[24.0])


def test_a_decoded_clip_is_rounded_once(pack, models, encoded, images, masked, folders, monkeypatch):
    """Frames of 8 bits stay what they are on the way through IMAGE: given, generated, saved, and read back."""
    made = sample(pack, models[0], encoded[0], masked)
    shown = pack("nodes.latents").VDTDecode.execute(made, models[1], images).result[0]
    assert torch.equal(torch.from_numpy(uint8(shown)).float() / 255, shown)
    written, _ = written_frames(pack, folders, monkeypatch, made, models[1], "once", 8.0, images)
    assert np.array_equal(written, uint8(shown))
    whole = pack("nodes.latents").VDTDecode.execute(made, models[1]).result[0]
    written, _ = written_frames(pack, folders, monkeypatch, made, models[1], "whole", 8.0)
    assert np.array_equal(written, uint8(whole))


def test_half_precision_images_come_back_as_they_are(pack, models, encoded, images, masked):
    made = sample(pack, models[0], encoded[0], masked)
    half = images.half()
    shown = pack("nodes.latents").VDTDecode.execute(made, models[1], half).result[0]
    assert shown.dtype == torch.float16 and torch.equal(shown[:3], half[:3])


class Stock:
    """A VAE that is not ours; it cuts pictures to whole cells, as ComfyUI's does."""

    def encode(self, pixels):
        height, width = (side // 8 * 8 for side in pixels.shape[1:3])
        return pixels[:, :height:8, :width:8, :1].movedim(-1, 1).expand(-1, 4, -1, -1)

    def decode(self, latents):
        return latents[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2)


def test_a_vae_carries_one_handle(pack, models):
    vaes = pack("nodes.host.vae")
    handle = getattr(models[1], vaes.HANDLE)
    assert vaes.file_of(models[1]) == handle.file and handle.file.name == "tiny.safetensors"
    assert vaes.codec_of(models[1]) is handle.codec and handle.codec.downscale == 8
    assert [name for name in vars(models[1]) if name.startswith("vdt")] == [vaes.HANDLE]
    assert vaes.file_of(Stock()) is None and isinstance(vaes.codec_of(Stock()), vaes.StockCodec)


def test_a_stock_vae_is_finished_by_the_same_compositor(pack, images, masked):
    latents = pack("nodes.latents")
    latent = latents.VDTEncode.execute(Stock(), **SIZE, images=images).result[0]
    codec = pack("nodes.host.vae").StockCodec(Stock())
    expected = np.stack(list(Compositor(codec).clip(latent["samples"], uint8(images), masked > 0.5)))
    shown = latents.VDTDecode.execute(latent, Stock(), images, masked).result[0]
    assert np.array_equal(uint8(shown), expected) and torch.equal(shown[:3], images[:3])
    rough = latents.VDTDecode.execute(latent, Stock(), images, masked, still=0).result[0]
    assert not torch.equal(shown, rough)


def test_a_vae_of_whole_videos_is_refused(pack, images):
    video = SimpleNamespace(encode=lambda pixels: torch.zeros(1, 16, 2, 8, 8))
    with pytest.raises(ValueError, match=r"VDT Encode: this VAE makes latents .* use VDT Load VAE, or the VAE of"):
        pack("nodes.latents").VDTEncode.execute(video, **SIZE, images=images)


def test_a_stock_vae_goes_through_its_own_code(pack, models, images):
    latents = pack("nodes.latents")
    encoded = latents.VDTEncode.execute(Stock(), **SIZE, images=images).result
    assert torch.equal(encoded[0]["samples"][:, 0], images[:, ::8, ::8, 0])
    decoded = latents.VDTDecode.execute(encoded[0], Stock()).result[0]
    assert torch.equal(decoded[:, ::8, ::8, 0], images[:, ::8, ::8, 0])


def test_any_size_comes_out_as_it_went_in(pack, models, folders):
    images = torch.rand(3, 50, 70, 3, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(3, 50, 70)
    mask[1:, 20:, 33:] = 1
    latents, size = pack("nodes.latents"), {**SIZE, "length": 3, "width": 70, "height": 50}
    for vae in (Stock(), models[1]):
        latent, frames = latents.VDTEncode.execute(vae, **size, images=images).result[:2]
        assert latent["samples"].shape == (3, 4, 7, 9) and frames.shape == images.shape
        made = sample(pack, models[0], latent, mask)
        assert latents.VDTDecode.execute(made, vae).result[0].shape == images.shape
        pasted = latents.VDTDecode.execute(made, vae, frames).result[0]
        assert torch.equal(pasted[mask == 0], frames[mask == 0])
        video = pack("nodes.save").VDTSaveVideo.execute(made, vae, "odd", 8.0).result[0]
        assert video.get_dimensions() == (70, 50)


def test_a_size_of_nothing_keeps_proportions_or_the_size(pack, models):
    images = torch.zeros(2, 50, 70, 3)
    for width, height, expected in ((0, 0, (50, 70)), (35, 0, (25, 35)), (0, 100, (100, 140))):
        size = {**SIZE, "length": 2, "width": width, "height": height}
        assert (
            pack("nodes.latents").VDTEncode.execute(models[1], **size, images=images).result[1].shape[1:3] == expected
        )


def test_room_is_made_between_clips_between_frames_and_around_them(pack, models, images):
    arrange = pack("nodes.arrange")
    connected = arrange.VDTConnect.execute(models[1], images, 3, images[:2])
    latent, frames, mask = connected.result
    assert mask[:, 0, 0].tolist() == [0] * 6 + [1] * 3 + [0] * 2 and torch.equal(frames[9:], images[:2])
    assert latent["samples"].shape == (11, 4, 8, 8) and torch.equal(latent["noise_mask"][:, 0], mask)
    assert connected.ui["text"] == ("frames 0–5, 9–10 given; 6–8 generated",)  # noqa: RUF001
    loop = arrange.VDTConnect.execute(models[1], images, 3).result[1]
    assert torch.equal(loop[:3], images[3:]) and torch.equal(loop[6:], images[:3])
    slow = arrange.VDTSlowMotion.execute(models[1], images, 4).result
    assert torch.equal(slow[1][::4], images) and slow[2][:, 0, 0].sum() == 15
    canvas, white = arrange.VDTOutpaint.execute(models[1], images, 25.0, 0.0, 50.0, 10.0).result[1:]
    assert canvas.shape == (6, 70, 112, 3) and torch.equal(canvas[:, :64, 16:80], images)
    assert bool((white[:, :64, 16:80] == 0).all()) and white.mean() == pytest.approx(1 - 64 * 64 / (70 * 112))


def test_a_run_of_several_windows_says_first_what_it_takes(pack, models, encoded, masked, monkeypatch, caplog):
    said = []
    server = SimpleNamespace(send_progress_text=lambda text, node: said.append((text, node)))
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=server)))
    node = pack("nodes.sampler").VDTExtend
    monkeypatch.setattr(node, "hidden", SimpleNamespace(unique_id="7", extra_pnginfo={}), raising=False)
    options = {"seed": 0, "steps": 1, "sampler": "ddim", "guidance": 1.0}
    with caplog.at_level("INFO"):
        node.execute(models[0], encoded[0], frames=9, direction="after", **options)
    ((text, to),) = said
    assert re.fullmatch(r"3 windows of 6 frames, about \d+ s and \d\.\d GiB", text) and to == "7"
    assert text in caplog.text
    node.execute(models[0], encoded[0], frames=2, direction="after", **options)
    assert len(said) == 1  # one window needs no announcement
    monkeypatch.setitem(sys.modules, "server", None)  # the runner has none
    node.execute(models[0], encoded[0], frames=9, direction="after", **options)


def test_the_mask_is_shown_and_described(pack, images):
    output = pack("nodes.masks").VDTMask.execute(images, **TASK)
    assert output.result[0][:, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert output.ui["text"] == ("frames 0–2 given, 3–5 generated",) and len(output.ui["images"]) == 1  # noqa: RUF001
    everything = pack("nodes.masks").VDTMask.execute(images, **{**TASK, "task": "unconditional"})
    assert "nothing given" in everything.ui["text"][0]


def test_the_timeline_edits_the_mask_and_gets_the_frames_to_show(pack, images, folders):
    text = '{"v":1,"given":"0,5","paint":[{"on":"0","rect":[0,0,0.5,1]}]}'
    output = pack("nodes.masks").VDTMask.execute(images, **TASK, timeline=text)
    mask = output.result[0]
    assert mask.mean((1, 2)).tolist() == [0.5, 1, 1, 1, 1, 0] and bool((mask[0, :, :32] == 1).all())
    (clip,) = output.ui["vdt_clip"]
    assert (clip["frames"], clip["width"], clip["height"], clip["shown"], clip["made"]) == (6, 64, 64, 6, "211110")
    assert (folders.temp / clip["strip"]["filename"]).is_file()
    assert clip["base"] == "000111" and clip["settings"]["task"] == "predict" and "base_strip" not in clip
    inside = pack("nodes.masks").VDTMask.execute(images, **TASK, mask=torch.eye(64)[None], timeline=text)
    (clip,) = inside.ui["vdt_clip"]
    assert clip["base"] == "000222" and (folders.temp / clip["base_strip"]["filename"]).is_file()
    with pytest.raises(ValueError, match="VDT Mask: the timeline cannot be read"):
        pack("nodes.masks").VDTMask.execute(images, **TASK, timeline="{")


def test_masks_combine(pack, masked):
    combine = pack("nodes.masks").VDTMaskCombine.execute
    inverted = combine(masked, "invert").result[0]
    assert torch.equal(inverted, 1 - masked)
    assert bool((combine(masked, "union", inverted).result[0] == 1).all())


def test_keyframes_make_a_clip_and_its_mask(pack, images):
    places = {"frame_1": 0, "frame_2": -1, "frame_3": 5, "frame_4": 10}
    images_out, mask = (
        pack("nodes.clips")
        .VDTKeyframes.execute(images[:1], length=8, width=64, height=64, policy="crop", **places, image_2=images[1:3])
        .result
    )
    assert torch.equal(images_out[0], images[0]) and torch.equal(images_out[6:], images[1:3])
    assert mask[:, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]


def test_sample_clips_are_there(pack):
    clips = pack("nodes.clips")
    names = clips._sample_clips()
    assert len(names) >= 4
    images, fps, video = clips.VDTSampleClip.execute(names[0]).result
    assert len(images) == 16 and fps == 20.0 and len(video.get_components().images) == 16
    assert clips.VDTSampleClip.fingerprint_inputs(clip=names[0]) != "missing"
    assert clips.VDTSampleClip.fingerprint_inputs(clip="../secret") == "missing"


def test_a_sample_clip_is_switched_to_ones_own(pack, folders, monkeypatch):
    clips, own = pack("nodes.clips"), pack("nodes.host.own_clips")
    (folders.input / "own.mp4").write_bytes((clips.CLIPS / "projectile.mp4").read_bytes())
    (folders.input / "notes.txt").write_text("no video")
    (folders.input.parent / "secret.mp4").write_bytes(b"")
    assert own.own_clips() == ["own.mp4"]
    ours, sample = (clips.VDTSampleClip.execute(name).result for name in ("own.mp4", "projectile"))
    assert torch.equal(ours[0], sample[0]) and ours[1] == sample[1]
    assert clips.VDTSampleClip.validate_inputs(clip="own.mp4") is True
    assert "there is no clip '../secret.mp4'" in clips.VDTSampleClip.validate_inputs(clip="../secret.mp4")
    before = clips.VDTSampleClip.fingerprint_inputs(clip="own.mp4")
    (folders.input / "own.mp4").write_bytes((clips.CLIPS / "two_balls.mp4").read_bytes())
    assert clips.VDTSampleClip.fingerprint_inputs(clip="own.mp4") != before
    frame = 4 * sample[0][0].numel()  # bytes; a clip that does not fit is held in part, as a video whole
    monkeypatch.setattr(own, "HELD_BYTES", 5 * frame)
    held, _, video = clips.VDTSampleClip.execute("own.mp4").result
    assert len(held) == 5 and len(video.get_components().images) == 16


def test_a_report_measures_and_draws(pack, images, masked):
    plot, text, sheet = pack("nodes.report").VDTReport.execute(images, images, masked[:1]).result
    assert plot.shape == (1, 600, 640, 3) and "known pixels: bit-exact" in text
    assert sheet.shape[2] > 6 * 128 and sheet.shape[1] > 2 * 128  # six frames, two rows


def test_files_are_found_and_their_change_noticed(pack, folders, models):
    loaders, files = pack("nodes.loaders"), pack("nodes.host.files")
    assert files.model_files("vdt") == ["bundled", "bundled fast", "bundled text", "tiny.safetensors"]
    assert files.model_files("vae") == ["bundled", "bundled fast", "tiny.safetensors"]
    names = [files.model_path("vdt", name).name for name in files.model_files("vdt")[:3]]
    assert names == [f"vdt-physics-64{end}.safetensors" for end in ("", "-fast", "")]
    before = loaders.VDTLoadModel.fingerprint_inputs(model_name="tiny.safetensors", precision="auto")
    (folders.models / "vdt/tiny.safetensors").touch()
    assert loaders.VDTLoadModel.fingerprint_inputs(model_name="tiny.safetensors", precision="auto") != before
    assert loaders.VDTLoadVAE.fingerprint_inputs(vae_name="absent.safetensors") == "missing"


def test_precision_is_chosen(pack, models):
    loaders, native = pack("nodes.loaders"), pack("nodes.host.native")
    kinds = {}
    for precision in ("auto", "float32", "bfloat16", "float16"):
        model = loaders.VDTLoadModel.execute("tiny.safetensors", precision).result[0]
        kinds[precision] = native.network_of(model).dtype
    assert kinds == {
        "auto": torch.float32,
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }


def test_files_of_int8_weights_load_as_any_other(pack, folders, models):
    from vdt.checkpoints import change_dtype, load_model, load_vae

    loaders, native = pack("nodes.loaders"), pack("nodes.host.native")
    paths = {kind: folders.models / kind / "int8.safetensors" for kind in ("vdt", "vae")}
    for path in paths.values():
        change_dtype(path.with_name("tiny.safetensors"), path, "int8")
    network = native.network_of(loaders.VDTLoadModel.execute(paths["vdt"].name, "auto").result[0]).vdt
    module = loaders.VDTLoadVAE.execute(paths["vae"].name).result[0].vdt_handle.codec.vae
    for loaded, expected in ((network, load_model(paths["vdt"])), (module, load_vae(paths["vae"]))):
        weights = expected.state_dict()
        assert all(torch.equal(value.cpu(), weights[name]) for name, value in loaded.state_dict().items())


def test_an_interruption_ends_the_sampling_within_a_step(pack, models, encoded, masked, monkeypatch):
    runtime, calls = pack("nodes.host.runtime"), []

    class InterruptError(Exception):
        pass

    def throw():
        calls.append(1)
        if len(calls) == 5:
            raise InterruptError

    monkeypatch.setattr(runtime.mm, "throw_exception_if_processing_interrupted", throw)
    with pytest.raises(InterruptError):
        sample(pack, models[0], encoded[0], masked, steps=50)
    assert len(calls) == 5


def test_every_step_shows_a_picture_of_all_frames(pack, models, encoded, masked, monkeypatch):
    runtime, shown = pack("nodes.host.runtime"), []
    monkeypatch.setattr(pack("nodes.host.previews"), "SHARE", float("inf"))  # however fast this machine samples

    class Bar:
        def __init__(self, total):
            assert total == 3

        def update_absolute(self, value, total, preview):
            shown.append((value, total, *preview))

    monkeypatch.setattr(runtime.comfy.utils, "ProgressBar", Bar)
    sample(pack, models[0], encoded[0], masked, steps=3)
    assert [entry[:3] for entry in shown] == [(1, 3, "JPEG"), (2, 3, "JPEG"), (3, 3, "JPEG")]
    assert [entry[4] for entry in shown] == [None] * 3  # hosts would enlarge them
    assert shown[1][3].info["comment"] == b"vdt frames=6 columns=3 width=64 height=64 label=2 / 3"


def test_values_that_are_not_finite_name_the_stage_and_the_remedy(pack, models, encoded, masked):
    latent = {"samples": torch.full_like(encoded[0]["samples"], float("nan"))}
    with pytest.raises(ValueError, match=r"VDT Sampler: the given latents hold non-finite values .*encode .* float32"):
        sample(pack, models[0], latent, masked)
    parameter = next(models[0].model.parameters())
    with torch.no_grad():
        parameter.fill_(float("inf"))
    with pytest.raises(ValueError, match=r"VDT Sampler: the model returned non-finite values at step 1 of 2"):
        sample(pack, models[0], encoded[0], masked)


MISFITS = (
    (
        lambda pack, models, images: pack("nodes.loaders").VDTLoadModel.execute("absent.safetensors", "auto"),
        r"VDT Load Model: there is no file 'absent.safetensors'; searched .*models.vdt: put",
    ),
    (
        lambda pack, models, images: pack("nodes.loaders").VDTLoadVAE.execute("absent.safetensors"),
        r"VDT Load VAE: there is no file .*models.vae",
    ),
    (
        lambda pack, models, images: pack("nodes.loaders").VDTLoadModel.execute("tiny.safetensors", "int4"),
        "VDT Load Model: unknown precision 'int4': expected one of auto, float32",
    ),
    (
        lambda pack, models, images: pack("nodes.latents").VDTEncode.execute(models[1], **SIZE),
        "VDT Encode: nothing to encode: connect images or a video",
    ),
    (
        lambda pack, models, images: pack("nodes.latents").VDTEncode.execute(
            models[1], **{**SIZE, "start": 60.0}, images=images
        ),
        "VDT Encode: start 60 s lies outside a clip of",
    ),
    (
        lambda pack, models, images: pack("nodes.latents").VDTDecode.execute(
            {"samples": torch.zeros(5, 4, 8, 8)}, models[1], images
        ),
        "VDT Decode: the images are 6 frames of 64x64, the latent decodes to 5 frames of 64x64",
    ),
    (
        lambda pack, models, images: pack("nodes.latents").VDTDecode.execute(
            {"samples": torch.zeros(6, 4, 8, 8)}, models[1], images[:, :48], torch.ones(6, 64, 64)
        ),
        "VDT Decode: the images are 6 frames of 64x48, the latent decodes to 6 frames of 64x64",
    ),
    (
        lambda pack, models, images: pack("nodes.save").VDTSaveVideo.execute(
            {"samples": torch.zeros(6, 4, 8, 8)}, models[1], "x", 8.0, images[:3], torch.ones(6, 64, 64)
        ),
        "VDT Save Video: the images are 3 frames of 64x64, the latent decodes to 6 frames of 64x64",
    ),
    (
        lambda pack, models, images: pack("nodes.masks").VDTMask.execute(images, **{**TASK, "task": "rewind"}),
        "VDT Mask: unknown task 'rewind': expected one of predict",
    ),
    (
        lambda pack, models, images: sample(pack, models[0], {"samples": torch.zeros(6, 4, 8, 8)}, window=6, overlap=5),
        "VDT Sampler: got windows of 6 frames that overlap by 5",
    ),
    (
        lambda pack, models, images: pack("nodes.masks").VDTMask.execute(images, **{**TASK, "given": 6}),
        "VDT Mask: given 6 of 6 frames: nothing left to generate",
    ),
    (
        lambda pack, models, images: pack("nodes.masks").VDTMask.execute(
            images, **{**TASK, "task": "spatial"}, mask=torch.ones(2, 64, 64)
        ),
        "VDT Mask: the mask is 2 frames of 64x64, the clip is 6 frames of 64x64",
    ),
    (
        lambda pack, models, images: sample(
            pack, models[0], {"samples": torch.zeros(6, 4, 8, 8)}, torch.ones(5, 48, 64)
        ),
        "VDT Sampler: the mask is 5 frames of 64x64, the clip is 6 frames of 8x8: give one frame for all of them",
    ),
    (
        lambda pack, models, images: sample(pack, models[0], {"samples": torch.zeros(6, 16, 8, 8)}),
        r"VDT Sampler: the latent is \(6, 16, 8, 8\), expected \(frames, 4, height, width\)",
    ),
    (
        lambda pack, models, images: sample(pack, models[0], {"samples": torch.zeros(6, 4, 8, 8)}, sampler="heun"),
        "VDT Sampler: unknown sampler 'heun'",
    ),
    (
        lambda pack, models, images: pack("nodes.masks").VDTMaskCombine.execute(images[..., 0], "union"),
        "VDT Mask Combine: the operation union needs the second mask b",
    ),
    (
        lambda pack, models, images: pack("nodes.clips").VDTSampleClip.execute("../x"),
        "VDT Sample Clip: there is no clip '../x'",
    ),
    (
        lambda pack, models, images: pack("nodes.report").VDTReport.execute(images, images[:3]),
        "VDT Report: the truth is 6 frames of 64x64, the result 3 frames",
    ),
)


def test_what_does_not_fit_is_one_sentence_that_names_the_node(pack, models, images):
    for call, message in MISFITS:
        with pytest.raises(ValueError, match=message) as caught:
            call(pack, models, images)
        assert "\n" not in str(caught.value)


def test_scenes_need_mujoco_and_say_so(pack, monkeypatch):
    scene = pack("nodes.clips").VDTScene
    monkeypatch.setitem(__import__("sys").modules, "mujoco", None)
    with pytest.raises(ModuleNotFoundError, match=re.escape("VDT Scene: scenes need MuJoCo: pip install mujoco")):
        scene.execute(0, "any", 2, 64)


def test_scenes_repeat_themselves(pack):
    pytest.importorskip("mujoco")
    scene = pack("nodes.clips").VDTScene
    try:
        first = scene.execute(2**64 - 1, "roll_stop", 2, 32).result
    except OSError as error:
        pytest.skip(f"no off-screen OpenGL: {error}")
    assert first[0].shape == (2, 32, 32, 3) and first[1] == 20.0
    assert np.array_equal(first[0], scene.execute(2**64 - 1, "roll_stop", 2, 32).result[0])


# ---- Clips longer than the model sees at once ------------------------------------------------------------------------


def extend(pack, model, latent, **changes):
    options = {"frames": 20, "direction": "after", "seed": 7, "steps": 1, "sampler": "ddim", "guidance": 1.0, **changes}
    return pack("nodes.sampler").VDTExtend.execute(model, latent, **options).result


def test_a_long_clip_is_sampled_in_windows(pack, models, tiny_model):
    raw = torch.randn(20, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = over_cells(Predict(given=5).frame_mask(20), 8, 8)
    made = sample(pack, models[0], {"samples": raw}, mask.float(), window=9, overlap=3)["samples"]
    sampling = SamplingConfig.named("ddim", steps=2, guidance=1.0)
    windows = WindowConfig(frames=9, overlap=3)
    expected = generate_latents(tiny_model, raw[None], mask, seeds=[7], sampling=sampling, windows=windows)
    assert torch.equal(made, expected[0])
    assert not torch.equal(made, sample(pack, models[0], {"samples": raw}, mask.float(), window=20)["samples"])


def test_tiles_are_in_pixels_on_the_node(pack, models, tiny_model):
    raw = torch.randn(6, 4, 12, 16, generator=torch.Generator().manual_seed(0))
    mask = over_cells(Predict(given=2).frame_mask(6), 12, 16)
    made = sample(pack, models[0], {"samples": raw}, mask.float(), tile=92)["samples"]  # 12 cells, the last cut
    sampling = SamplingConfig.named("ddim", steps=2, guidance=1.0)
    expected = generate_latents(
        tiny_model, raw[None], mask, seeds=[7], sampling=sampling, windows=WindowConfig(tile=12)
    )
    assert torch.equal(made, expected[0])
    assert not torch.equal(made, sample(pack, models[0], {"samples": raw}, mask.float())["samples"])


def test_a_mask_longer_than_the_latent_asks_for_more_frames(pack, models, encoded):
    mask = torch.ones(9, 64, 64)
    mask[:6] = 0
    made = sample(pack, models[0], encoded[0], mask)["samples"]
    assert len(made) == 9 and torch.equal(made[:6], encoded[0]["samples"])


def test_a_clip_is_extended_on_either_side(pack, models, encoded, images):
    for direction, old, nearest in (("after", slice(0, 6), slice(0, 8)), ("before", slice(20, 26), slice(18, 26))):
        latent, grown, mask = extend(pack, models[0], encoded[0], direction=direction, images=images)
        assert len(latent["samples"]) == len(grown) == len(mask) == len(latent["noise_mask"]) == 26
        assert torch.equal(latent["samples"][old], encoded[0]["samples"]) and torch.equal(grown[old], images)
        assert not mask[old].any() and mask.sum() == 20 * 64**2 and torch.equal(latent["noise_mask"][:, 0], mask)
        fewer = extend(pack, models[0], encoded[0], direction=direction, frames=2)
        assert torch.equal(fewer[0]["samples"], latent["samples"][nearest]) and fewer[1] is None


def test_what_was_generated_before_stays_white_in_the_mask(pack, models, encoded, masked):
    first = sample(pack, models[0], encoded[0], masked)
    latent = extend(pack, models[0], first, frames=4)[0]
    assert torch.equal(latent["noise_mask"][:6, 0], masked) and bool(latent["noise_mask"][6:].all())
    assert torch.equal(latent["samples"][:6], first["samples"])


def test_a_video_is_saved_as_it_is_decoded(pack, models, encoded, images, folders, monkeypatch):
    latent, grown, _ = extend(pack, models[0], encoded[0], images=images)
    tone = {"waveform": torch.sin(torch.arange(8000) / 10)[None, None], "sample_rate": 8000}
    written, output = written_frames(
        pack, folders, monkeypatch, latent, models[1], "video/long", 13.0, images=grown, audio=tone
    )
    path = folders.output / "video" / "long_00001_.mp4"
    info, sound = probe(path), read_sound(path)
    assert (info.frames, info.width, info.height, float(info.fps)) == (26, 64, 64, 13.0)
    assert sound.rate == 8000 and abs(sound.samples.shape[1] - 16000) <= 1024  # AAC comes in blocks
    assert output.result[0].get_stream_source() == str(path)
    decoded = pack("nodes.latents").VDTDecode.execute(latent, models[1], grown).result[0]
    assert np.array_equal(written, uint8(decoded)) and np.array_equal(written[:6], uint8(images))
    pack("nodes.save").VDTSaveVideo.execute(latent, models[1], "video/long", 13.0)
    assert (folders.output / "video" / "long_00002_.mp4").is_file()


def test_a_long_clip_is_decoded_a_few_frames_at_a_time(pack, models, encoded, images, folders, monkeypatch):
    """Its pictures are never in memory all at once, and nothing is decoded that is given."""
    latent, grown, _ = extend(pack, models[0], encoded[0], images=images)
    codec, sizes = pack("nodes.host.vae").codec_of(models[1]), []
    plain = type(codec).decode
    monkeypatch.setattr(
        type(codec), "decode", lambda own, part, size: sizes.append(len(part)) or plain(own, part, size)
    )
    job = pack("nodes.host.vae").DecodeJob.of(models[1], latent, grown, None, CompositingConfig())
    frames = job.frames()
    assert not sizes and next(frames).shape == (64, 64, 3)
    assert sum(sizes) <= 9
    assert len(list(frames)) == 25 and max(sizes) == 8 and sum(sizes) == 21  # 20 new ones and a reference
