"""Baselines without a network: track the ball in the given frames, extrapolate its centres, and redraw it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..evaluation.baselines import copy_last, given_indices, last_given
from ..evaluation.records import Floats, Frames, Mask
from .ball_tracker import Track, colour_similarity, disc

if TYPE_CHECKING:
    from .scenes import SceneClip

DEGREES = {"constant_velocity": 1, "quadratic": 2}
# Given frames to fit when extrapolating: the best of 2..8 on val clips (8 given, mean over families).
FIT_FRAMES = {"constant_velocity": 2, "quadratic": 8}


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """A ball cut out of a frame: alpha (H, W) in [0, 1] and colour (H, W, 3), at centre (2,) px."""

    alpha: Floats
    colour: Floats
    centre: Floats


def extrapolate(track: Track, generated: Mask, method: str) -> Floats:
    """Continue tracked centres by a polynomial in time, (T, 2) px, not clamped to the picture.

    Between given frames the nearest ones are interpolated; beyond them a least-squares fit of the nearest FIT_FRAMES
    is continued. Only frames where the ball was seen count, and the degree drops where they are too few.

    Args:
        track: of the clip; only given frames are read.
        generated: (T,) bool.
        method: a name of DEGREES.
    """
    times = np.flatnonzero(~generated & track.present)
    if not len(times):
        return track.centres[last_given(generated)]
    centres = np.empty_like(track.centres)
    for t in range(len(generated)):
        inside = times[0] < t < times[-1]
        count = DEGREES[method] + 1 if inside else FIT_FRAMES[method]
        nearest = times[np.argsort(np.abs(times - t), kind="stable")[:count]]
        powers = np.arange(min(DEGREES[method], len(nearest) - 1) + 1)
        basis = (nearest - t)[:, None].astype(np.float64) ** powers
        centres[t] = np.linalg.lstsq(basis, track.centres[nearest], rcond=None)[0][0]
    return centres


def redraw(frames: Frames, clip: SceneClip, track: Track, generated: Mask, centres: Floats) -> Frames:
    """Redraw generated frames: the nearest given one, with its ball removed and pasted at `centres` (T, 2) px."""
    given = given_indices(generated)
    seen = given[track.present[given]]
    if not len(seen):
        return copy_last(frames, generated)
    radius = clip.radius.astype(np.float64)
    drawn = frames.copy()
    sources = {int(t): int(seen[np.abs(seen - t).argmin()]) for t in np.flatnonzero(generated)}
    for source in set(sources.values()):
        background = _without_ball(frames, source, track, seen, radius)
        sprite = _cut(frames[source], clip, track.centres[source], float(radius[source]))
        for t in (t for t, nearest in sources.items() if nearest == source):
            drawn[t] = _paste(background, sprite, centres[t])
    return drawn


def _without_ball(frames: Frames, source: int, track: Track, seen: NDArray[np.intp], radius: Floats) -> Floats:
    """The source frame with the ball's disc filled from frames that show the background there, else from its border."""
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
    """Fill a hole from its border inwards for some rings, each pixel with the mean of its filled neighbours."""
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
    """The ball as a soft disc; its rim, mixed with the background, takes the colour just inside it."""
    shape = frame.shape[:2]
    alpha = disc(shape, centre, radius)
    inside = (disc(shape, centre, radius - 1) >= 1) & (colour_similarity(frame[None], clip.colours[0])[0] > 0.3)
    if not inside.any():
        return Sprite(alpha=alpha, colour=frame.astype(np.float64), centre=centre)
    return Sprite(
        alpha=alpha,
        colour=_fill_from_border(frame.astype(np.float64), ~inside, rings=round(2 * radius) + 3),
        centre=centre,
    )


def _paste(background: Floats, sprite: Sprite, centre: Floats) -> Frames:
    """The background with the sprite moved to a centre by a bilinear shift, clipped at the borders."""
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
