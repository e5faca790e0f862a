"""Captions in training: of scenes and of files, one phrasing a sample, left out now and then."""

import json

import numpy as np
import pytest
import torch

from vdt.checkpoints import load_model
from vdt.inference.prompt import Vocabulary
from vdt.physics.language import SceneFacts, captions
from vdt.ranks import Ranks
from vdt.text import WordEncoder
from vdt.training import read_recipe
from vdt.training.data import sources
from vdt.training.data.captions import CaptionEncoder
from vdt.training.data.latents import LatentSet
from vdt.training.loop import Loop
from vdt.training.recipe import BucketRecipe, DataRecipe, TextRecipe

TEXT = 'conditioning = [{ kind = "mask" }, { kind = "cross_attention", source = "text", width = 192 }]'
WORDS = '[text]\nencoder = "words"\n'


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_phrasing_of_each_caption_is_drawn_and_some_are_left_out():
    said = [("a red ball", "the ball is red"), ("a blue cube that moves left",), ()]
    encoder = CaptionEncoder(TextRecipe(encoder="words", drop=0.25), said)
    assert encoder.length == 6  # every batch has the same shape
    texts = [phrasing for each in said for phrasing in each]
    known = {text: WordEncoder()([text])[0][0] for text in texts}
    counts = dict.fromkeys([*texts, None], 0)
    for seed in range(200):
        embeddings, mask = encoder.draw(said, seeded(seed))
        assert embeddings.shape == (3, 6, 192) and not mask[2].any() and not embeddings[~mask].any()
        for row, each in enumerate(said[:2]):
            found = [text for text in each if torch.equal(embeddings[row][mask[row]], known[text])]
            assert len(found) == 1 or not mask[row].any()
            counts[found[0] if found else None] += 1
    assert counts[None] / 400 == pytest.approx(0.25, abs=0.07)
    assert abs(counts[said[0][0]] - counts[said[0][1]]) < 50


def test_unknown_words_stand_in_the_place_of_some_for_their_neighbours_too():
    said = [("a red ball rolls to the left and hits a blue cylinder",)] * 400 + [("a ball",)] * 100
    plain, strange = (
        CaptionEncoder(TextRecipe(encoder="words", drop=0.0, unknown=share), said) for share in (0.0, 0.2)
    )
    known, counts = plain.draw(said, seeded(1))
    drawn, same = strange.draw(said, seeded(1))
    assert torch.equal(counts, same) and not drawn[~counts].any()
    before, own, after = (drawn != known).unflatten(2, (3, 64)).any(3).unbind(2)  # of the parts of each word's vector
    assert own[counts].float().mean() == pytest.approx(0.2, abs=0.03)
    assert drawn[counts][:, 64:128].unique().tolist() == [-1, 1]
    assert torch.equal(before[:, 1:][counts[:, 1:]], own[:, :-1][counts[:, 1:]])  # a word sees its neighbours
    assert torch.equal(after[:, :-1][counts[:, :-1]], (own & counts)[:, 1:][counts[:, :-1]])
    assert torch.equal(drawn, strange.draw(said, seeded(1))[0])
    assert not torch.equal(drawn, strange.draw(said, seeded(2))[0])
    assert torch.equal(plain.draw(said, seeded(3))[0], known)  # what encodes is not changed by what is drawn
    everything = CaptionEncoder(TextRecipe(encoder="words", drop=0.0, unknown=1.0), said).draw(said, seeded(1))[0]
    assert (everything != known)[counts][:, 64:128].float().mean() == pytest.approx(0.5, abs=0.02)  # signs by chance


def test_a_window_is_told_by_its_own_captions_and_late_ones_by_the_last():
    latents = torch.zeros(3, 6, 1, 1, 1)
    said = [(f"{clip}.{window}",) for clip in range(3) for window in range(2)]
    clips, starts = torch.tensor([2, 0, 1, 0]), torch.tensor([0, 1, 4, 0])
    each = LatentSet(latents=latents, captions=said, windows=2).captions_of(clips, starts)
    assert each == [("2.0",), ("0.1",), ("1.1",), ("0.0",)]
    assert LatentSet(latents=latents, captions=said[::2]).captions_of(clips, starts) == [
        said[0:5:2][i] for i in (2, 0, 1, 0)
    ]
    assert LatentSet(latents=latents).captions_of(clips, starts) == [()] * 4


def test_captions_of_a_scene_tell_what_it_shows_and_those_of_its_mirror_image_what_that_does(monkeypatch):
    class Scene:
        frames = np.zeros((4, 16, 16, 3), np.uint8)

    facts = SceneFacts(colour="red", direction="left", thing="cylinder", thing_colour="blue", event="hits")
    monkeypatch.setattr(sources, "stream_clips", lambda seeds, **_: (Scene() for _ in seeds))
    monkeypatch.setattr(sources, "facts_of_windows", lambda scene, frames: [facts] * (5 - frames))
    bucket = BucketRecipe(frames=4, height=8, width=16)
    parts = [
        sources.read_clips(DataRecipe(clips=5), bucket, None, Ranks(rank=rank, world=2), texts=4) for rank in (0, 1)
    ]
    assert [len(part.frames) for part in parts] == [2, 3] and [part.start for part in parts] == [0, 2]
    assert parts[1].frames.shape == (3, 4, 8, 16, 3) and parts[1].total == 5
    assert list(parts[0].captions) == [captions(facts)] * 2
    assert list(parts[0].mirrored) == [captions(facts.mirrored())] * 2
    assert sources.read_clips(DataRecipe(clips=5), bucket, None, Ranks()).captions == []


def test_files_beside_videos_are_their_captions(workbench, monkeypatch):
    (workbench.folder / "videos" / "0.txt").write_text("a pink square moves to the left\n\na square, left\n")
    seen = []
    draw = Loop._draw

    def watched(self, generator):
        seen.append(self.objective.clips)
        return draw(self, generator)

    monkeypatch.setattr(Loop, "_draw", watched)
    result = workbench.train("told", model=TEXT, tables=WORDS + "drop = 0.0\n", optim="steps = 3")
    clips = seen[0]
    told, mirrored = (
        ("a pink square moves to the left", "a square, left"),
        ("a pink square moves to the right", "a square, right"),
    )
    assert list(clips.captions) == [told, told, (), (), mirrored, mirrored, (), ()]
    model = load_model(result.weight)
    assert model.config.conditioning[1].encoder == "words"  # the file says how a text becomes numbers
    assert any(block.cross_attn.proj.weight.any() for block in model.blocks)  # and the model has begun to read it
    assert json.loads(model.config.to_json())["conditioning"][1]["width"] == 192


def test_a_model_without_text_gets_a_branch_that_begins_by_reading_nothing(workbench):
    first = workbench.train("first")
    text = workbench.train(
        "text", top='init = "first/first.safetensors"', model=TEXT, tables=WORDS, optim="steps = 1\nlr = 0.0"
    )
    before, after = load_model(first.weight), load_model(text.weight)
    x, t = torch.randn(1, 4, 4, 4, 4, generator=seeded(1)), torch.tensor([400])
    assert torch.equal(before(x, t), after(x, t)) and after.config.conditioning[1].encoder == "words"


def test_a_reader_says_what_it_has_read_and_is_not_distilled_without_captions(workbench):
    (workbench.folder / "videos" / "0.txt").write_text("a red ball rolls", encoding="utf-8")
    result = workbench.train("reader", model=TEXT, tables=WORDS, optim="steps = 1")
    assert Vocabulary.read(result.weight) == Vocabulary.of(["a red ball rolls"])
    with pytest.raises(ValueError, match=r"distils a model that reads text.*\[text\] with encoder = \"words\""):
        workbench.train("deaf", top='init = "reader/reader.safetensors"', tables="[distill]\nsteps = 1\n")


def test_text_without_a_model_that_reads_it_is_refused_before_anything_is_encoded(workbench):
    with pytest.raises(ValueError, match=r'no cross-attention to a text: add .*source = "text", width = 192'):
        workbench.train("deaf", tables=WORDS)
    with pytest.raises(ValueError, match="text of width 64"):
        workbench.train("deaf", model=TEXT.replace("192", "64"), tables=WORDS)
    assert not list(workbench.folder.glob("*/latents-*"))
    with pytest.raises(ValueError, match=r"expected one of '', 'words'"):
        read_recipe(workbench.recipe("bad", tables='[text]\nencoder = "clip"\n'))
    (workbench.folder / "videos" / "0.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"0\.txt is not encoded in UTF-8"):
        workbench.train("broken", model=TEXT, tables=WORDS)
