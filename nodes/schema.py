"""What definitions of nodes share: schemas that every version of ComfyUI takes, and inputs of more than one node."""

from __future__ import annotations

from typing import Any, get_args

from comfy_api.latest import io

from ..vdt.inference.generate import MAX_SEED
from ..vdt.inference.settings import CompositingConfig, SamplingConfig, WindowConfig
from ..vdt.media.frames import FitMode
from .host import compat

# Defaults of widgets are read from the library's records, never written down again.
SAMPLING = SamplingConfig()
WINDOWS = WindowConfig()
COMPOSITING = CompositingConfig()
MAX_LEVELS = 255.0


FIT_TIP = (
    "Default: crop, which covers the size and cuts the centre. fit keeps the whole picture between black bars; stretch "
    "changes its proportions."
)


def schema(**fields: Any) -> io.Schema:
    """A schema of those of these fields that the running ComfyUI knows."""
    return io.Schema(**compat.known_fields(io.Schema, fields))


def seed_input(tooltip: str) -> Any:
    """The input "seed": all of 64 bits, with what the editor does to it after a run."""
    return io.Int.Input("seed", default=0, min=0, max=MAX_SEED, control_after_generate=True, tooltip=tooltip)


def text_inputs(guidance: str) -> tuple[Any, Any]:
    """The inputs "text" and "text_guidance" of nodes that lead to a sampler; `guidance` says what the weight does."""
    return (
        io.Conditioning.Input(
            "text",
            optional=True,
            tooltip="Default: none. What happens, for a model that was trained with captions: from VDT Text Encode, or "
            "from CLIP Text Encode for a model that reads those embeddings.",
        ),
        io.Float.Input(
            "text_guidance",
            default=SAMPLING.text_guidance,
            min=0.0,
            max=20.0,
            step=0.1,
            optional=True,
            tooltip=f"Default: {SAMPLING.text_guidance:g}. {guidance}",
        ),
    )


def fit_input(tooltip: str = FIT_TIP, *, optional: bool = False) -> Any:
    """The input "policy": how pictures, or masks, are brought to another size, see `fit_frames`."""
    return io.Combo.Input("policy", options=list(get_args(FitMode)), default="crop", optional=optional, tooltip=tooltip)


def compositing_inputs() -> tuple[Any, Any]:
    """The inputs "still" and "edges" of nodes that decode, see `CompositingConfig`."""
    return (
        _levels_input(
            "still",
            COMPOSITING.static_background,
            "Static background hold: places of a generated frame that differ by less than about so many levels of 255 "
            "from the given frame nearest in time are shown as that frame has them, so that background keeps its "
            "detail and colour. 0 is off. It needs the images.",
        ),
        _levels_input(
            "edges",
            COMPOSITING.color_match,
            "Boundary colour matching: where a part of a frame is generated, its colours are shifted to meet what is "
            "around it, so that no patch shows. Jumps of less than so many levels of 255 are taken back; larger ones "
            "are things that end there. 0 is off. It needs the images.",
        ),
    )


def _levels_input(name: str, default: float, tooltip: str) -> Any:
    """An optional input in levels of 255."""
    return io.Float.Input(
        name,
        default=default,
        min=0.0,
        max=MAX_LEVELS,
        step=1.0,
        optional=True,
        tooltip=f"Default: {default:g}. {tooltip}",
    )
