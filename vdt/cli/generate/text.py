"""`vdt generate --text`: what happens, in words, for models that read it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ..options import add_text_guidance_option
from ..records import guided_by_text

if TYPE_CHECKING:
    from ...inference.settings import GenerationConfig


def add_text_options(parser: argparse.ArgumentParser) -> None:
    """What happens, and how closely the clip follows it."""
    group = parser.add_argument_group("text")
    group.add_argument(
        "--text",
        metavar="WORDS",
        help='what happens, such as "the red ball hits the blue cylinder", for a model that reads text (default: none)',
    )
    add_text_guidance_option(group)


def with_text(generation: GenerationConfig, options: argparse.Namespace) -> GenerationConfig:
    """The same with what `add_text_options` parsed; "" is no text. ValueError for a weight of no text."""
    weight, text = options.text_guidance, (options.text or "").strip()
    if weight is not None and options.text is None:
        raise ValueError(f"--text-guidance {weight:g} needs --text: it says what happens in the clip")
    weighed = guided_by_text(generation, weight)
    return replace(weighed, text=text, sampling=weighed.sampling.for_text(bool(text)))
