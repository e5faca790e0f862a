"""The encoder by rule: the same numbers everywhere, nearly orthogonal words, neighbours, no padding."""

import hashlib

import torch

from vdt.text import WordEncoder, split_words
from vdt.text.words import MAX_WORDS, WIDTH, word_signs

ENCODE = WordEncoder()


def test_a_word_is_the_bits_of_its_hash():
    bits = int.from_bytes(hashlib.sha256(b"ball").digest(), "little")
    expected = [2 * (bits >> place & 1) - 1 for place in range(WIDTH)]
    assert word_signs("ball").tolist() == expected


def test_words_are_split_by_letters_and_digits_alone():
    assert split_words("A red ball, moving LEFT; it's 2 m away!") == [
        "a",
        "red",
        "ball",
        "moving",
        "left",
        "it's",
        "2",
        "m",
        "away",
    ]
    assert split_words(" ...") == []


def test_different_words_are_nearly_orthogonal():
    signs = torch.stack([word_signs(f"word{number}") for number in range(300)])
    gram = (signs @ signs.T / WIDTH).fill_diagonal_(0)
    assert float(gram.abs().mean()) < 0.15 and float(gram.abs().max()) < 0.75


def test_each_place_holds_its_word_between_its_neighbours():
    embeddings, mask = ENCODE(["red ball", "a green ball rolls", ""])
    assert embeddings.shape == (3, 4, ENCODE.width) and mask.sum(1).tolist() == [2, 4, 0]
    before, own, after = embeddings[1, 2].split(WIDTH)
    assert torch.equal(before, word_signs("green")) and torch.equal(own, word_signs("ball"))
    assert torch.equal(after, word_signs("rolls"))
    assert not embeddings[0, 1, -WIDTH:].any() and not embeddings[~mask].any()


def test_texts_are_cut_and_no_text_is_one_place_that_does_not_count():
    embeddings, mask = ENCODE(["a " * 1000])
    assert embeddings.shape[1] == MAX_WORDS and bool(mask.all())
    embeddings, mask = ENCODE([""])
    assert embeddings.shape == (1, 1, ENCODE.width) and not mask.any()
