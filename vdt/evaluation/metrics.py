"""Metrics of one generated clip: picture quality per frame, colour drift, and steps from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .records import Floats, Frames, Mask

STILL_LEVELS = 4  # a pixel that changes by no more than this shows static background


@dataclass(frozen=True, kw_only=True)
class SeamJump:
    """Mean step at the seams of a clip, and the median of its other steps, in 8-bit levels; None where it has none."""

    seam: float | None
    step: float | None


def psnr(frames: Frames, truth: Frames) -> Floats:
    """Peak signal-to-noise ratio per frame in dB, (T,), of (T, H, W, 3) uint8; equal frames give 100 dB."""
    squared = ((frames.astype(np.float64) - truth.astype(np.float64)) ** 2).mean((1, 2, 3))
    return decibels(squared)


def decibels(squared: Floats) -> Floats:
    """Peak signal-to-noise ratio of mean squared errors of 8-bit pixels; 100 dB at most."""
    return 10 * np.log10(255.0**2 / np.maximum(squared, 255.0**2 * 1e-10))


def ssim(frames: Frames, truth: Frames) -> Floats:
    """Structural similarity per frame, (T,), mean over channels (Wang et al. 2004: Gaussian 11x11, sigma 1.5).

    Equals scikit-image's with gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255.

    Args:
        frames: (T, H, W, 3) uint8, at least 11x11.
        truth: the same shape.
    """
    if min(frames.shape[1:3]) < 11:
        raise ValueError(f"SSIM needs frames of at least 11x11 pixels, got {frames.shape[2]}x{frames.shape[1]}")
    x, y = frames.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    cov = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (luminance * structure).mean((1, 2, 3))


def colour_drift(frames: Frames, truth: Frames, generated: Mask) -> float | None:
    """How fast the colour of the static background leaves the truth's: 8-bit levels per 16 frames, worst channel.

    The slope of a line through the mean error of all pixels that never change in the truth, over the generated frames;
    None for fewer than 3 such frames or no such pixel.

    Args:
        frames, truth: (T, H, W, 3).
        generated: (T,).
    """
    still = np.ptp(truth.astype(np.int16), axis=0).max(-1) <= STILL_LEVELS  # (H, W)
    if generated.sum() < 3 or not still.any():
        return None
    error = (frames[generated].astype(np.float64) - truth[generated])[:, still].mean(1)  # (n, 3)
    slopes = np.polyfit(np.flatnonzero(generated), error, 1)[0]  # (3,)
    return float(16 * np.abs(slopes).max())


def frame_steps(frames: Frames) -> Floats:
    """Mean absolute difference of each frame (T, H, W, 3) to the one before it, (T - 1,) in 8-bit levels."""
    differences = np.abs(np.diff(frames.astype(np.int16), axis=0))
    return differences.mean((1, 2, 3), dtype=np.float64)


def seam_jump(frames: Frames, generated: Mask) -> SeamJump:
    """The step in time between given and generated frames, compared with the other steps of the clip.

    Args:
        frames: (T, H, W, 3).
        generated: (T,) bool; the step between a given frame and a generated one is a seam.
    """
    steps = frame_steps(frames)
    seams = np.diff(generated)  # of booleans: where they differ
    return SeamJump(
        seam=float(steps[seams].mean()) if seams.any() else None,
        step=float(np.median(steps[~seams])) if not seams.all() else None,
    )


def blur(frames: Floats, *, sigma: float, radius: int, edge: bool = True) -> Floats:
    """Gaussian window over H and W of (T, H, W, C); without `edge`, only places where the whole window fits remain."""
    window = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    window /= window.sum()
    if edge:
        frames = np.pad(frames, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode="edge")
    frames = sliding_window_view(frames, len(window), axis=1) @ window
    return sliding_window_view(frames, len(window), axis=2) @ window


def _blur(frames: Floats) -> Floats:
    return blur(frames, sigma=1.5, radius=5, edge=False)
