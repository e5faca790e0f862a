"""ComfyUI while a node runs: named errors, devices, memory, progress, interruption, and what a node shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import comfy.model_management as mm
import comfy.utils
import numpy as np
import torch
from comfy_api.latest import ui
from torch import Tensor

from ...vdt import bounds
from ...vdt.diffusion import StepInfo
from ...vdt.inference.codec import Progress
from ...vdt.inference.memory import check_memory
from ...vdt.inference.pipeline import DTYPES
from ...vdt.interruption import interruptible
from ...vdt.masks.frame_lists import describe_mask
from ...vdt.masks.timeline import PARTLY, frame_states
from ...vdt.visualize.live_preview import LivePreview
from ...vdt.visualize.mask_overlay import STRIP_FRAMES, frame_strip, mask_preview
from . import compat, convert
from .previews import PacedPreview

CLIP_COPIES = 8  # of 8 bits: frames as they are read and as they are laid out, as IMAGE (4 times) and MASK
PRECISIONS = ("auto", *DTYPES)
AUTO_DTYPES = (torch.bfloat16, torch.float32)  # not float16, which overflows in some trained models


@contextmanager
def named(node: str) -> Iterator[None]:
    """Say in every message for the user which node it comes from, and stop within a second of Interrupt.

    Errors of the library's own types leave as ValueError: the editor shows the type with its whole path before it.
    """
    try:
        with interruptible(mm.throw_exception_if_processing_interrupted):
            yield
    except ValueError as error:
        raise ValueError(f"{node}: {error}") from error
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{node}: {error}", name=error.name) from error


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


def check_clip(length: int, size: tuple[int, int]) -> None:
    """Refuse a clip of (height, width) that does not fit the memory before any of it is made: ValueError."""
    bounds.check_clip(length, size, held=CLIP_COPIES)


def to_intermediate(tensor: Tensor) -> Tensor:
    """A result where and as ComfyUI keeps what lies between nodes."""
    return tensor.to(device=mm.intermediate_device(), dtype=compat.intermediate_dtype())


# ---- Progress and interruption ---------------------------------------------------------------------------------------


def chunk_progress() -> Progress:
    """A progress callback for work in chunks; it raises when the user has stopped the run."""
    bar: list[Any] = []

    def report(done: int, total: int) -> None:
        mm.throw_exception_if_processing_interrupted()
        bar[:] = bar or [comfy.utils.ProgressBar(total)]
        bar[0].update_absolute(done, total)

    return report


def step_progress(steps: int, preview: LivePreview) -> Callable[[StepInfo], None]:
    """A sampler callback: progress, all frames as a preview, and an exception when the user has stopped the run."""
    mm.throw_exception_if_processing_interrupted()
    bar = comfy.utils.ProgressBar(steps)
    paced = PacedPreview(preview)

    def report(info: StepInfo) -> None:
        mm.throw_exception_if_processing_interrupted()
        shown = paced(info.x0[0], f"{info.step} / {info.num_steps}")  # x0 (1, T, C, h, w)
        bar.update_absolute(info.step, info.num_steps, shown)

    return report


# ---- What a node shows -----------------------------------------------------------------------------------------------


def announce(hidden: Any, text: str) -> None:
    """Say something of a run: in the log, and on the node where the host can write there; "" says nothing."""
    if not text:
        return
    logging.getLogger(__name__).info(text)
    compat.show_text(getattr(hidden, "unique_id", None), text)


def picture_ui(picture: np.ndarray, text: str) -> dict[str, Any]:
    """A picture uint8 (H, W, 3) and a text on the node itself."""
    return {**ui.PreviewImage(convert.to_images(picture)).as_dict(), **ui.PreviewText(text).as_dict()}


def mask_ui(frames: np.ndarray, mask: Tensor, text: str | None = None) -> dict[str, Any]:
    """The mask, bool (T, H, W), over the frames, and a text; None says what the mask does."""
    return picture_ui(mask_preview(frames, mask), describe_mask(mask) if text is None else text)


def timeline_ui(frames: np.ndarray, mask: Tensor, preset: Tensor, settings: dict[str, Any]) -> dict[str, Any]:
    """`mask_ui`, and for the timeline of VDT Mask the frames as a strip with the state of each.

    It also has what the strokes were applied to: `base`, the states of the task's own mask `preset` (T, H, W) with
    these settings, and a strip of it where it is partly white.
    """
    size = {"frames": len(frames), "height": frames.shape[1], "width": frames.shape[2]}
    base = frame_states(preset)
    strips = {"strip": frames, **({"base_strip": _white_frames(preset)} if PARTLY in base else {})}
    files = {name: _preview_file(frame_strip(each)) for name, each in strips.items()}
    clip = {**size, **files, "shown": min(len(frames), STRIP_FRAMES), "made": frame_states(mask)}
    clip |= {"base": base, "settings": settings}
    return {**mask_ui(frames, mask), "vdt_clip": [clip]}


def _preview_file(picture: np.ndarray) -> dict[str, str]:
    """Where a picture uint8 (H, W, 3) lies for the editor."""
    (file,) = ui.PreviewImage(convert.to_images(picture)).as_dict()["images"]
    return cast("dict[str, str]", file)


def _white_frames(mask: Tensor) -> np.ndarray:
    """A mask, bool (T, H, W), as frames uint8 (T, H, W, 3)."""
    return np.repeat(mask.numpy().astype(np.uint8)[..., None] * 255, 3, axis=3)
