"""How good a clip is: the ball read out of its pixels, compared with the simulator's and with simple baselines."""

from .contact import touches
from .evaluate import Report, Sample, contact_to_predict, evaluate, known_frames
from .footage import evaluate_footage, footage_table, write_footage
from .metrics import centroid_error, psnr, ssim
from .plots import markdown_table, write_report
from .readout import Track, track

__all__ = [
    "Report",
    "Sample",
    "Track",
    "centroid_error",
    "contact_to_predict",
    "evaluate",
    "evaluate_footage",
    "footage_table",
    "known_frames",
    "markdown_table",
    "psnr",
    "ssim",
    "touches",
    "track",
    "write_footage",
    "write_report",
]
