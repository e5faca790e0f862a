"""Video, sound, picture and folder input and output, frame fitting, and atomic writes.

Everything that opens or writes a media file lives here. Tensors of a model never do.
"""

from .audio import read_sound
from .clip import OpenClip, open_clip, read_video
from .frames import FitMode, fit_frames
from .types import Sound, VideoClip, VideoError, VideoInfo
from .video import probe, read_frames, write_video

__all__ = [
    "FitMode",
    "OpenClip",
    "Sound",
    "VideoClip",
    "VideoError",
    "VideoInfo",
    "fit_frames",
    "open_clip",
    "probe",
    "read_frames",
    "read_sound",
    "read_video",
    "write_video",
]
