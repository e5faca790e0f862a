"""The VIDEO type: a file, or frames with a rate; both can be taken apart and saved as mp4."""

from __future__ import annotations

import io
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....media import video as media


class VideoContainer(str, Enum):
    """Containers that videos are saved in."""

    AUTO = "auto"
    MP4 = "mp4"

    @classmethod
    def as_input(cls) -> list[str]:
        return [member.value for member in cls]

    @classmethod
    def get_extension(cls, value: VideoContainer | str) -> str:
        cls(value)
        return "mp4"


class VideoCodec(str, Enum):
    """Codecs that videos are saved with."""

    AUTO = "auto"
    H264 = "h264"

    @classmethod
    def as_input(cls) -> list[str]:
        return [member.value for member in cls]


@dataclass
class VideoComponents:
    """A video taken apart: images float (T, H, W, 3) in [0, 1], frames a second, sound or None."""

    images: Tensor
    frame_rate: Fraction
    audio: dict[str, Any] | None = None  # {"waveform": (1, channels, samples) in [-1, 1], "sample_rate": int}
    metadata: dict[str, Any] | None = None


class VideoInput(ABC):
    """What nodes may ask of a VIDEO."""

    @abstractmethod
    def get_components(self) -> VideoComponents: ...

    @abstractmethod
    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
    ) -> None: ...

    @abstractmethod
    def get_dimensions(self) -> tuple[int, int]: ...

    def get_stream_source(self) -> str | io.BytesIO:
        """A path or a buffer that PyAV can open."""
        buffer = io.BytesIO()
        self.save_to(buffer)
        buffer.seek(0)
        return buffer

    def get_duration(self) -> float:
        components = self.get_components()
        return float(components.images.shape[0] / components.frame_rate)

    def get_frame_count(self) -> int:
        return self.get_components().images.shape[0]

    def get_frame_rate(self) -> Fraction:
        return self.get_components().frame_rate

    def get_container_format(self) -> str:
        return "mp4"


class VideoFromComponents(VideoInput):
    """A video of frames that nodes made."""

    def __init__(self, components: VideoComponents) -> None:
        self._components = components

    def get_components(self) -> VideoComponents:
        return self._components

    def get_dimensions(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self._components.images.shape[1:3]
        return width, height

    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Write h264 in mp4, whole or not at all; values are truncated to bytes, odd sizes padded to even ones."""
        VideoContainer(format), VideoCodec(codec)
        media.write(
            path,
            self._components.images,
            Fraction(self._components.frame_rate),
            audio=self._components.audio,
            metadata=metadata,
        )


class VideoFromFile(VideoInput):
    """A video file; nothing is read before it is asked for."""

    def __init__(self, file: str | Path | io.BytesIO) -> None:
        self._file = file if isinstance(file, io.BytesIO) else str(file)

    def get_stream_source(self) -> str | io.BytesIO:
        if isinstance(self._file, io.BytesIO):
            self._file.seek(0)
        return self._file

    def get_dimensions(self) -> tuple[int, int]:
        """Width and height of the upright frames."""
        with self._path() as path:
            info = media.describe(path)
        return info.width, info.height

    def get_duration(self) -> float:
        with self._path() as path:
            info = media.describe(path)
        return info.duration if info.duration is not None else super().get_duration()

    def get_frame_count(self) -> int:
        with self._path() as path:
            frames = media.describe(path).frames
        return frames if frames is not None else super().get_frame_count()

    def get_frame_rate(self) -> Fraction:
        with self._path() as path:
            return media.describe(path).fps or media.STILL_RATE

    def get_container_format(self) -> str:
        with self._path() as path:
            return media.container_format(path)

    def get_components(self) -> VideoComponents:
        with self._path() as path:
            read = media.read(path)
        images = torch.from_numpy(read.frames.astype(np.float32) / 255)  # (T, H, W, 3)
        return VideoComponents(images=images, frame_rate=read.rate, audio=read.audio, metadata=read.tags)

    def save_to(
        self,
        path: str | io.BytesIO,
        format: VideoContainer = VideoContainer.AUTO,
        codec: VideoCodec = VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Copy the streams of h264 mp4 files unchanged; encode others anew."""
        VideoContainer(format), VideoCodec(codec)
        with self._path() as source:
            if media.is_h264_mp4(source):
                media.copy(source, path, metadata)
                return
        VideoFromComponents(self.get_components()).save_to(path, format, codec, metadata)

    @contextmanager
    def _path(self) -> Iterator[Path]:
        """A file name for what may be a buffer, which is written out for the time that is needed."""
        source = self.get_stream_source()
        if isinstance(source, str):
            yield Path(source)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video"
            path.write_bytes(source.getvalue())
            yield path
