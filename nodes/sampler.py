"""The node that generates, with the library's own samplers: the same numbers in every host."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vdt.completion import complete_latents
from . import convert, host, native

SAMPLER_NAMES = ["ddim", "dpmpp_2m", "ancestral", "dpmpp_2m_quad", "unipc_quad"]  # append only: graphs hold them


class VDTSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="VDTSampler",
            display_name="VDT Sampler",
            category="VDT",
            description="Generate the white part of the mask; everything else stays as it is. The same seed makes the "
            "same clip in every host and on every CPU.",
            search_aliases=["ksampler video", "vdt generate", "predict video"],
            inputs=[
                io.Model.Input("model", tooltip="From VDT Load Model."),
                io.Latent.Input("latent", tooltip="From VDT Encode or VAE Encode; anything may stand under the mask."),
                host.seed_input(
                    "Default: 0. Of all noise; another seed makes another clip that fits the given frames."
                ),
                io.Int.Input(
                    "steps",
                    default=6,
                    min=1,
                    max=1000,
                    tooltip="Default: 6, as good as 20 of ddim with the bundled model. Other models, and the other "
                    "samplers, want 20 or more.",
                ),
                io.Combo.Input(
                    "sampler",
                    options=SAMPLER_NAMES,
                    default="dpmpp_2m_quad",
                    tooltip="Default: dpmpp_2m_quad, DPM-Solver++ on steps that are closer to each other towards the "
                    "end. ddim and dpmpp_2m have even steps and want 20 of them; unipc_quad is like the default; "
                    "ancestral adds noise at every step: more variety, but it wants 50 steps or more.",
                ),
                io.Float.Input(
                    "guidance",
                    default=2.0,
                    min=0.0,
                    max=20.0,
                    step=0.1,
                    tooltip="Default: 2. The clip follows the given frames more closely than at 1, which is off and "
                    "takes half the time; far above 3 it becomes harsh.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate; one frame serves all. Default: the mask that the latent carries, and "
                    "without that everything is generated.",
                ),
            ],
            outputs=[io.Latent.Output("out_latent", display_name="latent", tooltip="The clip, with its mask.")],
            hidden=[io.Hidden.extra_pnginfo],
        )

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
    ) -> io.NodeOutput:
        with host.named("VDT Sampler"):
            network, raw = native.network_of(model), convert.samples_of(latent)
            host.load(model, model.memory_required([2 * raw.shape[0], *raw.shape[1:]]))
            options = {"seed": seed, "steps": steps, "sampler": sampler, "guidance_scale": guidance}
            progress = host.step_progress(steps, network.preview)
            made = complete_latents(network.vdt, raw, convert.mask_of(latent, mask), callback=progress, **options)
            host.note(cls.hidden, model=network.file)
            return io.NodeOutput(convert.to_latent(latent, host.to_intermediate(made), mask))
