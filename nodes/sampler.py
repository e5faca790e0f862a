"""The nodes that generate, with the library's own samplers: the same numbers in every host."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vdt.bounds import MAX_TEMPERATURE
from ..vdt.inference.settings import STEPS_FROM_NOTHING, SamplingConfig, WindowConfig
from . import checks
from .generate import Clip, extended, generate
from .host import batches, compat, convert, previews, runtime
from .schema import SAMPLING, WINDOWS, schema, seed_input, text_inputs

SAMPLER_NAMES = ["ddim", "dpmpp_2m", "ancestral", "dpmpp_2m_quad", "unipc_quad"]  # append only: graphs hold them
DIRECTIONS = ["after", "before"]
TEXT_TIP = (
    "Weight of the text, where there is one: 1 is off, above it the clip follows the text more closely, for one more "
    "pass of the model on every step."
)


def _sampling_inputs() -> list[Any]:
    return [
        seed_input("Default: 0. Of all noise; another seed makes another clip that fits the given frames."),
        io.Int.Input(
            "steps",
            default=SAMPLING.steps,
            min=1,
            max=1000,
            tooltip=f"Default: {SAMPLING.steps}, as good as 20 of ddim with the bundled model. Other models, and the "
            "other samplers, want 20 or more. A clip of which less than a frame is given, and no text, takes at least "
            f"{STEPS_FROM_NOTHING}.",
        ),
        io.Combo.Input(
            "sampler",
            options=SAMPLER_NAMES,
            default=SAMPLING.name,
            tooltip=f"Default: {SAMPLING.name}, DPM-Solver++ on steps that are closer to each other towards the end. "
            "ddim and dpmpp_2m have even steps and want 20 of them; unipc_quad is like the default; ancestral adds "
            "noise at every step: more variety, but it wants 50 steps or more.",
        ),
        io.Float.Input(
            "guidance",
            default=SAMPLING.guidance,
            min=0.0,
            max=20.0,
            step=0.1,
            tooltip=f"Default: {SAMPLING.guidance:g}. The clip follows the given frames more closely than at 1, which "
            "is off and takes less time; far above 3 it becomes harsh.",
        ),
    ]


def _sampling(
    sampler: str, steps: int, guidance: float, text_guidance: float, reuse: float, temperature: float
) -> SamplingConfig:
    """The record of what the widgets say."""
    weights = {"guidance": guidance, "text_guidance": text_guidance, "temperature": temperature}
    return SamplingConfig.named(sampler, steps=steps, step_cache=reuse, **weights)


def _window_inputs() -> list[Any]:
    return [
        io.Int.Input(
            "window",
            default=WINDOWS.frames,
            min=0,
            max=4096,
            optional=True,
            tooltip="Default: 0, the number of frames the model was trained with (16). A longer clip is generated in "
            "windows of so many frames; larger ones see more at once, but the model has not learned them.",
        ),
        io.Int.Input(
            "overlap",
            default=WINDOWS.overlap,
            min=0,
            max=4095,
            optional=True,
            tooltip="Default: 0, half of the window. Frames that a window sees of what is there already: more of them "
            "join more smoothly, fewer take less time.",
        ),
    ]


def _tile_input() -> Any:
    return io.Int.Input(
        "tile",
        default=WINDOWS.tile,
        min=0,
        max=4096,
        step=8,
        optional=True,
        tooltip="Default: 0, the size the model was trained with (64). A larger picture is generated in overlapping "
        "tiles of so many pixels, all at once; a tile as large as the picture makes it whole.",
    )


def _reuse_input() -> Any:
    return io.Float.Input(
        "reuse",
        default=SAMPLING.step_cache,
        min=0.0,
        max=1.0,
        step=0.01,
        optional=True,
        tooltip=f"Default: {SAMPLING.step_cache:g}, off. Step cache: steps are skipped while what the model sees has "
        "changed by less than this in sum: 0.1 takes about half the time of 20 steps of ddim. Few steps have little to "
        "skip.",
    )


def _batch_input() -> Any:
    return io.Int.Input(
        "batch",
        default=1,
        min=1,
        max=64,
        optional=True,
        tooltip="Default: 1. Variations of the clip in one run, one after another in the latent: the first is that of "
        "the seed, the next of seed + 1. VDT Decode and VDT Save Video know them from frames.",
    )


def _temperature_input() -> Any:
    return io.Float.Input(
        "temperature",
        default=SAMPLING.temperature,
        min=0.0,
        max=MAX_TEMPERATURE,
        step=0.05,
        optional=True,
        tooltip=f"Default: {SAMPLING.temperature:g}. Scale of the noise. Less makes clips that are likelier and more "
        "alike; at 1 seeds differ most, and more clips go wrong. Models that predict noise, as the official ones do, "
        "always take 1, and a clip from nothing at least 1.",
    )


class VDTSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTSampler",
            display_name="VDT Sampler",
            category="VDT",
            description="Generate the white part of the mask; everything else stays as it is. The same seed makes the "
            "same clip in every host on the same machine.",
            search_aliases=["ksampler video", "vdt generate", "predict video"],
            inputs=[
                io.Model.Input("model", tooltip="From VDT Load Model."),
                io.Latent.Input("latent", tooltip="From VDT Encode or VAE Encode; anything may stand under the mask."),
                *_sampling_inputs(),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate; one frame serves all. Default: the mask that the latent carries, and "
                    "without that everything is generated.",
                ),
                *map(compat.advanced, _window_inputs()),
                compat.advanced(_tile_input()),
                compat.advanced(_reuse_input()),
                _batch_input(),
                *text_inputs(TEXT_TIP),
                _temperature_input(),
            ],
            outputs=[io.Latent.Output("out_latent", display_name="latent", tooltip="The clip, with its mask.")],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(cls, window: int | None = None, overlap: int | None = None) -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        return checks.verdict(checks.windows, window, overlap)

    @classmethod
    def execute(
        cls,
        model: Any,
        latent: dict[str, Any],
        seed: int,
        steps: int,
        sampler: str,
        guidance: float,
        mask: Tensor | None = None,
        window: int = WINDOWS.frames,
        overlap: int = WINDOWS.overlap,
        tile: int = WINDOWS.tile,
        reuse: float = SAMPLING.step_cache,
        batch: int = 1,
        text: list[Any] | None = None,
        text_guidance: float = SAMPLING.text_guidance,
        temperature: float = SAMPLING.temperature,
    ) -> io.NodeOutput:
        with runtime.named("VDT Sampler"):
            sampling = _sampling(sampler, steps, guidance, text_guidance, reuse, temperature)
            windows = WindowConfig(frames=window, overlap=overlap, tile=convert.cells_across(tile))
            parts = batches.variations(latent, mask, batch)
            clips = [
                Clip(raw=convert.samples_of(part), cells=convert.cells_of(part, white), seed=number)
                for (part, white), number in zip(parts, batches.seeds(seed, len(parts)), strict=True)
            ]
            made = generate(cls.hidden, model, clips, sampling=sampling, windows=windows, text=text)
            finished = [convert.to_latent(part, new, white) for new, (part, white) in zip(made, parts, strict=True)]
            return io.NodeOutput({**batches.join_latents(finished), previews.SEEDS_KEY: [clip.seed for clip in clips]})


class VDTExtend(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTExtend",
            display_name="VDT Extend",
            category="VDT",
            description="Go on with a clip by any number of frames, at its end or before its beginning, window by "
            "window. The same seed with more frames begins with the same ones.",
            search_aliases=["continue video", "long video", "longer", "rolling window"],
            inputs=[
                io.Model.Input("model", tooltip="From VDT Load Model."),
                io.Latent.Input("latent", tooltip="The clip, finished: from VDT Encode or VDT Sampler."),
                io.Int.Input("frames", default=16, min=1, max=100000, tooltip="Default: 16. How many to add."),
                io.Combo.Input(
                    "direction",
                    options=DIRECTIONS,
                    default="after",
                    tooltip="Default: after, what happens next. before is what led to the clip.",
                ),
                *_sampling_inputs(),
                *map(compat.advanced, _window_inputs()),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="The images of VDT Encode, to get them as long as the new clip, for VDT Decode or VDT Save "
                    "Video to keep them exactly.",
                ),
                compat.advanced(_tile_input()),
                compat.advanced(_reuse_input()),
                *text_inputs(TEXT_TIP),
                _temperature_input(),
            ],
            outputs=[
                io.Latent.Output(
                    "out_latent", display_name="latent", tooltip="The longer clip; new frames are white in its mask."
                ),
                io.Image.Output(
                    "out_images",
                    display_name="images",
                    tooltip="The images with grey frames for the new ones; nothing without images.",
                ),
                io.Mask.Output("out_mask", display_name="mask", tooltip="White = new."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(cls, window: int | None = None, overlap: int | None = None) -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        return checks.verdict(checks.windows, window, overlap)

    @classmethod
    def execute(
        cls,
        model: Any,
        latent: dict[str, Any],
        frames: int,
        direction: str,
        seed: int,
        steps: int,
        sampler: str,
        guidance: float,
        window: int = WINDOWS.frames,
        overlap: int = WINDOWS.overlap,
        images: Tensor | None = None,
        tile: int = WINDOWS.tile,
        reuse: float = SAMPLING.step_cache,
        text: list[Any] | None = None,
        text_guidance: float = SAMPLING.text_guidance,
        temperature: float = SAMPLING.temperature,
    ) -> io.NodeOutput:
        with runtime.named("VDT Extend"):
            sampling = _sampling(sampler, steps, guidance, text_guidance, reuse, temperature)
            windows = WindowConfig(frames=window, overlap=overlap, tile=convert.cells_across(tile))
            before = direction == "before"
            parts = batches.split_latent(latent)
            numbers = batches.seeds(seed, len(parts))
            raws = [convert.samples_of(part) for part in parts]
            clips = [extended(*pair, frames, before=before) for pair in zip(raws, numbers, strict=True)]
            made = generate(
                cls.hidden, model, clips, sampling=sampling, windows=windows, text=text, pad_short_clips=True
            )
            pairs = zip(parts, made, strict=True)
            longer = batches.join_latents([convert.longer_latent(*pair, frames, before=before) for pair in pairs])
            grown = batches.longer_images(images, parts, frames, before=before)
            return io.NodeOutput(longer, grown, convert.from_mask(convert.mask_of(longer, None)))
