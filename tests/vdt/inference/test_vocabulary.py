"""Which words a model has learned: written into its file, read from it, and what is said of others."""

import pytest

from vdt.checkpoints import add_metadata, save_model
from vdt.inference.prompt import MOST_NAMED, WORDS_KEY, Vocabulary

CAPTIONS = ["a red ball", "the red ball hits the blue cylinder", "a blue ball rolls to the left"]


def test_words_are_those_of_all_captions_and_examples_are_captions():
    made = Vocabulary.of(CAPTIONS)
    assert made.words == {"a", "red", "ball", "the", "hits", "blue", "cylinder", "rolls", "to", "left"}
    assert made.examples and set(made.examples) <= set(CAPTIONS)
    assert Vocabulary.of([]) == Vocabulary()


def test_unknown_words_are_named_once_and_what_is_like_them_is_offered():
    known = Vocabulary.of(CAPTIONS)
    assert known.unknown("Dogs hit the dogs, RED ball!") == ["dogs", "hit"]
    assert "'dogs', 'hit' (perhaps 'hits'?)" in known.advice("Dogs hit the dogs")
    assert known.advice("a red ball") == known.advice("") == ""
    many = " ".join(f"word{number}x" for number in range(MOST_NAMED + 3))
    assert "and 3 more" in known.advice(many)
    assert Vocabulary().advice("a dog") == ""


def test_a_file_keeps_them_and_one_without_them_says_nothing(tmp_path, tiny_model):
    path = tmp_path / "model.safetensors"
    save_model(tiny_model, tiny_model.config, path)
    for nothing in (None, path, tmp_path / "absent.safetensors"):
        assert Vocabulary.read(nothing) == Vocabulary(), nothing
    add_metadata(path, {WORDS_KEY: Vocabulary.of(CAPTIONS).to_json()})
    assert Vocabulary.read(path) == Vocabulary.of(CAPTIONS)


@pytest.mark.parametrize("damaged", ["", "[", "[]", "3", '{"words": ["a"]}', '{"words": 1, "examples": []}'])
def test_advice_never_stops_a_run(tmp_path, tiny_model, damaged):
    path = tmp_path / "model.safetensors"
    save_model(tiny_model, tiny_model.config, path, {WORDS_KEY: damaged})
    assert Vocabulary.read(path).advice("a dog") == ""
