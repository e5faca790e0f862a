"""`comfy_api.latest`: schema, results on the screen, and video, as node files import them."""

from __future__ import annotations

from . import io, ui
from . import io as IO
from . import ui as UI
from .extension import ComfyExtension
from .video import VideoCodec, VideoComponents, VideoContainer, VideoFromComponents, VideoFromFile, VideoInput


class Input:
    """Types of values that arrive at nodes."""

    Video = VideoInput


class InputImpl:
    """Implementations of those that nodes construct."""

    VideoFromFile = VideoFromFile
    VideoFromComponents = VideoFromComponents


class Types:
    """Records and choices that belong to them."""

    VideoCodec = VideoCodec
    VideoContainer = VideoContainer
    VideoComponents = VideoComponents


__all__ = ["IO", "UI", "ComfyExtension", "Input", "InputImpl", "Types", "io", "ui"]
