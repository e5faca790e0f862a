"""Does a generated clip show what its text says: judged from pixels alone, fact by fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...evaluation.records import Floats, Frames
from ...evaluation.statistics import interval_values, proportion
from ..contact import pixels_touch
from ..objects import LEAST_SATURATION, hue_and_saturation, mean_colour
from .captions import AT_REST, HUES, Colour, SceneFacts

if TYPE_CHECKING:
    from ...inference.pipeline import Pipeline
    from ...inference.settings import GenerationConfig

# In 64ths of the frame's width.
LEAST_SIDE = 3.5  # of the square that a thing in view fills
LEAST_SHIFT = 1.5  # of a ball that moves to one side
LEAST_FALL = 4.0  # between the highest and the lowest place of a thrown ball
RESTING = 1.2 * AT_REST  # px per frame of a ball at rest, whose place is a median of pixels
UPRIGHT = 1.25  # height by width of a cylinder, at least; a ball is round


@dataclass(frozen=True, kw_only=True)
class Obedience:
    """Which facts of a text a clip shows; an event needs the ball to be there."""

    colour: bool
    direction: bool
    thing: bool
    event: bool


def judge(frames: Frames, facts: SceneFacts) -> Obedience:
    """Compare a clip, uint8 (T, H, W, 3), with what its text said."""
    names = colour_names(frames)
    ball, thing = names == facts.colour, _thing_is_right(names, facts)
    seen = _in_view(ball)
    if seen.sum() < len(frames) / 2:
        return Obedience(colour=False, direction=False, thing=thing, event=False)
    centres = _centres(ball)[seen]
    shift = (centres[-1, 0] - centres[0, 0]) / (frames.shape[2] / 64)
    return Obedience(
        colour=True,
        direction=bool(shift >= LEAST_SHIFT if facts.direction == "right" else shift <= -LEAST_SHIFT),
        thing=thing,
        event=thing and _event_is_right(frames, facts, names, centres),
    )


def colour_names(frames: Frames) -> NDArray[np.str_]:
    """What people call each vivid pixel, (T, H, W); "" for the others."""
    hue, saturation = hue_and_saturation(frames)
    names = np.array([each for _, each in HUES] + [HUES[0][1]])
    found = names[np.searchsorted([end / 360 for end, _ in HUES], hue, side="right")]
    return np.where((saturation >= LEAST_SATURATION) & (frames.max(-1) > 40), found, "")


def evaluate_text(
    pipeline: Pipeline, texts: Sequence[tuple[SceneFacts, str]], config: GenerationConfig, *, batch_size: int = 8
) -> tuple[dict[str, Any], list[Frames]]:
    """Clips made from sentences alone, judged.

    Args:
        pipeline: a model that reads words, with its VAE.
        texts: what each sentence says, and the sentence.
        config: how clips are sampled; the seed of each clip depends on its number.

    Returns the shares of clips that obey in each fact with their Wilson intervals, and the clips.
    """
    from ...evaluation.generation import generate_clips  # reads the pipeline

    model = pipeline.model.config
    side = model.input_size * pipeline.codec.downscale
    blank = np.zeros((model.num_frames, side, side, 3), np.uint8)
    generated = np.ones(model.num_frames, bool)
    clips: list[Frames] = []
    for start in range(0, len(texts), batch_size):
        sentences = [sentence for _, sentence in texts[start : start + batch_size]]
        clips += generate_clips(pipeline, [blank] * len(sentences), generated, config, start=start, text=sentences)
    found = [judge(clip, facts) for clip, (facts, _) in zip(clips, texts, strict=True)]
    return obedience_record(found), clips


def obedience_record(found: Sequence[Obedience]) -> dict[str, Any]:
    """JSON values: the share of clips that obey in each fact, with its interval."""
    record: dict[str, Any] = {"clips": len(found)}
    for fact in ("colour", "thing", "direction", "event"):
        record |= interval_values(fact, proportion([getattr(each, fact) for each in found]))
    return record


def _in_view(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """In which frames a region is large enough to be a thing, bool (T,)."""
    return region.sum((1, 2)) >= (LEAST_SIDE * region.shape[2] / 64) ** 2  # type: ignore[no-any-return]


def _centres(region: NDArray[np.bool_]) -> Floats:
    """Medians of the places of a region, (T, 2) as (x, y), NaN where it is empty: specks do not move them."""
    centres = np.full((len(region), 2), np.nan)
    for frame, mask in enumerate(region):
        if mask.any():
            rows, columns = np.nonzero(mask)
            centres[frame] = np.median(columns), np.median(rows)
    return centres


def _thing_is_right(names: NDArray[np.str_], facts: SceneFacts) -> bool:
    """Whether the object of the text is there, in its colour and shape; of "nothing", that no other colour is there."""
    if facts.thing_colour is None:
        others = [name for _, name in HUES if name not in _near(facts.colour)]
        return not any(_in_view(names == name).mean() >= 0.5 for name in others)
    region = names == facts.thing_colour
    seen = _in_view(region)
    if seen.mean() < 0.5:
        return False
    shape = np.median([_height_by_width(mask) for mask in region[seen]])
    return bool(shape >= UPRIGHT) == (facts.thing == "cylinder")


def _near(colour: Colour) -> list[Colour]:
    """A colour with its neighbours on the circle, into which its shaded side may fall."""
    names = [name for _, name in HUES]
    place = names.index(colour)
    return [names[(place + step) % len(names)] for step in (-1, 0, 1)]


def _height_by_width(mask: NDArray[np.bool_]) -> float:
    """Of a region: the spread of its rows by that of its columns."""
    rows, columns = np.nonzero(mask)
    return float((rows.std() + 0.3) / (columns.std() + 0.3))


def _event_is_right(frames: Frames, facts: SceneFacts, names: NDArray[np.str_], centres: Floats) -> bool:
    unit = frames.shape[2] / 64
    if facts.thing_colour is None:
        return bool(np.ptp(centres[:, 1]) >= LEAST_FALL * unit)
    colours = [np.nanmean(mean_colour(frames, names == name), axis=0) for name in (facts.colour, facts.thing_colour)]
    met = pixels_touch(frames, colours, np.arange(len(frames)) > 0)
    tail = centres[-max(2, len(centres) // 4) :]
    rests = float(np.linalg.norm(tail[-1] - tail[0])) / (len(tail) - 1) < RESTING * unit
    shown = "hits" if met else "stops" if rests else "passes"
    return shown == facts.event
