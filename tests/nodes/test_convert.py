"""ComfyUI's layouts to the library's and back."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vdt.media.video import write_video


@pytest.fixture
def convert(pack):
    return pack("nodes.host.convert")


@pytest.fixture
def sources(pack):
    return pack("nodes.host.sources")


def test_frames_survive_the_way_to_images_and_back(convert):
    frames = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    images = convert.to_images(frames)
    assert images.dtype == torch.float32 and float(images.max()) == 1.0
    assert np.array_equal(convert.to_frames(images), frames)
    assert np.array_equal((images * 255).byte().numpy(), frames)  # as ComfyUI's savers cut it
    assert convert.to_images(frames[0]).shape == (1, 16, 16, 3)


def test_half_precision_and_alpha_are_taken(convert, images):
    assert np.abs(convert.to_frames(images.half()).astype(int) - convert.to_frames(images).astype(int)).max() <= 1
    with_alpha = torch.cat([images, torch.zeros(6, 64, 64, 1)], dim=-1)
    assert np.array_equal(convert.to_frames(with_alpha), convert.to_frames(images))


def test_nan_is_never_black(convert, images):
    images[3, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite"):
        convert.to_frames(images)


def test_masks_of_every_form_become_one(convert):
    for shape in ((6, 8, 8), (6, 1, 8, 8), (8, 8)):
        mask = torch.zeros(shape)
        mask[..., 2, 3] = 0.6
        mask[..., 4, 4] = 0.5
        hard = convert.hard_mask(mask)
        assert hard.shape == (6 if len(shape) > 2 else 1, 8, 8)
        assert hard[0].nonzero().tolist() == [[2, 3]]
    assert convert.hard_mask(None) is None


def test_masks_become_cells_once_and_of_any_form(convert):
    latent = {"samples": torch.zeros(6, 4, 7, 9)}  # of pictures of 70x50
    assert convert.cells_of(latent, None).shape == (6, 7, 9) and convert.cells_of(latent, None).all()
    painted = torch.zeros(1, 50, 70)
    painted[0, 49, 69] = 1
    for mask in (painted, torch.nn.functional.max_pool2d(painted, 8, ceil_mode=True)):
        cells = convert.cells_of(latent, mask)
        assert cells.dtype == torch.bool and cells.nonzero().tolist() == [[frame, 6, 8] for frame in range(6)]
        assert torch.equal(convert.cells_of({**latent, "noise_mask": mask[:, None]}, None), cells)
    assert len(convert.cells_of(latent, torch.ones(9, 50, 70))) == 9  # more frames than there are: they are generated
    assert [convert.cells_across(pixels) for pixels in (0, 8, 60, 64)] == [0, 1, 8, 8]


def test_long_clips_are_converted_in_parts(convert, monkeypatch):
    images = torch.rand(7, 5, 6, 4, generator=torch.Generator().manual_seed(0))
    whole = convert.to_frames(images)
    monkeypatch.setattr(convert, "CHUNK", 3)
    assert np.array_equal(convert.to_frames(images), whole) and whole.shape == (7, 5, 6, 3)


def test_a_latent_keeps_its_other_entries(convert):
    latent = {"samples": torch.zeros(6, 4, 8, 8), "batch_index": [1], "noise_mask": torch.ones(6, 1, 64, 64)}
    kept = convert.to_latent(latent, torch.ones(6, 4, 8, 8), None)
    assert kept["batch_index"] == [1] and kept["noise_mask"] is latent["noise_mask"]
    assert latent["samples"].sum() == 0
    mask = torch.zeros(6, 64, 64)
    changed = convert.to_latent(latent, latent["samples"], mask)
    assert changed["noise_mask"].shape == (6, 1, 64, 64)
    assert not convert.mask_of(changed, None).any() and convert.mask_of(changed, 1 - mask).all()
    with pytest.raises(ValueError, match="a VAE of single frames"):
        convert.samples_of({"samples": torch.zeros(1, 16, 5, 8, 8)})


def test_images_as_a_source(convert, sources, images):
    clip = sources.read_source(images, None, length=3, fps=0.0, start=0.25)
    assert (clip.width, clip.height, clip.fps) == (64, 64, 8.0)
    assert np.array_equal(np.stack(list(clip.frames)), convert.to_frames(images[2:5]))
    with pytest.raises(ValueError, match="lies outside"):
        sources.read_source(images, None, length=3, fps=2.0, start=3.0)
    with pytest.raises(ValueError, match="connect images or a video"):
        sources.read_source(None, None, length=3, fps=0.0, start=0.0)


def test_a_video_file_is_read_only_as_far_as_needed(convert, sources, tmp_path):
    from vdt_studio.shim.comfy_api.latest import InputImpl

    frames = np.repeat(np.arange(0, 240, 24, dtype=np.uint8), 64 * 64 * 3).reshape(10, 64, 64, 3)
    write_video(tmp_path / "clip.mp4", frames, 10.0)
    video = InputImpl.VideoFromFile(str(tmp_path / "clip.mp4"))
    clip = sources.read_source(None, video, length=3, fps=5.0, start=0.2)
    values = [int(frame[32, 32, 0]) for frame in clip.frames]
    assert clip.fps == 5.0 and np.allclose(values, [48, 96, 144], atol=3)


def test_a_file_that_was_cut_or_cropped_in_the_graph_is_not_read_whole(convert, sources, images):
    """Newer versions of ComfyUI answer in public, those between 0.3.64 and them only have private fields."""
    from vdt_studio.shim.comfy_api.latest import InputImpl

    class Edited(InputImpl.VideoFromFile):
        def get_components(self):
            return SimpleNamespace(images=images[:2], frame_rate=Fraction(10), audio=None)

    def read(**answers):
        video = Edited("absent.mp4")
        vars(video).update(answers)
        return sources.read_source(None, video, length=4, fps=0.0, start=0.0)

    edits = (
        {"get_active_trim_window": lambda: (0.0, 0.0), "has_pending_frame_edits": lambda: True},
        {"get_active_trim_window": lambda: (0.0, 2.0), "_VideoFromFile__crop": (0, 0, 32, 32)},
        {"_VideoFromFile__start_time": 0.5},
        {"_VideoFromFile__duration": 2.0},
        {"_VideoFromFile__crop": (0, 0, 32, 32)},
    )
    for edit in edits:
        assert np.array_equal(np.stack(list(read(**edit).frames)), convert.to_frames(images[:2])), edit
    with pytest.raises(ValueError, match="no such file"):  # a whole one is
        read(get_active_trim_window=lambda: (0.0, 0.0), _VideoFromFile__start_time=0, _VideoFromFile__crop=None)


def test_of_a_video_that_was_cut_only_the_needed_frames_are_decoded(convert, sources, tmp_path, monkeypatch):
    """Start and length of what the VIDEO shows; what a clip asks of it; the frames it gets and which they are."""
    from vdt_studio.shim.comfy_api.latest import InputImpl

    class Cut(InputImpl.VideoFromFile):
        def get_components(self):
            raise AssertionError("all of it was decoded")

    levels = np.arange(0, 240, 6, dtype=np.uint8)  # 40 frames, four seconds
    write_video(tmp_path / "clip.mp4", np.repeat(levels, 64 * 64 * 3).reshape(40, 64, 64, 3), 10.0)
    video = Cut(str(tmp_path / "clip.mp4"))
    cases = (
        ((1.0, 0.5), {"length": 4}, [10, 11, 12, 13], (0, 1, 2, 3), 5),
        ((1.0, 0.5), {"length": 16}, [10, 11, 12, 13, 14], (0, 1, 2, 3, 4), 5),
        ((1.0, 0.0), {"length": 3, "start": 0.5}, [15, 16, 17], (5, 6, 7), 30),
        ((2.0, 1.0), {"length": 16, "fps": 5.0, "start": 0.4}, [24, 26, 28], (4, 6, 8), 10),
        ((3.5, 5.0), {"length": 16}, [35, 36, 37, 38, 39], (0, 1, 2, 3, 4), 5),
    )
    for window, wish, frames, taken, total in cases:
        monkeypatch.setattr(video, "get_active_trim_window", lambda window=window: window, raising=False)
        clip = sources.read_source(None, video, **{"fps": 0.0, "start": 0.0, **wish})
        shown = [int(frame[32, 32, 0]) for frame in clip.frames]
        assert np.allclose(shown, levels[frames], atol=3), (window, wish, shown)
        assert (clip.taken, clip.total) == (taken, total), (window, wish)
    monkeypatch.setattr(video, "get_active_trim_window", lambda: (1.0, 0.5))
    with pytest.raises(ValueError, match=r"start 0\.6 s lies outside a clip of 0\.5 s"):
        sources.read_source(None, video, length=4, fps=0.0, start=0.6)


def test_a_video_made_in_the_graph_is_resampled_from_memory(convert, sources, images):
    video = SimpleNamespace(get_components=lambda: SimpleNamespace(images=images, frame_rate=Fraction(10), audio=None))
    clip = sources.read_source(None, video, length=4, fps=5.0, start=0.0)
    assert np.array_equal(np.stack(list(clip.frames)), convert.to_frames(images[[0, 2, 4]]))
    assert sources.read_source(None, video, length=4, fps=0.0, start=0.0).fps == 10.0


def test_the_sound_of_a_video_lasts_as_long_as_the_clip(convert, sources, images, tmp_path):
    from vdt_studio.media.video import write
    from vdt_studio.shim.comfy_api.latest import InputImpl

    audio = {"waveform": torch.linspace(-1, 1, 8000).expand(1, 2, -1), "sample_rate": 8000}  # one second
    made = SimpleNamespace(get_components=lambda: SimpleNamespace(images=images, frame_rate=Fraction(6), audio=audio))
    clip = sources.read_source(None, made, length=3, fps=0.0, start=0.5)
    taken = convert.to_audio(clip.sound)
    assert taken["sample_rate"] == 8000 and torch.equal(taken["waveform"], audio["waveform"][:, :, 4000:])
    longer = sources.read_source(None, made, length=12, fps=0.0, start=0.0)  # more frames than there are
    assert longer.sound.samples.shape == (2, 16000) and not longer.sound.samples[:, 8000:].any()

    write(tmp_path / "clip.mp4", images, Fraction(6), audio=audio)
    video = InputImpl.VideoFromFile(str(tmp_path / "clip.mp4"))
    read = sources.read_source(None, video, length=3, fps=12.0, start=0.25)
    assert read.sound.samples.shape == (2, 2000)  # three frames of a twelfth
    assert np.abs(read.sound.samples - audio["waveform"][0, :, 2000:4000].numpy()).mean() < 0.05  # AAC is lossy
    assert convert.to_audio(sources.read_source(images, None, length=3, fps=0.0, start=0.0).sound) is None


def test_a_video_of_variable_rate_is_read_by_its_time_stamps(convert, sources, tmp_path):
    """As `vdt generate` reads it: 8 frames in the first second and 2 in the next, so that the white one is at 1 s."""
    import av

    from vdt.media import read_video
    from vdt_studio.shim.comfy_api.latest import InputImpl

    path = tmp_path / "variable.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for stamp in (*range(0, 1000, 125), 1000, 1500):
            level = 235 if stamp == 1000 else 20
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8)).reformat(format="yuv420p")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = sources.read_source(None, InputImpl.VideoFromFile(str(path)), length=64, fps=0.0, start=0.0)
    frames = np.stack(list(clip.frames))
    whole = read_video(path)
    assert np.array_equal(frames, whole.frames) and clip.fps == whole.fps
    assert np.argmax(frames.mean((1, 2, 3)) > 150) / clip.fps == pytest.approx(1, abs=1.5 / clip.fps)
