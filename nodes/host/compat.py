"""What differs between the hosts of this pack: ComfyUI from 0.3.64 on, and the studio, which has no stock samplers.

Features are asked for, never versions: one version string covers several states of ComfyUI. Each function here answers
for one difference and has a test in tests/nodes/test_compat.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import comfy.model_management as mm
import comfy.model_patcher
import torch
from torch import Tensor

DIFFUSION_MODEL = "diffusion_model"  # the kind of wrapper that EasyCache and others put around a network


def known_fields(record: type, fields: dict[str, Any]) -> dict[str, Any]:
    """Those of these fields that a dataclass of the host has: newer versions append to io.Schema."""
    known = {field.name for field in dataclasses.fields(record)}
    return {name: value for name, value in fields.items() if name in known}


def advanced(made: Any) -> Any:
    """An input that newer editors fold away; most inputs before 0.10 take no such setting, and their editors pass it.

    The studio's inputs keep all their options in one dictionary.
    """
    if hasattr(made, "extra_dict"):
        made.extra_dict = {**(made.extra_dict or {}), "advanced": True}
    else:
        made.options["advanced"] = True
    return made


def intermediate_dtype() -> torch.dtype:
    """The precision of what lies between nodes: since 0.18 --fp16-intermediates makes it half."""
    return getattr(mm, "intermediate_dtype", lambda: torch.float32)()


# ---- Models ----------------------------------------------------------------------------------------------------------


def make_patcher(model: Any, *, whole: bool = False) -> Any:
    """A network under the host's memory management.

    Newer versions rebind CoreModelPatcher at their start to one that streams weights, so it is looked up late; `whole`
    asks for the plain class, which nodes such as TorchCompileModel need.
    """
    plain = comfy.model_patcher.ModelPatcher
    kind = plain if whole else getattr(comfy.model_patcher, "CoreModelPatcher", plain)
    return kind(model, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device())


def remember_factory(patcher: Any, factory: Callable[..., Any], *arguments: Any) -> None:
    """Tell newer versions how to make this patcher anew: other nodes ask for a copy of its own weights.

    The host calls factory(*arguments), or with disable_dynamic=True for a plain patcher; older versions never look.
    """
    patcher.cached_patcher_init = (factory, arguments)


def archive_dtypes(network: Any) -> None:
    """Have newer versions keep the precision of each weight while they stream it; older ones do not stream."""
    archive = getattr(mm, "archive_model_dtypes", None)
    if archive is not None:
        archive(network)


def wrap_sampling(patcher: Any, key: str, wrapper: Callable[..., Any]) -> None:
    """Put a function around every stock sampling of a MODEL; the studio has none."""
    if hasattr(patcher, "add_wrapper_with_key"):
        patcher.add_wrapper_with_key("outer_sample", key, wrapper)


def run_wrapped(
    forward: Callable[..., Tensor], network: Any, options: dict[str, Any], *inputs: Any, **conditions: Any
) -> Tensor:
    """forward(*inputs, options, **conditions) inside what other nodes put around the network, such as EasyCache.

    They find the options as the last positional argument. The studio knows no wrappers.
    """
    try:
        from comfy.patcher_extension import WrapperExecutor, get_all_wrappers
    except ImportError:
        return forward(*inputs, options, **conditions)
    executor = WrapperExecutor.new_class_executor(forward, network, get_all_wrappers(DIFFUSION_MODEL, options))
    return executor.execute(*inputs, options, **conditions)


# ---- Latents and masks in stock samplers -----------------------------------------------------------------------------


def noise_mask_frames(mask: Tensor) -> Tensor:
    """The noise mask that wraps a stock sampling, float (T, H, W).

    Up to 0.3.76 it is as the LATENT carries it, (T, 1, H, W) or (T, H, W) of pixels. Since 0.6 it is resized to the
    latent and repeated over its channels, (T, C, h, w); for latents of five dimensions (1, C, T, h, w).
    """
    values = mask.detach().float().cpu()
    if values.ndim == 5:
        return values.amax(1).flatten(0, 1)
    return values.amax(1) if values.ndim == 4 else values.reshape(-1, *values.shape[-2:])


def noise_mask_of_cells(cells: Tensor, replaced: Tensor) -> Tensor:
    """Cells, bool (T, h, w), as the noise mask that a stock sampling goes on with in place of `replaced`.

    What came resized goes back as large, and where it was; what came raw is resized later, from (T, 1, h, w).
    """
    values = cells[:, None].to(replaced.device, torch.float32)
    resized = replaced.ndim == 4 and replaced.shape[0] == len(cells) and replaced.shape[2:] == cells.shape[1:]
    return values.expand(-1, replaced.shape[1], -1, -1) if resized else values


def windows_take_frames(handler: Any) -> bool:
    """Whether context windows bear one noise level per frame: those of 0.3.64 compare them all with the schedule."""
    set_step = getattr(handler, "set_step", None)
    if set_step is None:
        return True
    try:
        set_step(torch.ones(2), {"transformer_options": {"sample_sigmas": torch.ones(3)}})
    except RuntimeError:
        return False
    return True


def sampling_kind(sampling: Any) -> tuple[str, str] | None:
    """("discrete" or "other", "v", "epsilon" or "other") of a model_sampling; None where the host has no samplers."""
    try:
        import comfy.model_sampling as kinds
    except ImportError:
        return None
    if not isinstance(sampling, torch.nn.Module):
        return None
    continuous = getattr(kinds, "ModelSamplingDiscreteEDM", ())
    is_discrete = isinstance(sampling, kinds.ModelSamplingDiscrete) and not isinstance(sampling, continuous)
    if isinstance(sampling, kinds.V_PREDICTION):
        predicted = "v"
    else:
        predicted = "epsilon" if isinstance(sampling, kinds.EPS) and not isinstance(sampling, kinds.X0) else "other"
    return ("discrete" if is_discrete else "other", predicted)


# ---- Text on a node --------------------------------------------------------------------------------------------------


def executing_node() -> str | None:
    """The id of the node that runs now, where the host tells; a wrapper around a sampling has no other way to know."""
    try:
        from comfy_execution.utils import get_executing_context
    except ImportError:
        return None
    context = get_executing_context()
    return None if context is None else context.node_id


def show_text(node: str | None, text: str) -> bool:
    """Write on a node while it runs; False where the host, such as the studio, cannot."""
    send = getattr(_server(), "send_progress_text", None)
    if send is None or node is None:
        return False
    send(text, node)
    return True


def add_post_route(path: str, handler: Callable[[Any], Any]) -> bool:
    """Let the host answer a request of this pack's own pages; False where there is no server, as in the runner."""
    server = _server()
    if server is None:
        return False
    server.routes.post(path)(handler)
    return True


def _server() -> Any:
    """The host's server; None where there is none, as in the runner."""
    try:
        from server import PromptServer
    except ImportError:
        return None
    return getattr(PromptServer, "instance", None)


# ---- Registration ----------------------------------------------------------------------------------------------------


def replacement_api(latest: Any) -> tuple[Any, Any] | None:
    """(the record, what registers it) for nodes that replace others, of comfy_api.latest; None before 0.14."""
    if not hasattr(latest.io, "NodeReplace"):
        return None
    return latest.io.NodeReplace, latest.ComfyAPI().node_replacement
