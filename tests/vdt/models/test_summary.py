"""What a model is in words: its scheme, attention and text, and its cost, counted from two blocks."""

import dataclasses

from vdt.config import ATTENTIONS, VDT_CONFIGS, AdaLNSpec, CrossAttentionSpec, MaskSpec, TokenConcatSpec
from vdt.models.cost import count_cost
from vdt.models.summary import ModelSummary, summarize

TINY = VDT_CONFIGS["VDT-Tiny/2"]
TEXT = CrossAttentionSpec(source="text", width=192, encoder="words")


def test_every_scheme_is_named_and_counted_as_it_is_built():
    for specs, scheme, text in (
        ((MaskSpec(),), "mask", "none"),
        ((MaskSpec(embed=True), TEXT), "mask (embed)", "words of width 192"),
        ((CrossAttentionSpec(source="text", width=768),), "none", "embeddings of width 768"),
        ((AdaLNSpec(),), "adaln", "none"),
        ((CrossAttentionSpec(), TEXT), "cross_attention", "words of width 192"),
        ((TokenConcatSpec(), MaskSpec()), "token_concat, mask", "none"),
    ):
        for attention in ATTENTIONS:
            config = dataclasses.replace(TINY, conditioning=specs, attention=attention, depth=3)
            found = summarize(config)
            assert (found.scheme, found.attention, found.text) == (scheme, attention, text)
            assert found.cost == f"{count_cost(config).describe()} over 6 frames of 8x8 cells"


def test_one_line_says_all():
    made = summarize(VDT_CONFIGS["VDT-L/2"]).describe()
    size = "859.7 M parameters, 5319.6 GFLOPs a pass over 16 frames of 32x32 cells"
    assert made == f"mask scheme, factorized attention, no text, {size}"
    told = ModelSummary(scheme="mask", attention="joint", text="words of width 192", cost="nothing").describe()
    assert told == "mask scheme, joint attention, text: words of width 192, nothing"


def test_a_configuration_that_nothing_can_be_built_of_is_described_too():
    config = dataclasses.replace(TINY, num_frames=60_000, input_size=4096, attention="joint")
    assert summarize(config).cost == "a size that cannot be built"
