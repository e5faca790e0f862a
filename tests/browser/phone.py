"""A video as phones make them: lying frames with a matrix that sets them upright, at a rate that varies."""

import struct
from fractions import Fraction

import av
import numpy as np

LYING = (320, 180)  # width and height as stored; it is seen as 180x320
FRAMES = 36
UPRIGHT = (0, 1, -1, 0)  # a quarter turn clockwise


def phone_video(path):
    """Write it: a ball that falls and bounces, seen upright, for about 1.5 seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "20"})
        stream.width, stream.height = LYING
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        at = 0
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(_upright(index))), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            at += (33, 33, 50, 41)[index % 4]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _turn(path)
    return path


def _upright(index):
    """A frame as it is seen, uint8 (320, 180, 3)."""
    width, height = LYING[1], LYING[0]
    y, x = np.mgrid[0:height, 0:width]
    picture = np.where((y > 250)[..., None], (96, 88, 84), (150, 160, 172)).astype(np.uint8)
    phase = index / FRAMES * 3
    ball = 230 - 160 * abs(np.cos(phase * np.pi / 2)) * 0.7 ** int(phase)
    picture[(x - 40 - 2.5 * index) ** 2 + (y - ball) ** 2 < 20**2] = (210, 90, 40)
    return picture


def _turn(path):
    a, b, c, d = (value << 16 for value in UPRIGHT)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
