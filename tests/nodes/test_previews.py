"""What nodes send to the editor to be played, and what the host writes of it."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture
def clip():
    """Frames uint8 (10, 24, 40, 3), all different."""
    return np.random.default_rng(0).integers(0, 256, (10, 24, 40, 3), np.uint8)


def player(output):
    ui = output.ui if isinstance(output.ui, dict) else output.ui.as_dict()
    (told,) = ui["vdt_player"]
    json.dumps(told)  # it goes over the wire
    return told


def frames_of(exports, clip):
    source = exports._source(clip)
    return np.stack([source(index) for index in range(clip["frames"])])


def decoded(pack, models, images, given=3, batch=1, seed=5, **inputs):
    """The output of VDT Decode at the end of the usual chain, and the images that were decoded."""
    latents = pack("nodes.latents")
    latent, encoded = latents.VDTEncode.execute(models[1], len(images), 64, 64, "crop", 20.0, 0.0, images).result[:2]
    mask = torch.zeros(len(images), 64, 64)
    mask[given:] = 1
    sampler = pack("nodes.sampler").VDTSampler
    made = sampler.execute(models[0], latent, seed, 1, "ddim", 1.0, mask, batch=batch).result[0]
    return latents.VDTDecode.execute(made, models[1], **({"images": encoded} | inputs))


# ---- While a node samples --------------------------------------------------------------------------------------------


def test_previews_take_no_more_than_their_share_of_the_time(pack):
    previews, now = pack("nodes.host.previews"), [0.0]

    def shown(latents):
        now[0] += 0.1  # what a preview takes
        return np.zeros((2, 8, 8, 3), np.uint8)

    paced = previews.PacedPreview(shown, clock=lambda: now[0])
    made = []
    for _ in range(100):
        now[0] += 0.5  # what a step takes
        made.append(paced(torch.zeros(2, 4, 1, 1), "") is not None)
    share = 0.1 * (sum(made) - 1) / now[0]
    assert made[0] and 0.03 < share <= 0.05


def test_a_preview_says_how_its_frames_stand(pack):
    previews = pack("nodes.host.previews")
    frames = np.random.default_rng(0).integers(0, 256, (5, 16, 32, 3), np.uint8)
    kind, picture, side = previews.PacedPreview(lambda latents: frames)(torch.zeros(5, 4, 2, 4), "1 / 2")
    assert (kind, side) == ("JPEG", None)  # hosts would resize it to a side
    file = io.BytesIO()
    picture.save(file, format=kind, quality=95, compress_level=1)  # as hosts do
    comment = Image.open(io.BytesIO(file.getvalue())).info["comment"]
    assert comment == b"vdt frames=5 columns=2 width=32 height=16 label=1 / 2"
    assert np.array_equal(np.asarray(picture)[16:32, 32:64], frames[3])


# ---- Finished clips --------------------------------------------------------------------------------------------------


def test_pages_hold_every_frame_exactly(pack, clip, monkeypatch):
    previews, exports = pack("nodes.host.previews"), pack("nodes.host.exports")
    monkeypatch.setattr(pack("vdt.visualize.live_preview"), "PAGE_SIDE", 80)  # so that there are several
    told = previews.write_pages(clip)
    assert (told["columns"], told["rows"], len(told["pages"])) == (2, 3, 2)
    assert np.array_equal(frames_of(exports, told), clip)


def test_a_player_knows_given_frames_seeds_rate_and_source(pack, models, images):
    output = decoded(pack, models, images, batch=2)
    told, finished = player(output), (output.result[0] * 255).round().to(torch.uint8).numpy()
    assert told["fps"] == 20.0
    first, second = told["clips"]
    assert (first["states"], first["seed"], second["seed"]) == ("000111", 5, 6)
    exports = pack("nodes.host.exports")
    assert np.array_equal(frames_of(exports, first), finished[:6])
    assert np.array_equal(frames_of(exports, second), finished[6:])
    assert first["before"] == second["before"] and first["before"]["missing"] == "000000"  # one source, written once
    assert np.array_equal(frames_of(exports, first["before"]), (images * 255).round().to(torch.uint8).numpy())


def test_a_source_without_the_generated_frames_is_not_compared(pack, models, images):
    told = player(_short(pack, models, images))
    assert told["clips"][0]["states"] == "000111" and "before" not in told["clips"][0]


def _short(pack, models, images):
    """A source of three frames at a length of six."""
    latents = pack("nodes.latents")
    latent, encoded = latents.VDTEncode.execute(models[1], 6, 64, 64, "crop", 0.0, 0.0, images[:3]).result[:2]
    mask = torch.zeros(6, 64, 64)
    mask[3:] = 1
    made = pack("nodes.sampler").VDTSampler.execute(models[0], latent, 0, 1, "ddim", 1.0, mask).result[0]
    return latents.VDTDecode.execute(made, models[1], encoded)


def test_nothing_is_claimed_of_a_latent_that_says_nothing(pack, models, images):
    latents = pack("nodes.latents")
    samples = latents.VDTEncode.execute(models[1], 6, 64, 64, "crop", 0.0, 0.0, images).result[0]["samples"]
    told = player(latents.VDTDecode.execute({"samples": samples}, models[1]))
    (shown,) = told["clips"]
    assert shown["states"] == "" and "seed" not in shown and "before" not in shown and told["fps"] == 8.0
    odd = player(latents.VDTDecode.execute({"samples": samples, "noise_mask": torch.ones(4, 1, 64, 64)}, models[1]))
    assert odd["clips"][0]["states"] == ""


def test_clips_that_are_too_large_for_pages_are_videos(pack, models, images, monkeypatch):
    monkeypatch.setattr(pack("nodes.host.previews"), "MAX_PIXELS", 6 * 64 * 64 - 1)
    (shown,) = player(decoded(pack, models, images))["clips"]
    assert "pages" not in shown and shown["video"]["filename"].endswith(".mp4") and shown["fps"] == 20.0
    assert frames_of(pack("nodes.host.exports"), shown).shape == (6, 64, 64, 3)


def test_save_video_shows_the_frames_that_it_writes(pack, models, images, monkeypatch, folders):
    save, exports = pack("nodes.save").VDTSaveVideo, pack("nodes.host.exports")
    latent = pack("nodes.latents").VDTEncode.execute(models[1], 6, 64, 64, "crop", 0.0, 0.0, images).result[0]
    made = pack("nodes.latents").VDTDecode.execute(latent, models[1]).result[0]
    output = save.execute(latent, models[1], "clip", 12.0)
    told = player(output)
    assert told["fps"] == 12.0 and output.ui["images"][0]["filename"] == "clip_00001_.mp4"
    assert np.array_equal(frames_of(exports, told["clips"][0]), (made * 255).round().to(torch.uint8).numpy())
    monkeypatch.setattr(pack("nodes.host.previews"), "MAX_PIXELS", 0)
    (shown,) = player(save.execute(latent, models[1], "clip", 12.0))["clips"]
    assert shown["video"] == {"filename": "clip_00002_.mp4", "subfolder": "", "type": "output"}


def test_a_report_compares_with_the_truth_and_measures_the_first_of_several_clips(pack, images):
    report, mask = pack("nodes.report").VDTReport, torch.zeros(6, 64, 64)
    mask[4:] = 1
    several = torch.cat([images, 1 - images])
    output = report.execute(images, several, mask)
    first, second = player(output)["clips"]
    assert first["states"] == "000011" and first["before"]["label"] == "truth" == second["before"]["label"]
    assert output.result[1] == "the first of 2 clips is measured\n" + report.execute(images, images, mask).result[1]


def test_a_preview_that_cannot_be_written_does_not_cost_the_run(pack, models, images, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    output = decoded(pack, models, images)
    assert output.result[0].shape == (6, 64, 64, 3) and player(output)["clips"][0]["frames"] == 6


# ---- Files for the person --------------------------------------------------------------------------------------------


def wish(told, kind, **changes):
    return {"clips": [told], "format": kind, "scale": 2, "fps": 10, "order": [0, 2, 1]} | changes


def test_an_export_is_what_was_played(pack, clip):
    previews, exports = pack("nodes.host.previews"), pack("nodes.host.exports")
    told, wanted = previews.write_pages(clip), clip[[0, 2, 1]].repeat(2, 1).repeat(2, 2)
    write = lambda kind, **changes: exports.write(exports.Export.of(wish(told, kind, **changes)))  # noqa: E731
    with zipfile.ZipFile(io.BytesIO(write("png"))) as archive:
        names = archive.namelist()
        assert names == ["vdt_00000.png", "vdt_00001.png", "vdt_00002.png"]
        assert np.array_equal([np.asarray(Image.open(archive.open(name))) for name in names], wanted)
    for kind in ("gif", "webp"):
        moving = Image.open(io.BytesIO(write(kind)))
        assert (moving.n_frames, moving.size, moving.info["loop"]) == (3, (80, 48), 0)
    moving.seek(1)
    assert np.array_equal(np.asarray(moving.convert("RGB")), wanted[1])  # WebP of small frames is exact
    assert write("mp4")[4:8] == b"ftyp"
    grid = Image.open(io.BytesIO(write("gif", clips=[told] * 3, scale=1)))
    assert grid.size == (2 * 40 + 4, 2 * 24 + 4)


def test_what_is_no_export_is_refused_in_a_sentence(pack, clip, folders):
    exports = pack("nodes.host.exports")
    told = pack("nodes.host.previews").write_pages(clip)
    (folders.temp.parent / "secret.png").write_bytes((folders.temp / told["pages"][0]["filename"]).read_bytes())
    out = {"filename": "secret.png", "subfolder": "..", "type": "temp"}
    cases = {
        "no request": ({}, [], wish(None, "gif"), wish(told, "gif", order="x"), wish(told, "gif", clips=[])),
        "expected clips": (wish(told, "exe"), wish(told, "gif", scale=0), wish(told, "gif", fps=float("nan"))),
        "expected frames": (wish(told, "gif", order=[]), wish(told, "gif", order=[10])),
        "million pixels": (wish({**told, "width": 1 << 30}, "gif"), wish(told, "gif", order=[0] * 20_000, scale=64)),
        "no file": (wish({**told, "pages": [out]}, "gif"),),
        "unknown folder": (wish({**told, "pages": [{**out, "type": "models"}]}, "gif"),),
        "is named by": (wish({**told, "pages": ["x"]}, "gif"),),
        "page": (wish({**told, "pages": []}, "gif"), wish({**told, "height": 60}, "gif", order=[9])),
    }
    wrong = []
    for words, bodies in cases.items():
        for body in bodies:
            try:
                exports.write(exports.Export.of(body))
                wrong.append((words, body))
            except ValueError as error:
                if words not in str(error) and not (words == "no request" and "expected clips" in str(error)):
                    wrong.append((words, str(error)))
    assert wrong == []
