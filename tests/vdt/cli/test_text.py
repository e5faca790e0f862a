"""`vdt generate --text`: the text reaches the model, no text changes nothing, and what makes no sense is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from vdt.checkpoints import add_metadata, save_model
from vdt.config import CrossAttentionSpec, MaskSpec
from vdt.inference.prompt import WORDS_KEY, Vocabulary
from vdt.inference.settings import GenerationConfig, SamplingConfig
from vdt.media.video import probe
from vdt.models import VDT
from vdt.text import WordEncoder

SENTENCE = "the red ball hits the blue cylinder"


@pytest.fixture
def reader(place, tiny_model):
    """A tiny model that reads words, every weight drawn, as a file."""
    spec = CrossAttentionSpec(source="text", width=WordEncoder.width, encoder="words")
    config = dataclasses.replace(tiny_model.config, conditioning=(MaskSpec(embed=True), spec))
    model, generator = VDT(config), torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.05 * torch.randn(parameter.shape, generator=generator)
    save_model(model.eval(), config, place / "reader.safetensors")
    return {"model": place / "reader.safetensors"}


def test_a_text_reaches_the_model_and_is_written_down(place, generate, reader, calls, capsys):
    assert generate("predict", given=3, **reader, text=SENTENCE, **{"text-guidance": 3}) == 0
    _, options, told = calls[-1]
    assert options["text"] == SENTENCE and options["sampling"].text_guidance == 3.0
    video = place / "out" / "out.mp4"
    comment = _comment(video)
    assert comment.endswith(f"2 steps, guidance 1.5, text guidance 3, temperature 0.5, seed 0, text {SENTENCE!r}")
    assert generate("predict", given=3, **reader) == 0
    assert not torch.allclose(told.latents, calls[-1][2].latents, atol=1e-3)
    assert "text" not in _comment(video)


def test_a_text_weighs_as_the_library_has_it_and_that_of_the_student_is_in_its_weights(generate, reader, calls):
    assert generate("predict", given=3, **reader, text=SENTENCE) == 0
    assert generate("predict", "--fast", given=3, **reader, text=SENTENCE) == 0
    plain, fast = (options["sampling"] for _, options, _ in calls)
    assert plain.text_guidance == SamplingConfig().text_guidance != 1 and not fast.is_text_guided


def test_words_that_a_model_has_not_learned_are_named_and_stop_nothing(generate, reader, capsys):
    """As far as its file says which it has."""
    assert generate("predict", given=3, **reader, text="a dog hits the ball") == 0
    assert "not learned" not in capsys.readouterr().out
    words = Vocabulary.of([SENTENCE, "a ball rolls"]).to_json()
    add_metadata(reader["model"], {WORDS_KEY: words})
    assert generate("predict", given=3, **reader, text="A dog hits the balls, a dog!") == 0
    said = capsys.readouterr().out
    assert "has not learned these words: 'dog', 'balls' (perhaps 'ball'?). It knows sentences such as" in said
    assert f"\n  {SENTENCE}\n" in said
    assert generate("predict", given=3, **reader, text=SENTENCE.upper()) == 0
    assert "not learned" not in capsys.readouterr().out


def test_no_text_is_bit_for_bit_the_model_without_one(generate, reader, calls):
    assert generate("predict", given=3, **reader) == 0
    assert generate("predict", given=3, **reader, text=" ", **{"text-guidance": 3}) == 0
    assert generate("predict", given=3, text="") == 0  # of a model that reads none
    (_, first, plain), (_, second, empty), _ = calls
    assert torch.equal(plain.latents, empty.latents) and np.array_equal(plain.frames, empty.frames)
    assert first["sampling"] == second["sampling"] and second["text"] == ""


def test_clips_of_any_length_read_the_text(place, generate, reader, written_frames):
    made = []
    for text in ("", SENTENCE):
        assert generate("extend", frames=4, **reader, text=text) == 0
        made.append(np.stack(written_frames))
    assert np.array_equal(made[0][:9], made[1][:9]) and not np.array_equal(made[0][9:], made[1][9:])
    assert _comment(place / "out" / "out.mp4").endswith(f"text {SENTENCE!r}")


def test_what_makes_no_sense_is_refused_in_one_sentence(generate, reader, refused, written):
    for task, settings in (("predict", {}), ("extend", {"frames": 2})):
        refused(generate(task, **settings, text=SENTENCE), "this model reads no text: leave the text out")
    refused(generate("predict", **reader, text="\u7ea2\u7403"), "without a word of letters a to z: write it in English")
    refused(generate("predict", **reader, **{"text-guidance": 3}), "--text-guidance 3 needs --text")
    refused(generate("predict", **reader, text="a", **{"text-guidance": "nan"}), "expected a number")
    assert written() == []


def test_a_run_describes_itself_with_its_text():
    assert GenerationConfig(seed=3).describe() == f"{SamplingConfig().for_text(False).describe()}, seed 3"
    told = GenerationConfig(sampling=SamplingConfig(text_guidance=3.0), text="a ball")
    assert (
        told.describe()
        == "dpmpp_2m_quad, 3 steps, guidance 1.5, text guidance 3, temperature 0.5, seed 0, text 'a ball'"
    )
    assert "text" not in dataclasses.replace(told, text="").describe()


def _comment(video):
    """What the file says of how it was made."""
    import av

    assert probe(video).frames
    with av.open(str(video)) as file:
        return file.metadata["comment"]
