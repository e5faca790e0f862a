"""Around a stock sampling of a MODEL: what does not fit is refused in a sentence, given cells come back exactly."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from ...vdt.masks.pixel import to_cells
from . import compat
from .batches import CLIPS_KEY
from .text import has_text

# T frames of all clips, C channels, h x w latent cells. The network is a VDTNetwork, see native.py.

PURE_NOISE = 1 - 1e-5  # of the largest sigma: from there on nothing is left of what stood at generated cells
HARSH_CFG = 4.0  # above it clips lose their colours
OWN_KEY = "vdt"  # of the wrapper that this pack puts around stock samplings


def sample_exactly(
    executor: Any,
    noise: Tensor,
    latent_image: Tensor,
    sampler: Any,
    sigmas: Tensor,
    denoise_mask: Tensor | None = None,
    *others: Any,
    **options: Any,
) -> Tensor:
    """Run a stock sampling with hard latent cells as the mask; given cells come back bit for bit.

    A cell is generated if any pixel of the mask that arrives here is. Where sampling starts from pure noise, what stood
    at generated cells is taken away: ComfyUI would mix a little of it in.
    """
    guider = executor.class_obj
    _check(guider, latent_image)
    _remark(guider, len(latent_image))
    if denoise_mask is None:
        return executor(noise, latent_image, sampler, sigmas, denoise_mask, *others, **options)
    grid = (len(latent_image), *latent_image.shape[-2:])
    cells = to_cells(compat.noise_mask_frames(denoise_mask) > 0.5, grid)  # (T, h, w)
    generated = cells[:, None].to(latent_image.device)
    patcher, start = guider.model_patcher, latent_image
    if float(sigmas[0]) >= float(patcher.get_model_object("model_sampling").sigma_max) * PURE_NOISE:
        empty = patcher.get_model_object("latent_format").process_out(torch.zeros_like(latent_image))
        start = torch.where(generated, empty, latent_image)
    mask = compat.noise_mask_of_cells(cells, denoise_mask)
    made = executor(noise, start, sampler, sigmas, mask, *others, **options)
    return torch.where(generated.to(made.device), made, latent_image.to(made))


def ignored_patches(patcher: Any) -> list[str]:
    """What other nodes put on a MODEL that only stock samplers run, by the names ComfyUI has for it."""
    options = dict(getattr(patcher, "model_options", {}))
    found = [name for name, value in options.pop("transformer_options", {}).items() if value]
    found += [name for name, value in options.items() if value]
    for kind, by_key in getattr(patcher, "wrappers", {}).items():
        found += [f"{key or 'wrapper'} ({kind})" for key, wrappers in by_key.items() if key != OWN_KEY and wrappers]
    return sorted({*found, *getattr(patcher, "object_patches", {})})


def _check(guider: Any, latent_image: Tensor) -> None:
    """ValueError with one sentence for what this model cannot be sampled with."""
    network = guider.model_patcher.model.diffusion_model
    network.check(latent_image)
    _check_schedule(guider.model_patcher.get_model_object("model_sampling"), network.vdt.config.diffusion.prediction)
    clips = _clips(guider)
    if len(latent_image) % clips:
        raise ValueError(
            f"VDT Conditioning says that the latent holds {clips} clips, but its {len(latent_image)} frames are no "
            f"multiple of that: set clips to the amount of Repeat Latent Batch"
        )
    handler = _context_windows(guider)
    if handler is not None:
        _check_windows(handler, clips)


def _check_windows(handler: Any, clips: int) -> None:
    if getattr(handler, "dim", 0) != 0:
        raise ValueError(
            f"the context windows cut along dim {handler.dim}, a VDT clip has its frames in dim 0: set dim"
        )
    if not compat.windows_take_frames(handler):
        raise ValueError(
            "this ComfyUI cannot make context windows of frames: use VDT Sampler, which makes windows by itself, or a "
            "newer ComfyUI"
        )
    if clips > 1:
        raise ValueError(
            f"context windows would cut across {clips} clips: sample them one at a time, or without windows"
        )


def _check_schedule(sampling: Any, prediction: str) -> None:
    kind = compat.sampling_kind(sampling)
    if kind is None or kind == ("discrete", prediction):
        return
    name = type(sampling).__mro__[1].__name__
    wanted = "v_prediction" if prediction == "v" else "eps"
    raise ValueError(
        f"a node of the graph gave the model the noise schedule {name} for {kind[1]}, it was trained with "
        f"ModelSamplingDiscrete for {prediction}: take out ModelSamplingSD3, ModelSamplingFlux or the like, or use "
        f"ModelSamplingDiscrete with {wanted}"
    )


def _remark(guider: Any, frames: int) -> None:
    """Say in the log and on the node what runs but will not look good."""
    config = guider.model_patcher.model.diffusion_model.vdt.config
    known = config.num_frames
    handler, cfg = _context_windows(guider), float(getattr(guider, "cfg", 1.0))
    seen = frames // _clips(guider)
    seen = seen if handler is None else min(seen, handler.context_length)
    remarks = []
    if seen > known:
        remarks.append(
            f"the model sees {seen} frames at once but learned {known}: put Context Windows (Manual) with "
            f"context_length {known} and dim 0 before this sampler, or use VDT Sampler, which makes windows by itself"
        )
    if cfg > HARSH_CFG:
        remarks.append(f"cfg {cfg:g} makes harsh colours with this model: 1 to 3 follows the given frames well")
    if config.text is None and any(map(has_text, _conds(guider))):
        remarks.append("this model reads no text: what the prompts say is left out")
    if getattr(_easy_cache(guider), "name", "") == "LazyCache":
        remarks.append("LazyCache spoils the clips of this model: EasyCache skips as many of its steps without a loss")
    if remarks:
        text = "; ".join(remarks)
        logging.getLogger(__name__).warning("VDT: %s", text)
        compat.show_text(compat.executing_node(), text)


def _context_windows(guider: Any) -> Any:
    return guider.model_patcher.model_options.get("context_handler")


def _easy_cache(guider: Any) -> Any:
    """What EasyCache or LazyCache put on the model."""
    return guider.model_patcher.model_options.get("transformer_options", {}).get("easycache")


def _clips(guider: Any) -> int:
    """How many clips VDT Conditioning says that the LATENT holds."""
    return max((cond.get(CLIPS_KEY, 1) for cond in _conds(guider)), default=1)


def _conds(guider: Any) -> list[dict[str, Any]]:
    """All conditionings of a guider, positive and negative."""
    return [cond for some in getattr(guider, "conds", {}).values() for cond in some or ()]
