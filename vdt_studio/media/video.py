"""Video files with their sound and tags, over `vdt.media.video`: frames of all kinds in, h264 mp4 out."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import torch
from torch import Tensor

from vdt.media.audio import Sound, read_sound
from vdt.media.files import atomic_path
from vdt.media.opening import opened, picture_stream, reason, sound_streams
from vdt.media.packets import demux
from vdt.media.video import VideoError, probe, read_frames, write_video

from ..limits import check_memory
from .comparison import Encoding, encoding_of
from .images import as_tags, to_bytes

STILL_RATE = Fraction(1)  # frames a second of a still image that is read as a video
_FLAGS = {"movflags": "use_metadata_tags+faststart"}
_AUDIO_CODEC = "aac"
_CHECKED_EVERY = 64  # frames, of a file that does not say how many it has

describe = probe


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadVideo:
    """All of a file: frames uint8 (T, H, W, 3), sound as AUDIO or None, its tags."""

    frames: np.ndarray
    rate: Fraction
    audio: dict[str, Any] | None
    tags: dict[str, str]


def read(path: Path) -> ReadVideo:
    """Read a whole file; VideoError for what is not a video."""
    info = probe(path)
    rate = info.fps or STILL_RATE
    if info.frames:
        check_memory(f"'{path.name}'", (info.frames, info.height, info.width, 3))
    frames: list[np.ndarray] = []
    for frame in read_frames(path):
        frames.append(frame)
        if len(frames) % _CHECKED_EVERY == 0:  # headers may say less than there is
            check_memory(f"'{path.name}'", (len(frames), *frame.shape))
    return ReadVideo(frames=np.stack(frames), rate=rate, audio=_read_audio(path), tags=tags(path))


def tags(path: Path) -> dict[str, str]:
    """The free tags of a file, such as `workflow` and `prompt`."""
    with opened(path) as container:
        return dict(container.metadata)


def encoding(path: Path) -> Encoding:
    """How the pictures of a video are encoded, as far as the file tells."""
    with opened(path) as container:
        stream = picture_stream(container, path)
        context = stream.codec_context
        names = ("pix_fmt", "colorspace", "color_primaries", "color_trc", "color_range")
        colours = tuple(str(getattr(context, name, "")) for name in names)
        try:
            packet = bytes(next(container.demux(stream), b""))
        except (av.error.FFmpegError, TypeError, IndexError):
            packet = b""
        return encoding_of(context.name, colours, packet)


def container_format(path: Path) -> str:
    with opened(path) as container:
        return str(container.format.name)


def is_h264_mp4(path: Path) -> bool:
    """Whether the streams of a file that have decoders can be copied into an mp4 as they are."""
    with opened(path) as container:
        pictures = [stream for stream in container.streams.video if stream.codec_context is not None]
        codecs = [stream.codec_context.name for stream in pictures]
        sound = {stream.codec_context.name for stream in sound_streams(container)}
        return "mp4" in container.format.name and codecs == ["h264"] and sound <= {_AUDIO_CODEC}


def write(
    target: str | Path | io.BytesIO,
    images: Tensor,
    rate: Fraction,
    *,
    audio: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write images (T, H, W, 3) in [0, 1] as h264 mp4 with tags, and sound cut to the length of the video."""
    frames = to_bytes(images[..., :3])
    sound = None if audio is None else _sound(audio, float(len(frames) / rate))
    with _target(target) as path:
        write_video(path, frames, rate, metadata=as_tags(metadata), sound=sound)


def copy(source: Path, target: str | Path | io.BytesIO, metadata: Mapping[str, Any] | None = None) -> None:
    """Copy the streams of an mp4 without encoding them anew; new tags are added to those it has.

    Streams that nothing here decodes are left out. VideoError for packets that no file can hold.
    """
    with _target(target) as path:
        _remux(source, path, {**tags(source), **(metadata or {})})


def _sound(audio: Mapping[str, Any], seconds: float) -> Sound:
    """AUDIO, no longer than the video."""
    waveform, rate = torch.as_tensor(audio["waveform"])[0].float().cpu(), int(audio["sample_rate"])
    return Sound(samples=waveform[:, : round(seconds * rate)].numpy(), rate=rate)


def _remux(source: Path, path: Path, metadata: Mapping[str, Any] | None) -> None:
    with opened(source) as old, atomic_path(path) as temporary:
        kept = [picture_stream(old, source), *sound_streams(old)]
        kept.sort(key=lambda stream: stream.index)
        try:
            with av.open(str(temporary.absolute()), "w", format="mp4", options=_FLAGS) as new:
                new.metadata.update(as_tags(metadata))
                copies = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in kept}
                for packet in demux(old, *kept, jumps=False):
                    if packet.dts is not None:  # the last one of each stream is empty
                        packet.stream = copies[packet.stream.index]
                        new.mux(packet)
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError(f"cannot copy '{source}' to '{path}': {reason(error)}") from error


def _read_audio(path: Path) -> dict[str, Any] | None:
    sound = read_sound(path)
    if sound is None or not sound.samples.size:
        return None
    return {"waveform": torch.from_numpy(sound.samples)[None], "sample_rate": sound.rate}  # (1, channels, samples)


@contextmanager
def _target(target: str | Path | io.BytesIO) -> Iterator[Path]:
    """A path to write to; a buffer gets what was written there."""
    if not isinstance(target, io.BytesIO):
        yield Path(target)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        yield path
        target.write(path.read_bytes())
