"""Generic measures of generated clips: metrics, comparisons with the truth, simple baselines, reports on video folders.

Nothing here knows what the clips show; see `vdt.physics` for simulated scenes.
"""

from .baselines import copy_last, linear_blend
from .compare import Comparison, compare
from .generation import GenerationConfig, generate_clips, round_trip
from .metrics import colour_drift, frame_steps, psnr, seam_jump, ssim
from .records import Report, Sample
from .statistics import ConfidenceInterval, bootstrap_mean, proportion
from .video_folder import evaluate_folder, folder_table, write_folder_report

__all__ = [
    "Comparison",
    "ConfidenceInterval",
    "GenerationConfig",
    "Report",
    "Sample",
    "bootstrap_mean",
    "colour_drift",
    "compare",
    "copy_last",
    "evaluate_folder",
    "folder_table",
    "frame_steps",
    "generate_clips",
    "linear_blend",
    "proportion",
    "psnr",
    "round_trip",
    "seam_jump",
    "ssim",
    "write_folder_report",
]
