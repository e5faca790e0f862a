"""Numbers for one generated clip: picture quality per frame, and how far the ball is from where it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .readout import Floats, Track

STILL_LEVELS = 4  # a pixel that changes by no more shows something that does not move
VISIBLE_SHARE = 0.5  # a ball hidden more than this has no centre worth comparing


@dataclass(frozen=True, kw_only=True)
class CentroidError:
    """Error of the tracked ball: error (T,) px, NaN where it does not count; present (T,) bool; scored (T,) bool."""

    error: Floats
    present: NDArray[np.bool_]
    scored: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SeamJump:
    """Mean step at the seams of a clip beside the median of its other steps, 8-bit levels; None where it has none."""

    seam: float | None
    step: float | None


def psnr(frames: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Floats:
    """Peak signal-to-noise ratio per frame in dB, (T,), of (T, H, W, 3) uint8; equal frames give 100 dB."""
    squared = ((frames.astype(np.float64) - truth.astype(np.float64)) ** 2).mean((1, 2, 3))
    return decibels(squared)


def decibels(squared: Floats) -> Floats:
    """Peak signal-to-noise ratio of mean squared errors of 8-bit pixels; 100 dB at most."""
    return 10 * np.log10(255.0**2 / np.maximum(squared, 255.0**2 * 1e-10))


def ssim(frames: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Floats:
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


def colour_drift(frames: NDArray[np.uint8], truth: NDArray[np.uint8], generated: NDArray[np.bool_]) -> float | None:
    """How fast the colour of still places leaves the truth's, in 8-bit levels per 16 frames, of the worst channel.

    A straight line through the generated frames, of the mean over all pixels that never change in truth; None where
    there are fewer than 3 such frames or no such pixel.

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


def frame_steps(frames: NDArray[np.uint8]) -> Floats:
    """Mean absolute difference of each frame (T, H, W, 3) to the one before it, (T - 1,) in 8-bit levels."""
    differences = np.abs(np.diff(frames.astype(np.int16), axis=0))
    return differences.mean((1, 2, 3), dtype=np.float64)


def seam_jump(frames: NDArray[np.uint8], known: NDArray[np.bool_]) -> SeamJump:
    """How far a clip jumps in time where it was put together, beside how far it moves from frame to frame elsewhere.

    Args:
        frames: (T, H, W, 3).
        known: (T,) bool, True where the frame was given; the step between such a frame and a generated one is a seam.
    """
    steps = frame_steps(frames)
    seams = np.diff(known)  # of booleans: where they differ
    return SeamJump(
        seam=float(steps[seams].mean()) if seams.any() else None,
        step=float(np.median(steps[~seams])) if not seams.all() else None,
    )


def centroid_error(
    track: Track, truth: NDArray[np.floating], visible: NDArray[np.floating], known: NDArray[np.bool_]
) -> CentroidError:
    """Distance of the tracked ball from the simulator's, on generated frames where the true ball is visible.

    An absent ball is scored from its last tracked centre, so vanishing costs what standing still would.

    Args:
        track: readout of the clip; its centres carry the last seen one on.
        truth: (T, 2) px, the simulator's centres.
        visible: (T,) visible share of the true ball.
        known: (T,) bool, True where the frame was given.
    """
    scored = ~known & (visible >= VISIBLE_SHARE)
    error = np.linalg.norm(track.centres - truth, axis=-1)
    return CentroidError(error=np.where(scored, error, np.nan), present=track.present, scored=scored)


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
