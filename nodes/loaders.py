"""Nodes that load: the model, the VAE, and the conditioning that makes CFG a guidance by masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..vdt.checkpoints import describe, load_model, load_vae
from ..vdt.models.summary import summarize
from ..vdt.visualize.latent_preview import read_preview
from . import checks
from .host import compat, files, native, runtime
from .host import vae as vaes
from .schema import SAMPLING, schema, text_inputs


def model_of(path: Path, precision: str, *, disable_dynamic: bool = False) -> Any:
    """MODEL of a file; hosts call this again where another node wants weights of its own."""
    network = load_model(path)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    network = network.to(runtime.model_dtype(precision, parameters)).requires_grad_(False)
    preview = read_preview(path, network.config.in_channels)
    model = native.build_model(network, preview, path, whole=disable_dynamic)
    compat.remember_factory(model, model_of, path, precision)
    return model


def vae_of(path: Path) -> Any:
    """VAE of a file; one of ours brings its own codec."""
    own = describe(path).metadata.get("format") == "vdt"
    vae = vaes.build_vae(load_vae(path).requires_grad_(False), own=own, file=path)
    compat.remember_factory(vae.patcher, vae_patcher_of, path)
    return vae


def vae_patcher_of(path: Path, *, disable_dynamic: bool = False) -> Any:
    """The patcher of a VAE read again, see `model_of`."""
    return vae_of(path).patcher


class VDTLoadModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTLoadModel",
            display_name="VDT Load Model",
            category="VDT",
            description="Load a Video Diffusion Transformer. The MODEL works with VDT Sampler and with all stock "
            "samplers.",
            search_aliases=["video diffusion transformer", "load vdt", "checkpoint"],
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=files.model_files("vdt"),
                    default=files.DEFAULT_FILE,
                    tooltip="Default: bundled, a small model of balls and cylinders that comes with this pack and "
                    "runs on a CPU. bundled fast is its student, for 2 steps with both guidances at 1: two passes "
                    "instead of five, predictions as good. bundled reads sentences, too (VDT Text Encode); bundled "
                    "text is its earlier name for that. Your own: "
                    ".safetensors files in models/vdt (official .pt files: `vdt convert` first).",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(runtime.PRECISIONS),
                    default="auto",
                    tooltip="Default: auto, what ComfyUI prefers here (float32 on a CPU, bfloat16 on most GPUs). "
                    "float32 repeats to the last bit on the same machine; the others need half the memory but change "
                    "small details.",
                ),
            ],
            outputs=[
                io.Model.Output("model", display_name="model", tooltip="For VDT Sampler, KSampler and other samplers."),
                io.String.Output(
                    "info",
                    display_name="info",
                    tooltip="How the model is told what is given, its attention, the text it reads, its parameters, "
                    "and the operations of one pass.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, model_name: str | None = None) -> bool | str:
        """Before anything runs: the editor marks the node and says where the file was looked for."""
        return checks.verdict(checks.model_file, "vdt", model_name)

    @classmethod
    def fingerprint_inputs(cls, model_name: str | None = None, precision: str | None = None) -> str:
        return f"{files.model_stamp('vdt', model_name or '')} {precision}"

    @classmethod
    def execute(cls, model_name: str, precision: str) -> io.NodeOutput:
        with runtime.named("VDT Load Model"):
            model = model_of(files.model_path("vdt", model_name), precision)
            info = summarize(native.network_of(model).vdt.config).describe()
            runtime.announce(cls.hidden, info)
            return io.NodeOutput(model, info)


class VDTLoadVAE(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTLoadVAE",
            display_name="VDT Load VAE",
            category="VDT",
            description="Load the VAE that belongs to a VDT model. Stock VAE Encode and VAE Decode take it too.",
            search_aliases=["vdt vae", "autoencoder"],
            inputs=[
                io.Combo.Input(
                    "vae_name",
                    options=files.model_files("vae"),
                    default=files.DEFAULT_FILE,
                    tooltip="Default: bundled, the VAE of the bundled model. bundled fast is a small one with the same "
                    "latents: several times as fast, a little less exact. Others: files of models/vae; official VDT "
                    "models use the VAE of Stable Diffusion 1.x. A model only understands the VAE it was trained with.",
                ),
            ],
            outputs=[
                io.Vae.Output("vae", display_name="vae", tooltip="For VDT Encode and Decode, and the stock ones.")
            ],
        )

    @classmethod
    def validate_inputs(cls, vae_name: str | None = None) -> bool | str:
        """Before anything runs: the editor marks the node and says where the file was looked for."""
        return checks.verdict(checks.model_file, "vae", vae_name)

    @classmethod
    def fingerprint_inputs(cls, vae_name: str | None = None) -> str:
        return files.model_stamp("vae", vae_name or "")

    @classmethod
    def execute(cls, vae_name: str) -> io.NodeOutput:
        with runtime.named("VDT Load VAE"):
            return io.NodeOutput(vae_of(files.model_path("vae", vae_name)))


class VDTConditioning(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTConditioning",
            display_name="VDT Conditioning",
            category="VDT",
            description="Positive and negative for stock samplers: the negative pass does not see the given frames, "
            "so that CFG says how closely to follow them.",
            search_aliases=["vdt prompt", "cfg", "guidance"],
            inputs=[
                io.Int.Input(
                    "clips",
                    default=1,
                    min=1,
                    max=64,
                    optional=True,
                    tooltip="Default: 1. How many clips the latent holds, such as the amount of Repeat Latent Batch: "
                    "samplers show a model only their frames. VDT Sampler needs no such number.",
                ),
                *text_inputs(
                    "Weight of the text, where there is one, in both passes, so that cfg goes on to say how closely to "
                    "follow the given frames: 1 is off, anything else takes twice the time."
                ),
            ],
            outputs=[
                io.Conditioning.Output("positive", display_name="positive", tooltip="Sees the given cells."),
                io.Conditioning.Output(
                    "negative",
                    display_name="negative",
                    tooltip="Sees only noise. Used when cfg is not 1; above 1 the given frames weigh more, at twice "
                    "the cost.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, clips: int = 1, text: list[Any] | None = None, text_guidance: float = SAMPLING.text_guidance
    ) -> io.NodeOutput:
        settings = {"clips": clips, "words": text, "text_guidance": text_guidance}
        return io.NodeOutput(*(native.conditioning(given=given, **settings) for given in (True, False)))
