"""The node that hands one mask timeline to the stock nodes of other video models."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vdt.masks.clip_plan import check_given, fit_size
from ..vdt.masks.control import make_control
from ..vdt.masks.fitting import fit_painted
from ..vdt.masks.grids import TARGETS, find_target
from ..vdt.masks.pixel import fit_mask
from ..vdt.media.frames import FitMode, fit_frames
from .host import convert, runtime
from .schema import fit_input, schema


class VDTMaskToControl(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTMaskToControl",
            display_name="VDT Mask To Control",
            category="VDT",
            description="Turn frames and a mask into what the stock nodes of other video models take: Wan VACE, first "
            "and last frame, LTX, Hunyuan, Cosmos, MiniMax H3. The text says what was added or rounded.",
            search_aliases=["vace mask", "wan inpaint", "ltx guide", "control video", "latent mask", "4n+1"],
            inputs=[
                io.Image.Input("images", tooltip="The clip; anything may stand where the mask is white."),
                io.Mask.Input(
                    "mask",
                    tooltip="White = generate, of any size, such as from VDT Mask. One frame serves all.",
                ),
                io.Combo.Input(
                    "target",
                    options=list(TARGETS),
                    tooltip="Default: Wan VACE. For which model; the help page says which outputs go where.",
                ),
                io.Int.Input("width", default=0, min=0, max=16384, tooltip=_size_tip("Width")),
                io.Int.Input("height", default=0, min=0, max=16384, tooltip=_size_tip("Height")),
                fit_input(),
                io.Int.Input(
                    "number",
                    default=1,
                    min=1,
                    max=999,
                    tooltip="Default: 1. For LTX guides: which of them the outputs guide and frame_idx are. The text "
                    "lists all.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        mask: Tensor,
        target: str,
        width: int,
        height: int,
        policy: FitMode,
        number: int,
    ) -> io.NodeOutput:
        with runtime.named("VDT Mask To Control"):
            frames, white = _fitted(images, mask, target, (height, width), policy)
            control = make_control(frames, white, target, source=(images.shape[-3], images.shape[-2]))
            guide = control.guide(number)
            held = None if guide is None else control.frames[guide.start :][: guide.count]
            start = control.frames[: control.first] if control.first else None
            end = control.frames[-control.last :] if control.last else None
            pictures = [None if part is None else runtime.to_intermediate(part) for part in (start, end, held)]
            clip, sent = map(runtime.to_intermediate, (control.frames, control.mask.float()))
            index, (length, rows, columns) = 0 if guide is None else guide.start, control.generated.shape
            shown = runtime.mask_ui(convert.to_frames(control.frames), control.generated, control.report)
            return io.NodeOutput(clip, sent, *pictures, index, length, columns, rows, control.report, ui=shown)


def _outputs() -> list[Any]:
    """For nodes of all targets; a target uses some of them."""
    return [
        io.Image.Output(
            "control_images",
            display_name="images",
            tooltip="The clip at a length and size of the model, grey where it is generated; for latent masks "
            "as it is, to be encoded.",
        ),
        io.Mask.Output(
            "control_mask",
            display_name="mask",
            tooltip="Black and white, 1 = generate: control_masks of WanVaceToVideo, or for latent masks one "
            "pixel for each latent cell, for Set Latent Noise Mask.",
        ),
        io.Image.Output(
            "start_image",
            display_name="start_image",
            tooltip="The given frames at the beginning, 4n + 1 of them; nothing where there are none.",
        ),
        io.Image.Output(
            "end_image",
            display_name="end_image",
            tooltip="The given frames at the end, 1 to 3 or 4n of them; nothing where there are none.",
        ),
        io.Image.Output("guide", display_name="guide", tooltip="The frames of guide `number`, for LTXVAddGuide."),
        io.Int.Output("frame_idx", display_name="frame_idx", tooltip="Where that guide stands."),
        io.Int.Output("length", display_name="length", tooltip="Frames of the clip, for the stock node."),
        io.Int.Output("out_width", display_name="width", tooltip="Width in pixels, for the stock node."),
        io.Int.Output("out_height", display_name="height", tooltip="Height in pixels, for the stock node."),
        io.String.Output("report", display_name="report", tooltip="What was added, moved or rounded, frame by frame."),
    ]


def _fitted(images: Tensor, mask: Tensor, target: str, size: tuple[int, int], policy: FitMode) -> tuple[Tensor, Tensor]:
    """Frames float (T, H, W, 3) and mask bool (T, H, W) at a size of the target: both go the same way."""
    clip, frames = convert.rgb(images).detach().float().cpu(), convert.to_frames(images)
    count, *source = frames.shape[:3]
    own = (source[0], source[1])
    painted = fit_painted(convert.painted_mask(mask), own, policy)
    white = fit_mask(painted, (count, *own))
    check_given(frames, white)
    wanted = find_target(target).size(fit_size(size, own))
    if wanted == own:
        return clip, white
    return convert.to_images(fit_frames(frames, wanted, policy)), fit_painted(white.float(), wanted, policy)


def _size_tip(name: str) -> str:
    return (
        f"{name} in pixels. Default: 0, that of the images, or in their proportions where only the other one is set. "
        f"It becomes the nearest multiple that the model takes: 16, or 32 for LTX, Wan 2.2 5B and MiniMax H3."
    )
