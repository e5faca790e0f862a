"""Finds a ball in pixels by its colour, without the simulator, and compares its track with the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..evaluation.records import Floats, Frames, Mask

PRESENT_SHARE = 0.3  # of the expected disc's area; half-hidden balls pass, smears and specks do not
VISIBLE_SHARE = 0.5  # a ball hidden more than this has no centre worth comparing
_GREY_FLOOR = 12.0  # brightness added before saturation is taken, so that dark noise has no colour


@dataclass(frozen=True, kw_only=True)
class Track:
    """The track of an object: centres (T, 2) px as (x, y), present (T,) bool, area (T,) px."""

    centres: Floats
    present: NDArray[np.bool_]
    area: Floats


def colour_similarity(frames: Frames, colour: ArrayLike) -> Floats:
    """How well each pixel matches the object's hue, (T, H, W) in [0, 1].

    Shading scales a colour and highlights add white to it, so hue and saturation are compared and brightness is not.

    Args:
        frames: (T, H, W, 3) uint8.
        colour: (3,) base RGB of the object, 0..255; it needs a hue.
    """
    along = tint(frames, colour)
    chroma = frames - frames.mean(-1, keepdims=True)
    strength = np.linalg.norm(_hue(colour))
    cosine = along * strength / (np.linalg.norm(chroma, axis=-1) + 1e-6)
    relative = along * (np.max(colour) + _GREY_FLOOR) / (frames.max(-1) + _GREY_FLOOR)
    return _ramp(cosine, 0.7, 0.9) * _ramp(relative, 0.15, 0.75)


def tint(frames: Frames, colour: ArrayLike) -> Floats:
    """How much of the object's hue each pixel carries, (T, H, W), 1 for its base colour.

    Linear in the pixels, so blur keeps its sum.
    """
    hue = _hue(colour)
    return (frames - frames.mean(-1, keepdims=True)) @ (hue / (hue @ hue))


def track(frames: Frames, colour: ArrayLike, radius: ArrayLike) -> Track:
    """Track the largest blob of a colour: the disc that holds most of it, then the centroid around it.

    Args:
        frames: (T, H, W, 3) uint8.
        colour: (3,) base RGB, 0..255.
        radius: expected radius in px, one or (T,).

    Returns:
        A Track; a frame without the object repeats the last seen centre (before the first one, the first seen centre;
        the middle of the frame if it is never seen).
    """
    num_frames, height, width = frames.shape[:3]
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (num_frames,))
    weight = colour_similarity(frames, colour)
    found = [_largest_blob(frame, r) for frame, r in zip(weight, radii, strict=True)]
    area = np.array([size for _, size in found])
    present = area >= PRESENT_SHARE * np.pi * radii**2
    centres = np.array([centre for centre, _ in found])
    return Track(centres=fill_absent(centres, present, ((width - 1) / 2, (height - 1) / 2)), present=present, area=area)


def fill_absent(centres: Floats, present: NDArray[np.bool_], default: ArrayLike) -> Floats:
    """Centres (T, 2) with those of absent frames replaced by the last present one (or, before it, the first one)."""
    if not present.any():
        return np.tile(np.asarray(default, dtype=np.float64), (len(centres), 1))
    last = np.maximum.accumulate(np.where(present, np.arange(len(centres)), -1))
    return centres[np.where(last < 0, int(present.argmax()), last)]


@dataclass(frozen=True, kw_only=True, eq=False)
class CentroidError:
    """Error of the tracked ball: error (T,) px, NaN where it is not scored; present (T,) bool; scored (T,) bool."""

    error: Floats
    present: NDArray[np.bool_]
    scored: NDArray[np.bool_]


def centroid_error(
    track: Track, truth: NDArray[np.floating], visible: NDArray[np.floating], generated: Mask
) -> CentroidError:
    """Distance of the tracked ball from the simulator's, on generated frames in which the true ball is visible.

    An absent ball is scored from its last tracked centre, so vanishing costs as much as standing still.

    Args:
        track: of the clip that is scored.
        truth: (T, 2) px, the simulator's centres.
        visible: (T,) visible share of the true ball.
        generated: (T,) bool.
    """
    scored = generated & (visible >= VISIBLE_SHARE)
    error = np.linalg.norm(track.centres - truth, axis=-1)
    return CentroidError(error=np.where(scored, error, np.nan), present=track.present, scored=scored)


def disc(shape: tuple[int, int], centre: ArrayLike, radius: float) -> Floats:
    """A disc with a one-pixel soft edge, (H, W) in [0, 1]; centre is (x, y) with pixel centres at integers."""
    x, y = np.asarray(centre, dtype=np.float64)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)


def _hue(colour: ArrayLike) -> Floats:
    """The part of a colour that is not grey, (3,)."""
    base = np.asarray(colour, dtype=np.float64)
    if base.shape != (3,) or np.linalg.norm(base - base.mean()) < 0.1 * max(base.max(), 1.0):
        raise ValueError(f"colour must be an RGB triple with a hue, got {base.tolist()}: grey cannot be told apart")
    return base - base.mean()


def _largest_blob(weight: Floats, radius: float) -> tuple[Floats, float]:
    """Centre and area of the blob that fills a disc best: mean shift from the fullest place."""
    shape = weight.shape
    kernel = disc((2 * int(np.ceil(radius)) + 1,) * 2, (np.ceil(radius),) * 2, radius)
    peak = np.unravel_index(int(_filter(weight, kernel).argmax()), shape)
    centre, area = np.array([peak[1], peak[0]], dtype=np.float64), 0.0
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    for _ in range(6):
        local = weight * disc((shape[0], shape[1]), centre, 1.4 * radius + 1)
        area = float(local.sum())
        if area < 1e-6:
            break
        centre = np.array([(local * columns).sum(), (local * rows).sum()]) / area
    return centre, area


def _filter(image: Floats, kernel: Floats) -> Floats:
    """Zero-padded correlation with a symmetric odd kernel, same size."""
    half = kernel.shape[0] // 2
    size = (image.shape[0] + 2 * half, image.shape[1] + 2 * half)
    product = np.fft.rfft2(image, size) * np.fft.rfft2(kernel, size)
    full = np.fft.irfft2(product, size)
    return full[half : half + image.shape[0], half : half + image.shape[1]]


def _ramp(value: Floats, low: float, high: float) -> Floats:
    return np.clip((value - low) / (high - low), 0, 1)
