"""ComfyUI while a node runs: named errors, devices, memory, progress, interruption, and what a node shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import comfy.model_management as mm
import comfy.utils
import numpy as np
import torch
from comfy_api.latest import ui
from torch import Tensor

from ..vdt.diffusion import StepInfo
from ..vdt.inference.codec import Progress
from ..vdt.inference.memory import check_memory
from ..vdt.inference.pipeline import DTYPES
from ..vdt.masks.frame_lists import describe_mask
from ..vdt.masks.timeline import frame_states
from ..vdt.visualize.latent_preview import GRID_SIDE, PreviewProjection, preview_image
from ..vdt.visualize.mask_overlay import STRIP_FRAMES, frame_strip, mask_preview
from . import convert

PRECISIONS = ("auto", *DTYPES)
AUTO_DTYPES = (torch.bfloat16, torch.float32)  # not float16, which overflows in some trained models


@contextmanager
def named(node: str) -> Iterator[None]:
    """Say in every message for the user which node it comes from."""
    try:
        yield
    except (ValueError, ModuleNotFoundError) as error:
        raise type(error)(f"{node}: {error}") from error


# ---- Devices and memory ----------------------------------------------------------------------------------------------


def model_dtype(precision: str, parameters: int) -> torch.dtype:
    """The precision of that name; "auto" is what ComfyUI, its options and the device prefer."""
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return DTYPES[precision]
    chosen = mm.unet_dtype(device=mm.get_torch_device(), model_params=parameters, supported_dtypes=list(AUTO_DTYPES))
    return chosen if chosen in DTYPES.values() else torch.float32


def load(patcher: Any, memory: float) -> None:
    """Have ComfyUI make room for a model and bring it to its device whole; on a CPU there must be room already."""
    if patcher.load_device.type == "cpu":
        check_memory(int(memory))
    mm.load_models_gpu([patcher], memory_required=memory, force_full_load=True)


def to_intermediate(tensor: Tensor) -> Tensor:
    """A result where and as ComfyUI keeps what lies between nodes."""
    dtype = getattr(mm, "intermediate_dtype", lambda: torch.float32)()  # newer versions may keep float16
    return tensor.to(device=mm.intermediate_device(), dtype=dtype)


# ---- Progress and interruption ---------------------------------------------------------------------------------------


def chunk_progress() -> Progress:
    """A progress callback for work in chunks; it raises when the user has stopped the run."""
    bar: list[Any] = []

    def report(done: int, total: int) -> None:
        mm.throw_exception_if_processing_interrupted()
        bar[:] = bar or [comfy.utils.ProgressBar(total)]
        bar[0].update_absolute(done, total)

    return report


def step_progress(steps: int, projection: PreviewProjection) -> Callable[[StepInfo], None]:
    """A sampler callback: progress, all frames as a preview, and an exception when the user has stopped the run."""
    mm.throw_exception_if_processing_interrupted()
    bar = comfy.utils.ProgressBar(steps)

    def report(info: StepInfo) -> None:
        mm.throw_exception_if_processing_interrupted()
        picture = preview_image(projection, info.x0[0])  # x0 (1, T, C, h, w)
        bar.update_absolute(info.step, info.num_steps, ("JPEG", picture, GRID_SIDE))

    return report


# ---- What a node shows -----------------------------------------------------------------------------------------------


def announce(hidden: Any, text: str) -> None:
    """Print before a long run what it takes: in the log, and on the node where the host can write there."""
    logging.getLogger(__name__).info(text)
    try:
        from server import PromptServer
    except ImportError:  # the runner has no server of ComfyUI's
        return
    send = getattr(getattr(PromptServer, "instance", None), "send_progress_text", None)
    if send is not None and getattr(hidden, "unique_id", None) is not None:
        send(text, hidden.unique_id)


def picture_ui(picture: np.ndarray, text: str) -> dict[str, Any]:
    """A picture uint8 (H, W, 3) and a text on the node itself."""
    return {**ui.PreviewImage(convert.to_images(picture)).as_dict(), **ui.PreviewText(text).as_dict()}


def mask_ui(frames: np.ndarray, mask: Tensor) -> dict[str, Any]:
    """The mask, bool (T, H, W), over the frames, and in words."""
    return picture_ui(mask_preview(frames, mask), describe_mask(mask))


def timeline_ui(frames: np.ndarray, mask: Tensor) -> dict[str, Any]:
    """`mask_ui`, and for the timeline of VDT Mask the frames as a strip with the state of each."""
    (file,) = ui.PreviewImage(convert.to_images(frame_strip(frames))).as_dict()["images"]
    size = {"frames": len(frames), "height": frames.shape[1], "width": frames.shape[2]}
    clip = {**size, "strip": file, "shown": min(len(frames), STRIP_FRAMES), "made": frame_states(mask)}
    return {**mask_ui(frames, mask), "vdt_clip": [clip]}
