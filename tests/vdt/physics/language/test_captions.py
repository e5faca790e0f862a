"""Captions: true of the clip, mirrored rightly, made of known words, and paraphrases that no model has read."""

import dataclasses

import numpy as np

from vdt.physics.language.captions import (
    LEAST_WAY,
    SceneFacts,
    all_facts,
    captions,
    colour_name,
    facts_of_windows,
    paraphrases,
)
from vdt.physics.scenes import SceneClip
from vdt.text import split_words

RED, BLUE = (230, 20, 20), (20, 40, 230)


def clip(x, *, contact=-1, names=("ball", "cylinder"), size=64):
    """A clip whose ball is at these places; its pixels do not matter."""
    frames, objects = len(x), len(names)
    centres = np.full((objects, frames, 2), 40, np.float32)
    centres[0, :, 0] = x
    return SceneClip(
        frames=np.zeros((frames, size, size, 3), np.uint8),
        family="roll_collide",
        seed=0,
        split="train",
        names=names,
        centres=centres,
        visible=np.ones((objects, frames), np.float32),
        silhouettes=np.zeros((objects, frames, size, size), np.bool_),
        colours=np.array([RED, BLUE][:objects], np.uint8),
        radius=np.full(frames, 5, np.float32),
        contact_frame=contact,
    )


def test_facts_are_what_the_clip_shows():
    right, slowing = np.linspace(5, 50, 16), 40 - 30 * 0.6 ** np.arange(16)
    hit = SceneFacts.of(clip(right, contact=9))
    assert (hit.colour, hit.direction, hit.thing, hit.thing_colour, hit.event) == (
        *("red", "right", "cylinder", "blue", "hits"),
    )
    assert SceneFacts.of(clip(right, contact=16)).event == "passes"  # it touches after the clip has ended
    assert SceneFacts.of(clip(slowing)).event == "stops"
    assert SceneFacts.of(clip(right[::-1], names=("ball", "other_ball"))).thing == "ball"
    alone = SceneFacts.of(clip(right[::-1], names=("ball",)))
    assert (alone.thing, alone.thing_colour, alone.event, alone.direction) == ("nothing", None, "bounces", "left")
    assert alone.mirrored() == dataclasses.replace(alone, direction="right")


def test_colours_have_the_names_that_people_give_them():
    named = {
        (255, 0, 0): "red",
        (255, 128, 0): "orange",
        (250, 240, 0): "yellow",
        (0, 200, 0): "green",
        (0, 220, 230): "cyan",
        (0, 0, 255): "blue",
        (150, 0, 230): "purple",
        (255, 0, 160): "pink",
        (255, 0, 20): "red",
    }
    assert {rgb: colour_name(rgb) for rgb in named} == named


def test_every_full_phrasing_tells_every_fact():
    for facts in all_facts():
        for text in (*captions(facts)[:4], *paraphrases(facts)):
            words = split_words(text)
            told = [facts.colour, facts.direction, *([facts.thing, facts.thing_colour] if facts.thing_colour else [])]
            assert all(word in words for word in told), (text, facts)
            assert facts.thing != "nothing" or "nothing" not in words
    assert len(set(all_facts())) == len(all_facts())


def test_paraphrases_are_new_sentences_of_known_words():
    for facts in all_facts()[::7]:
        assert not set(paraphrases(facts)) & set(captions(facts))
    read = {word for facts in all_facts() for text in captions(facts) for word in split_words(text)}
    asked = {word for facts in all_facts() for text in paraphrases(facts) for word in split_words(text)}
    assert asked <= read, asked - read


def test_a_window_has_the_facts_of_its_own_frames():
    """A ball that goes right, turns at the seventh frame and comes back; it touches something at the ninth."""
    x = [10, 14, 18, 22, 26, 30, 34, 30, 26, 22, 18, 14, 10]
    found = facts_of_windows(clip(x, contact=8), 4)
    assert len(found) == 10
    told = [each and (each.direction, each.event) for each in found]
    assert told == [("right", "passes")] * 5 + [("left", "hits")] * 4 + [None]  # the last begins after the contact
    assert found[0] == SceneFacts.of(clip(x[:4]))
    assert facts_of_windows(clip(x, contact=8), len(x)) == [SceneFacts.of(clip(x, contact=8))]
    assert facts_of_windows(clip(x, contact=8), 99) == [SceneFacts.of(clip(x, contact=8))]


def test_a_window_that_shows_too_little_has_none():
    way = np.array([0.0, 1, 2, 3])
    assert facts_of_windows(clip([20, *(20 + 1.01 * LEAST_WAY / 3 * way)]), 4)[1] is not None
    assert facts_of_windows(clip([20, *(20 + 0.99 * LEAST_WAY / 3 * way)]), 4)[1] is None
    assert facts_of_windows(clip([-9, -5, -1, 3, 7, 11]), 3)[1:] == [
        None,
        None,
        facts_of_windows(clip([3, 7, 11]), 3)[0],
    ]
    assert facts_of_windows(clip([5, 5, 5, 5]), 4)[0].event == "stops"  # a whole clip has its facts whatever it shows
    large = clip(2 * np.array([20, *(20 + 0.99 * LEAST_WAY / 3 * way)]), size=128)
    assert facts_of_windows(large, 4)[1] is None  # the least way is that of a clip of 64 px


def test_windows_of_the_mirror_image_are_mirrored():
    x = np.array([10, 14, 18, 22, 26, 30, 34, 30, 26, 22, 18, 14, 10])
    there, back = (facts_of_windows(clip(places, contact=8), 4) for places in (x, 63 - x))
    assert [each and each.mirrored() for each in there] == back
