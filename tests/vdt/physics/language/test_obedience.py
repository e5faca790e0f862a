"""The judge of clips made from text: right about drawn clips, and about each fact by itself."""

import dataclasses

import numpy as np
import pytest

from vdt.physics.language.captions import SceneFacts
from vdt.physics.language.obedience import Obedience, colour_names, judge, obedience_record

HALF = 16
# Of the clips that `make_clip` draws: an orange-red ball and a blue one.
HITS = SceneFacts(colour="red", direction="right", thing="ball", thing_colour="blue", event="hits")


@pytest.fixture
def hit(make_clip):
    """The ball comes from the left, meets the other one at frame 8 and pushes it on."""
    t = np.arange(HALF, dtype=np.float64)
    ball = np.stack([np.minimum(6 + 2.0 * t, 20), np.full(HALF, 30.0)], axis=1)
    other = np.stack([np.maximum(30, 30 + 1.5 * (t - 7)), np.full(HALF, 30.0)], axis=1)
    return make_clip(ball, other, contact_frame=7, family="two_balls").frames


@pytest.fixture
def miss(make_clip):
    """The ball goes by below the other one and does not touch it."""
    ball = np.stack([6 + 2.0 * np.arange(HALF), np.full(HALF, 38.0)], axis=1)
    return make_clip(ball, (24.0, 14.0), family="two_balls").frames


def test_a_clip_that_shows_its_text_obeys_in_all(hit, miss):
    everything = Obedience(colour=True, direction=True, thing=True, event=True)
    assert judge(hit, HITS) == everything
    assert judge(miss, dataclasses.replace(HITS, event="passes")) == everything


def test_each_fact_is_judged_by_itself(hit):
    changed = {
        "direction": "left",
        "thing": "cylinder",
        "event": "passes",
    }
    for fact, value in changed.items():
        found = dataclasses.asdict(judge(hit, dataclasses.replace(HITS, **{fact: value})))
        wrong = {name for name, right in found.items() if not right}
        assert wrong == ({"thing", "event"} if fact == "thing" else {fact})  # without its object nothing is hit
    green = judge(hit, dataclasses.replace(HITS, colour="green"))
    assert not (green.colour or green.direction or green.event) and green.thing
    assert not judge(hit, dataclasses.replace(HITS, thing_colour="yellow")).thing
    alone = dataclasses.replace(HITS, thing="nothing", thing_colour=None, event="bounces")
    assert not judge(hit, alone).thing


def test_a_ball_that_rests_and_one_that_is_thrown(make_clip):
    t = np.arange(HALF)
    slowing = np.stack([26 - 18 * 0.6**t, np.full(HALF, 38.0)], axis=1)
    rests = make_clip(slowing, (40.0, 14.0)).frames
    assert judge(rests, dataclasses.replace(HITS, event="stops")).event
    thrown = make_clip(np.stack([40 - 2.0 * t, 12 + 0.1 * t**2], axis=1)).frames
    facts = SceneFacts(colour="red", direction="left", thing="nothing", thing_colour=None, event="bounces")
    assert judge(thrown, facts) == Obedience(colour=True, direction=True, thing=True, event=True)


def test_an_empty_picture_obeys_in_nothing(hit):
    grey = np.full_like(hit, 128)
    assert judge(grey, HITS) == Obedience(colour=False, direction=False, thing=False, event=False)
    assert not (colour_names(grey) == "red").any()


def test_shares_have_intervals():
    found = [Obedience(colour=True, direction=index > 0, thing=True, event=False) for index in range(4)]
    record = obedience_record(found)
    assert (record["colour"], record["direction"], record["event"]) == (1, 0.75, 0)
    assert record["direction_ci"][0] < 0.75 < record["direction_ci"][1]
