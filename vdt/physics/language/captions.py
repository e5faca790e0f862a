"""Sentences about a scene: colours, object, direction and event, as the clip shows them, in several phrasings."""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    def of(cls, clip: SceneClip | Motion) -> SceneFacts:
        """The facts that a clip shows: of its own frames, not of what the simulation would have done later."""
        thing: Thing = "nothing" if len(clip.names) < 2 else "cylinder" if clip.names[1] == "cylinder" else "ball"
        x = clip.centres[0, :, 0]
        return cls(
            colour=colour_name(clip.colours[0]),
            direction="right" if x[-1] >= x[0] else "left",
            thing=thing,
            thing_colour=None if thing == "nothing" else colour_name(clip.colours[1]),
            event=_event(clip, thing),
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


def _event(clip: SceneClip | Motion, thing: Thing) -> Event:
    frames = clip.centres.shape[1]
    if thing == "nothing":
        return "bounces"
    if 0 <= clip.contact_frame < frames:
        return "hits"
    tail = clip.centres[0, -max(2, frames // 4) :]
    speed = np.linalg.norm(tail[-1] - tail[0]) / (len(tail) - 1)
    return "stops" if speed < AT_REST * clip.size / 64 else "passes"


# ---- Phrasings -------------------------------------------------------------------------------------------------------

# Per event: what the ball does. {to} is a direction, {it} the object with its colour.
TRAINED: dict[Event, tuple[str, ...]] = {
    "bounces": (
        "a {colour} ball flies to the {to} and bounces",
        "a {colour} ball is thrown to the {to}",
        "a bouncing {colour} ball that moves {to}",
        "the {colour} ball falls, bounces on the floor and goes {to}",
    ),
    "hits": (
        "a {colour} ball rolls to the {to} and hits a {it}",
        "a {colour} ball moves {to} and collides with a {it}",
        "the {colour} ball going {to} knocks into the {it}",
        "a {it} is hit by a {colour} ball that rolls {to}",
    ),
    "stops": (
        "a {colour} ball rolls to the {to} and stops before a {it}",
        "a {colour} ball moves {to}, slows down and comes to rest near a {it}",
        "the {colour} ball going {to} stops and never reaches the {it}",
        "a {it} stays untouched, the {colour} ball rolling {to} stops",
    ),
    "passes": (
        "a {colour} ball rolls to the {to} and does not touch a {it}",
        "a {colour} ball moves {to} and misses a {it}",
        "the {colour} ball going {to} passes the {it}",
        "a {it} is missed by a {colour} ball that rolls {to}",
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
