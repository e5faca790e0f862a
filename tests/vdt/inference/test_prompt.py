"""A text on its way from a user to a model: sentences, embeddings, one or one for each clip, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from vdt.config import VDT_CONFIGS, CrossAttentionSpec, MaskSpec
from vdt.inference.pipeline import Pipeline
from vdt.inference.prompt import resolve_text
from vdt.inference.settings import GenerationConfig, SamplingConfig
from vdt.masks import predict
from vdt.models import VDT
from vdt.text import Text, WordEncoder

ONE_STEP = SamplingConfig(steps=1, guidance=1.0)


def reader(**spec):
    """A tiny model that reads text, with no closed branch."""
    specs = (MaskSpec(embed=True), CrossAttentionSpec(source="text", **spec))
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], conditioning=specs)
    generator = torch.Generator().manual_seed(0)
    model = VDT(config, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(scope="module")
def words():
    return reader(width=WordEncoder.width, encoder="words")


def test_a_sentence_is_encoded_and_embeddings_pass(words):
    found = resolve_text(words.config, "a red ball")
    assert found.embeddings.shape == (1, 3, WordEncoder.width)
    assert resolve_text(words.config, found) is found
    assert resolve_text(words.config, ["a ball", "a red ball"]).mask.tolist() == [[True, True, False], [True] * 3]
    for nothing in (None, "", "  ", [], ["", " "]):
        assert resolve_text(words.config, nothing) is None


def test_what_a_model_cannot_read_is_refused_in_a_sentence(words):
    with pytest.raises(ValueError, match="reads no text"):
        resolve_text(VDT_CONFIGS["VDT-Tiny/2"], "a ball")
    with pytest.raises(ValueError, match="width 7, the model reads width 192"):
        resolve_text(words.config, Text(torch.zeros(1, 2, 7)))
    with pytest.raises(ValueError, match="another encoder"):
        resolve_text(reader(width=768).config, "a ball")
    for text in ("红球", "?!", ["a ball", "..."]):
        with pytest.raises(ValueError, match="without a word of letters a to z: write it in English"):
            resolve_text(words.config, text)
    with pytest.raises(ValueError, match="texts for 2 clips"):
        Text.of_words("a", "b").for_batch(3, torch.device("cpu"))
    for shape in ((2, 3), (1, 0, 4)):
        with pytest.raises(ValueError, match="embeddings"):
            Text(torch.zeros(shape))
    with pytest.raises(ValueError, match="mask of a text"):
        Text(torch.zeros(1, 2, 4), torch.ones(1, 2))


def test_each_clip_of_a_batch_follows_its_own_text_and_no_other(words, tiny_vae):
    pipe = Pipeline(words, tiny_vae)
    clips = [np.full((6, 64, 64, 3), value, np.uint8) for value in (90, 160)]
    mask = predict(clips[0], given=2)
    texts = ["a red ball flies", "a blue ball stops"]
    both = pipe.generate_batch(clips, mask, seeds=[1, 2], sampling=ONE_STEP, text=texts)
    for clip, seed, text, made in zip(clips, (1, 2), texts, both, strict=True):
        alone = pipe(clip, mask, seed=seed, sampling=ONE_STEP, text=text)
        size = float(made.latents.abs().max())
        assert torch.allclose(alone.latents, made.latents, atol=1e-5 * size)
        plain = pipe(clip, mask, seed=seed, sampling=ONE_STEP).latents
        assert not torch.allclose(plain, made.latents, atol=1e-3 * size)


def test_streams_read_the_text_of_their_configuration(words, tiny_vae):
    pipe = Pipeline(words, tiny_vae)
    clip = np.full((6, 64, 64, 3), 90, np.uint8)
    plain, told = (
        np.stack(list(pipe.extend(clip, after=3, config=GenerationConfig(sampling=ONE_STEP, text=text))))
        for text in ("", "a red ball")
    )
    assert np.array_equal(plain[:6], told[:6]) and not np.array_equal(plain[6:], told[6:])
