"""Predictions without a network: hold the last frame, or track the given ball, continue its curve and draw it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .readout import Floats, Track, disc, likeness

if TYPE_CHECKING:
    from ..data.scenes import SceneClip

Frames = NDArray[np.uint8]
Known = NDArray[np.bool_]

DEGREES = {"constant_velocity": 1, "quadratic": 2}
# Given frames to fit when extrapolating: of 2..8 each method's best on val clips (8 given, mean over families).
WINDOWS = {"constant_velocity": 2, "quadratic": 8}


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """A ball cut out of a frame: alpha (H, W) in [0, 1] and colour (H, W, 3), at centre (2,) px."""

    alpha: Floats
    colour: Floats
    centre: Floats


def copy_last(frames: Frames, known: Known) -> Frames:
    """Every generated frame repeats the last given frame before it (the first given one if there is none before).

    Args:
        frames: (T, H, W, 3) uint8; only given frames are read.
        known: (T,) bool, True where given.
    """
    return frames[_given(known)[_before(known)]]


def linear_blend(frames: Frames, known: Known) -> Frames:
    """Every generated frame is the cross-fade of its given neighbours; outside them the nearest one is repeated."""
    given = _given(known)
    position = np.interp(np.arange(len(known)), given, np.arange(len(given)))
    low = np.floor(position).astype(int)
    share = (position - low)[:, None, None, None]
    high = np.minimum(low + 1, len(given) - 1)
    blended = frames[given[low]] * (1 - share) + frames[given[high]] * share
    return np.round(blended).astype(np.uint8)


def extrapolate(track: Track, known: Known, method: str) -> Floats:
    """Continues tracked centres by a polynomial in time, (T, 2) px, not clamped to the picture.

    Between given frames the nearest ones are interpolated; beyond them a least-squares fit of the nearest WINDOWS is
    continued. Only frames where the ball was seen count, and the degree drops where they are too few.

    Args:
        track: readout of the clip; only given frames are read.
        known: (T,) bool, True where given.
        method: a name of DEGREES.
    """
    times = np.flatnonzero(known & track.present)
    if not len(times):
        return track.centres[_given(known)[_before(known)]]
    centres = np.empty_like(track.centres)
    for t in range(len(known)):
        inside = times[0] < t < times[-1]
        count = DEGREES[method] + 1 if inside else WINDOWS[method]
        nearest = times[np.argsort(np.abs(times - t), kind="stable")[:count]]
        powers = np.arange(min(DEGREES[method], len(nearest) - 1) + 1)
        basis = (nearest - t)[:, None].astype(np.float64) ** powers
        centres[t] = np.linalg.lstsq(basis, track.centres[nearest], rcond=None)[0][0]
    return centres


def draw_moved(frames: Frames, clip: SceneClip, track: Track, known: Known, centres: Floats) -> Frames:
    """Redraws generated frames: the nearest given one, its ball taken out and pasted at `centres` (T, 2) px."""
    given = _given(known)
    seen = given[track.present[given]]
    if not len(seen):
        return copy_last(frames, known)
    radius = clip.radius.astype(np.float64)
    drawn = frames.copy()
    sources = {int(t): int(seen[np.abs(seen - t).argmin()]) for t in np.flatnonzero(~known)}
    for source in set(sources.values()):
        background = _without_ball(frames, source, track, seen, radius)
        sprite = _cut(frames[source], clip, track.centres[source], float(radius[source]))
        for t in (t for t, nearest in sources.items() if nearest == source):
            drawn[t] = _paste(background, sprite, centres[t])
    return drawn


def _before(known: Known) -> NDArray[np.intp]:
    """For each frame, which of the given ones is the last before it (the first one if none is)."""
    return np.maximum(np.cumsum(known) - 1, 0)


def _given(known: Known) -> NDArray[np.intp]:
    given = np.flatnonzero(known)
    if not len(given):
        raise ValueError("the analytic baselines need at least one given frame, got none: choose another task")
    return given


def _without_ball(frames: Frames, source: int, track: Track, seen: NDArray[np.intp], radius: Floats) -> Floats:
    """The source frame with the ball's disc filled from frames that show what is behind it, else from its border."""
    height, width = frames.shape[1:3]
    covers = np.stack([disc((height, width), track.centres[t], 1.2 * radius[t] + 1.5) > 0 for t in seen])
    hole = covers[list(seen).index(source)]
    stack = np.where(covers[..., None], np.nan, frames[seen].astype(np.float64))
    background = frames[source].astype(np.float64)
    always = covers.all(0)
    if (hole & ~always).any():
        background[hole & ~always] = np.nanmedian(stack[:, hole & ~always], axis=0)
    return _fill_from_border(background, always & hole, rings=max(hole.shape))


def _fill_from_border(image: Floats, hole: NDArray[np.bool_], rings: int) -> Floats:
    """Grows the surroundings into a hole for some rings, each pixel the mean of its filled neighbours."""
    image, filled = image.copy(), ~hole
    for _ in range(rings if filled.any() else 0):
        if filled.all():
            break
        weight = np.pad(filled.astype(np.float64), 1)
        value = np.pad(image * filled[..., None], ((1, 1), (1, 1), (0, 0)))
        count, total = np.zeros(hole.shape), np.zeros_like(image)
        for dy, dx in ((0, 1), (1, 0), (1, 2), (2, 1)):
            count += weight[dy : dy + hole.shape[0], dx : dx + hole.shape[1]]
            total += value[dy : dy + hole.shape[0], dx : dx + hole.shape[1]]
        ring = ~filled & (count > 0)
        image[ring] = total[ring] / count[ring][:, None]
        filled = filled | ring
    return image


def _cut(frame: Frames, clip: SceneClip, centre: Floats, radius: float) -> Sprite:
    """The ball as a soft disc; its rim, mixed with what was behind, takes the colour just inside it."""
    shape = frame.shape[:2]
    alpha = disc(shape, centre, radius)
    inside = (disc(shape, centre, radius - 1) >= 1) & (likeness(frame[None], clip.colours[0])[0] > 0.3)
    if not inside.any():
        return Sprite(alpha=alpha, colour=frame.astype(np.float64), centre=centre)
    return Sprite(
        alpha=alpha,
        colour=_fill_from_border(frame.astype(np.float64), ~inside, rings=round(2 * radius) + 3),
        centre=centre,
    )


def _paste(background: Floats, sprite: Sprite, centre: Floats) -> Frames:
    """The background with the sprite moved to a centre by bilinear shift; what leaves the picture is cut off."""
    shift = np.clip(centre - sprite.centre, -4.0 * max(sprite.alpha.shape), 4.0 * max(sprite.alpha.shape))
    layers = np.concatenate([sprite.alpha[..., None], sprite.colour * sprite.alpha[..., None]], axis=-1)
    moved = _shifted(layers, shift)
    return np.round(np.clip(moved[..., 1:] + background * (1 - moved[..., :1]), 0, 255)).astype(np.uint8)


def _shifted(layers: Floats, shift: Floats) -> Floats:
    """(H, W, C) moved by (dx, dy) px, bilinear, zero outside."""
    height, width = layers.shape[:2]
    whole = np.floor(shift).astype(int)
    fx, fy = shift - whole
    result = np.zeros_like(layers)
    for dx, dy, share in ((0, 0, (1 - fx) * (1 - fy)), (1, 0, fx * (1 - fy)), (0, 1, (1 - fx) * fy), (1, 1, fx * fy)):
        x, y = int(whole[0]) + dx, int(whole[1]) + dy
        if abs(x) >= width or abs(y) >= height:
            continue
        source = layers[max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)]
        result[max(y, 0) : height - max(-y, 0), max(x, 0) : width - max(-x, 0)] += share * source
    return result
