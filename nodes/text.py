"""The node that turns words into a text for models whose encoder is ours; others read those of CLIP Text Encode."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..vdt.inference.prompt import Vocabulary
from .host import native, runtime
from .host import text as texts
from .schema import schema


class VDTTextEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTTextEncode",
            display_name="VDT Text Encode",
            category="VDT",
            description="Say in words what happens, for a VDT model that was trained with captions. Nothing is "
            "downloaded: its encoder is a rule.",
            search_aliases=["prompt", "text to video", "vdt prompt", "caption"],
            inputs=[
                io.Model.Input("model", tooltip="From VDT Load Model; a model that reads words."),
                io.String.Input(
                    "text",
                    multiline=True,
                    default="",
                    dynamic_prompts=True,
                    tooltip="Default: nothing, which is no text. What happens, in English, such as: the red ball hits "
                    "the blue cylinder. The first 64 words are read.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    "conditioning",
                    display_name="conditioning",
                    tooltip="For the text input of VDT Sampler, VDT Extend and VDT Conditioning.",
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, model: Any, text: str) -> io.NodeOutput:
        with runtime.named("VDT Text Encode"):
            network = native.network_of(model)
            encoded = texts.encode(network.vdt.config, text)
            runtime.announce(cls.hidden, Vocabulary.read(network.file).advice(text))
            return io.NodeOutput(encoded)
