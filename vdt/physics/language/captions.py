"""Sentences about a scene: colours, object, direction and event, as the clip shows them, in several phrasings."""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ..scenes import Motion, SceneClip

Colour = Literal["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
Direction = Literal["left", "right"]
Thing = Literal["cylinder", "ball", "nothing"]
Event = Literal["bounces", "hits", "stops", "passes"]

# Upper ends of the hues in degrees; red goes on from the last one to 360.
HUES: tuple[tuple[float, Colour], ...] = (
    (14, "red"),
    (44, "orange"),
    (68, "yellow"),
    (160, "green"),
    (198, "cyan"),
    (256, "blue"),
    (288, "purple"),
    (344, "pink"),
)
LEAST_WAY = 2.0  # px that a ball moves sideways in a window with a caption, of a clip of 64 px
AT_REST = 0.25  # px per frame over the last quarter of a clip of 64 px: a ball that has come to rest


@dataclass(frozen=True, kw_only=True)
class SceneFacts:
    """What a caption tells of a clip."""

    colour: Colour
    direction: Direction
    thing: Thing
    thing_colour: Colour | None
    event: Event

    @classmethod
    def of(cls, clip: SceneClip | Motion, window: slice = slice(None)) -> SceneFacts:
        """The facts that a clip shows: of its own frames, not of what the simulation would have done later."""
        thing: Thing = "nothing" if len(clip.names) < 2 else "cylinder" if clip.names[1] == "cylinder" else "ball"
        centres = clip.centres[0, window]
        return cls(
            colour=colour_name(clip.colours[0]),
            direction="right" if centres[-1, 0] >= centres[0, 0] else "left",
            thing=thing,
            thing_colour=None if thing == "nothing" else colour_name(clip.colours[1]),
            event=_event(centres, clip.contact_frame - (window.start or 0), clip.size, thing),
        )

    def mirrored(self) -> SceneFacts:
        """The facts of the clip seen in a mirror."""
        other: Direction = "left" if self.direction == "right" else "right"
        return SceneFacts(**{**self.__dict__, "direction": other})


def colour_name(rgb: Sequence[int] | np.ndarray) -> Colour:
    """The name of a vivid colour, uint8 (3,)."""
    red, green, blue = (float(value) / 255 for value in rgb)
    degrees = 360 * colorsys.rgb_to_hsv(red, green, blue)[0]
    return next((name for end, name in HUES if degrees < end), "red")


def facts_of_windows(clip: SceneClip | Motion, frames: int) -> list[SceneFacts | None]:
    """The facts of every window of so many frames, by its first one; None where a window shows too little for them.

    That is a window after the contact, or one in which the ball is out of the picture or hardly moves.
    """
    centres = clip.centres[0]
    found: list[SceneFacts | None] = []
    for start in range(max(1, len(centres) - frames + 1)):
        own = centres[start : start + frames]
        is_seen = bool(((own[0] >= 0) & (own[0] < clip.size)).all())
        tells = is_seen and abs(own[-1, 0] - own[0, 0]) >= LEAST_WAY * clip.size / 64
        is_late = 0 <= clip.contact_frame < start
        whole = start == 0  # a whole clip has its facts whatever it shows
        found.append(SceneFacts.of(clip, slice(start, start + frames)) if whole or (tells and not is_late) else None)
    return found


def _event(centres: np.ndarray, contact_frame: int, size: int, thing: Thing) -> Event:
    """Of the ball's centres (T, 2) in pixels."""
    frames = len(centres)
    if thing == "nothing":
        return "bounces"
    if 0 <= contact_frame < frames:
        return "hits"
    tail = centres[-max(2, frames // 4) :]
    speed = np.linalg.norm(tail[-1] - tail[0]) / (len(tail) - 1)
    return "stops" if speed < AT_REST * size / 64 else "passes"


# ---- Phrasings -------------------------------------------------------------------------------------------------------

# Per event: what the ball does. {to} is a direction, {it} the object with its colour.
TRAINED: dict[Event, tuple[str, ...]] = {
    "bounces": (
        "a {colour} ball flies to the {to} and bounces",
        "a {colour} ball is thrown to the {to}",
        "a bouncing {colour} ball that moves {to}",
        "the {colour} ball falls, bounces on the floor and goes {to}",
        "{colour} ball bouncing {to}",
        "thrown {to}, the {colour} ball jumps off the floor",
        "to the {to} bounces a {colour} ball",
    ),
    "hits": (
        "a {colour} ball rolls to the {to} and hits a {it}",
        "a {colour} ball moves {to} and collides with a {it}",
        "the {colour} ball going {to} knocks into the {it}",
        "a {it} is hit by a {colour} ball that rolls {to}",
        "{colour} ball hits {it}, rolling {to}",
        "a {colour} ball on its way {to} strikes the {it}",
        "to the {to} rolls a {colour} ball until it hits a {it}",
    ),
    "stops": (
        "a {colour} ball rolls to the {to} and stops before a {it}",
        "a {colour} ball moves {to}, slows down and comes to rest near a {it}",
        "the {colour} ball going {to} stops and never reaches the {it}",
        "a {it} stays untouched, the {colour} ball rolling {to} stops",
        "{colour} ball stops before {it}, rolling {to}",
        "a {colour} ball on its way {to} comes to rest, the {it} is not touched",
        "to the {to} rolls a {colour} ball but it stops near the {it}",
    ),
    "passes": (
        "a {colour} ball rolls to the {to} and does not touch a {it}",
        "a {colour} ball moves {to} and misses a {it}",
        "the {colour} ball going {to} passes the {it}",
        "a {it} is missed by a {colour} ball that rolls {to}",
        "{colour} ball passes {it}, rolling {to}",
        "a {colour} ball on its way {to} rolls past the {it}",
        "to the {to} rolls a {colour} ball and misses the {it}",
    ),
}
PARAPHRASES: dict[Event, tuple[str, ...]] = {
    "bounces": ("the {colour} ball, thrown, bounces and flies {to}", "a ball that is {colour} bounces to the {to}"),
    "hits": ("{colour} ball rolls {to}, collides with the {it}", "going {to}, a {colour} ball hits the {it}"),
    "stops": (
        "{colour} ball rolls {to}, stops, the {it} stays untouched",
        "going {to}, a {colour} ball stops near a {it}",
    ),
    "passes": ("{colour} ball rolls {to}, misses the {it}", "going {to}, a {colour} ball passes a {it}"),
}
SHORT = (
    "a {colour} ball",
    "a ball that moves {to}",
    "a {colour} ball that moves {to}",
    "a {colour} ball and a {it}",
    "a {it}",
)


@lru_cache(maxsize=4096)
def captions(facts: SceneFacts) -> tuple[str, ...]:
    """Phrasings to learn from: whole ones, and short ones that tell a part."""
    return whole_captions(facts) + tuple(
        each for each in _filled(SHORT, facts) if facts.thing != "nothing" or "nothing" not in each
    )


def whole_captions(facts: SceneFacts) -> tuple[str, ...]:
    """The phrasings of them that tell everything."""
    return tuple(_filled(TRAINED[facts.event], facts))


def paraphrases(facts: SceneFacts) -> tuple[str, ...]:
    """Whole phrasings that no model learns from."""
    return tuple(_filled(PARAPHRASES[facts.event], facts))


def all_facts() -> list[SceneFacts]:
    """Every combination that a caption can tell, in a fixed order; a ball and its object differ in colour."""
    names = [name for _, name in HUES]
    found = []
    for colour, direction in itertools.product(names, ("left", "right")):
        found.append(_facts(colour, direction, "nothing", None, "bounces"))
        things = itertools.product(("cylinder", "ball"), names, ("hits", "stops", "passes"))
        found += [_facts(colour, direction, *each) for each in things if each[1] != colour]
    return found


def _facts(colour: Colour, direction: str, thing: str, thing_colour: Colour | None, event: str) -> SceneFacts:
    values = {"direction": direction, "thing": thing, "event": event}
    return SceneFacts(colour=colour, thing_colour=thing_colour, **values)  # type: ignore[arg-type]


def _filled(templates: Sequence[str], facts: SceneFacts) -> Iterator[str]:
    it = facts.thing if facts.thing_colour is None else f"{facts.thing_colour} {facts.thing}"
    for template in templates:
        yield template.format(colour=facts.colour, to=facts.direction, it=it)
