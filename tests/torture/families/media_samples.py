"""Small files of many formats, made with PyAV and Pillow, to be damaged."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..forks import finished, forked
from ..outcomes import ROOT
from .material import square, tone, write_clip, write_wave

# name, picture codec, its pixel format, sound codec
VIDEOS = (
    ("a.mkv", "libx264", "yuv420p", "libopus"),
    ("a.mov", "mpeg4", "yuv420p", "pcm_s16le"),
    ("a.webm", "libvpx-vp9", "yuv420p", "libopus"),
    ("a.avi", "mpeg4", "yuv420p", "mp2"),
    ("b.avi", "mjpeg", "yuvj420p", "pcm_s16le"),
    ("a.ts", "mpeg2video", "yuv420p", "mp2"),
    ("b.ts", "libx264", "yuv420p", "aac"),
    ("a.flv", "flv1", "yuv420p", None),
    ("a.gif", "gif", "rgb8", None),
    ("a.mpg", "mpeg1video", "yuv420p", "mp2"),
    ("b.mkv", "ffv1", "yuv444p", "flac"),
    ("b.mp4", "mpeg4", "yuv420p", "aac"),  # no libx265: that of PyAV 18 damages the heap
    ("c.mkv", "libsvtav1", "yuv420p", "libvorbis"),
)
PICTURES = ("avif", "png", "jpeg", "webp", "gif", "bmp", "tiff", "apng", "ico", "ppm", "tga", "jpeg2000")


def make_samples(folder: Path) -> list[Path]:
    """Files of all formats that this build of FFmpeg and Pillow write, and the shared cases where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    write_clip(folder / "plain.mp4")
    write_clip(folder / "sound.mp4", sound=True)
    write_wave(folder / "only_sound.wav")
    for name, *codecs in VIDEOS:
        with contextlib.suppress(Exception):  # this build has no such encoder
            _video(folder / name, *codecs)
    _pictures(folder)
    _photos(folder)
    (folder / "text.txt").write_text("not a picture\n" * 20)
    shared = ROOT.parent / "shared" / "cases" / "media"
    more = list(shared.iterdir()) if shared.is_dir() else []
    return sorted(path for path in [*folder.iterdir(), *more] if 0 < path.stat().st_size < 400_000)


def _photos(folder: Path) -> None:
    """HEIC files of tiles, as the tests write them; in a child, for libx265 is not always kind to small pictures."""
    import importlib.util

    source = ROOT / "tests/vdt/media/test_pictures.py"

    def write() -> None:
        spec = importlib.util.spec_from_file_location("torture_heic", source)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        picture = module.scene(128, 128)
        module.write_heic(folder / "tiles.heic", picture, (120, 124))
        module.write_heic(folder / "turned.heic", picture, (120, 124), turns=1, mirror=0, in_file=True)
        module.write_heic(folder / "single.heic", picture[:64, :64], (64, 64), turns=3, kind=b"")
        (folder / "tile.mp4").unlink(missing_ok=True)

    finished(forked(write, folder.with_suffix(".log")))


def _video(path: Path, codec: str, pixels: str, sound: str | None) -> None:
    import av

    with av.open(str(path), "w") as container:
        container.metadata["comment"] = "wörds"
        stream: Any = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 48, 40, pixels
        if stream.codec_context.max_b_frames is not None and codec in ("mpeg4", "mpeg2video", "libx264"):
            stream.codec_context.max_b_frames = 2
        track: Any = container.add_stream(sound, rate=48_000) if sound else None
        for picture in square(16):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            _sound(container, track)


def _sound(container: Any, track: Any) -> None:
    import av

    samples = np.ascontiguousarray(np.tile(tone(0.64, 48_000), (2, 1)))
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    context = track.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout="stereo", rate=48_000, frame_size=context.frame_size or None
    )
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(track.encode(piece))
    container.mux(track.encode(None))


def _pictures(folder: Path) -> None:
    from PIL import Image, PngImagePlugin

    frames = [Image.fromarray(frame) for frame in square(4)]
    for kind in PICTURES:
        with contextlib.suppress(Exception):  # this build of Pillow cannot write it
            suffix, animated = ("png", True) if kind == "apng" else (kind, kind in ("gif", "webp", "tiff", "avif"))
            more = {"save_all": True, "append_images": frames[1:], "duration": 70} if animated else {}
            frames[0].save(folder / f"{kind}.{suffix}", format=suffix.upper(), **more)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("prompt", '{"1": {"class_type": "PreviewImage", "inputs": {}}}')
    frames[0].convert("RGBA").save(folder / "texts.png", pnginfo=notes)
    exif = Image.Exif()
    exif[0x0112] = 5
    frames[0].save(folder / "turned.jpg", exif=exif)
    frames[0].convert("P").save(folder / "palette.png", transparency=3)
    Image.fromarray(np.arange(48 * 40, dtype=np.uint16).reshape(40, 48)).save(folder / "deep.png")
