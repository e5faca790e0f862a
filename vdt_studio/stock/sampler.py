"""The stock sampler for VDT models alone: it runs the pack's own sampler, so that the same graph works in the studio.

Its clips are not bit for bit those of ComfyUI, whose samplers draw other noise. The text is that of `positive`; a text
in `negative` is not read.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

# ComfyUI's names, and the sampler of the library that solves the same equation.
SAMPLERS = {
    "ddim": "ddim",
    "euler": "ddim",
    "dpmpp_2m": "dpmpp_2m",
    "uni_pc": "unipc",
    "uni_pc_bh2": "unipc",
    "ddpm": "ancestral",
    "euler_ancestral": "ancestral",
}
SCHEDULERS = ("normal", "simple", "sgm_uniform", "ddim_uniform")  # all of them even steps here


class KSampler:
    """Generates what the noise mask of a latent says, or all of it."""

    CATEGORY = "model/sampling"
    SEARCH_ALIASES = ("sampler", "sample", "generate", "denoise", "diffuse", "txt2img", "img2img")
    DESCRIPTION = (
        "Uses the provided model to denoise the latent image. In the studio: VDT models, from pure noise, by the "
        "samplers of VDT Sampler; ComfyUI makes another clip of the same seed."
    )
    RETURN_TYPES = ("LATENT",)
    OUTPUT_TOOLTIPS = ("The denoised latent.",)
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "From VDT Load Model."}),
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}),
                "steps": ("INT", {"default": 20, "min": 1, "max": 10000}),
                "cfg": ("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01}),
                "sampler_name": (list(SAMPLERS),),
                "scheduler": (list(SCHEDULERS),),
                "positive": ("CONDITIONING", {"tooltip": "From VDT Conditioning."}),
                "negative": ("CONDITIONING", {"tooltip": "From VDT Conditioning."}),
                "latent_image": ("LATENT", {"tooltip": "Encoded frames, with a noise mask."}),
                "denoise": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
            },
            "hidden": {"extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def sample(
        self,
        model: Any,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Any,
        negative: Any,
        latent_image: dict[str, Any],
        denoise: float = 1.0,
        extra_pnginfo: Any = None,
    ) -> tuple[dict[str, Any]]:
        if denoise != 1.0:
            raise ValueError(f"in the studio sampling starts from pure noise, got denoise {denoise:g}: set it to 1")
        nodes = _nodes_of(model)
        own = importlib.import_module(f"{nodes}.sampler").VDTSampler
        weight = importlib.import_module(f"{nodes}.host.text").GUIDANCE_KEY
        hidden = {"unique_id": None, "extra_pnginfo": extra_pnginfo}
        answer = own.for_run(hidden).execute(
            model=model,
            latent=latent_image,
            seed=seed,
            steps=steps,
            sampler=SAMPLERS[sampler_name],
            guidance=cfg,
            text=positive,
            text_guidance=max((settings.get(weight, 1.0) for _, settings in positive or ()), default=1.0),
            temperature=1.0,  # ComfyUI's samplers begin with all of their noise
        )
        (latent,) = answer.args
        return (latent,)


def _nodes_of(model: Any) -> str:
    """The package of the nodes that a MODEL comes from; ValueError for a model of another kind."""
    inner = getattr(model, "model", SimpleNamespace())
    package, nodes, _ = type(inner).__module__.rpartition(".nodes.")
    if not hasattr(getattr(inner, "diffusion_model", None), "vdt") or not nodes:
        raise ValueError(f"the studio samples VDT models alone, got {type(inner).__name__}: connect VDT Load Model")
    return f"{package}.nodes"
