"""Nodes that say what is generated: white is, black is given."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vdt.masks.clip_plan import check_given
from ..vdt.masks.pixel import OPERATIONS, combine, task_mask
from ..vdt.masks.tasks import TASKS, Frames, ImageToVideo, Interpolate, Predict, make_task
from ..vdt.masks.timeline import apply_timeline, parse_timeline
from ..vdt.media.frames import FitMode
from . import checks
from .host import compat, convert, runtime
from .schema import fit_input, schema, seed_input

DEFAULT_FIT: FitMode = "crop"
POLICY_TIP = (
    "Default: crop. How a mask of another size is brought to that of the frames: as VDT Encode did with these. crop "
    "covers the size and cuts the centre, fit keeps all of the mask, stretch changes its proportions."
)


class VDTMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTMask",
            display_name="VDT Mask",
            category="VDT",
            description="Say what is given (black) and what is generated (white), by a task, and by hand on a timeline "
            "over the frames: what is generated is striped.",
            search_aliases=["predict", "interpolate", "inpaint video", "image to video", "task"],
            has_intermediate_output=True,  # the timeline shows what ran where nothing had to run again
            inputs=[
                io.Image.Input(
                    "images", tooltip="The images of VDT Encode or VDT Keyframes: they give length and size."
                ),
                io.Combo.Input(
                    "task",
                    options=list(TASKS),
                    default=Predict.name,
                    tooltip="Default: predict what follows the first frames. backward: what came before the last ones. "
                    "interpolate: between every n-th. image_to_video: all but one. frames: all but those of `known`. "
                    "spatial: the white of the mask, or random blocks. random: random frames. unconditional: "
                    "everything.",
                ),
                *_task_settings(),
                seed_input("For random, and for spatial without a mask. The same seed makes the same mask."),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generate, painted in any size; one frame serves all. The task spatial is this "
                    "mask; every other task generates only inside its white part. Default: none.",
                ),
                io.String.Input(
                    "timeline",
                    default="",
                    optional=True,
                    tooltip="What was set by hand on the timeline: given frames and painted shapes, applied last. "
                    "Default: empty, the task alone.",
                ),
                compat.advanced(fit_input(POLICY_TIP, optional=True)),
            ],
            outputs=[
                io.Mask.Output(
                    "out_mask",
                    display_name="mask",
                    tooltip="White = generate, one mask per frame. Near white is the rest of a latent cell that is "
                    "generated: samplers see whole cells, VDT Decode pastes the given pixels in them.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, task: str | None = None, known: str | None = None, timeline: str = "") -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        return checks.verdict(checks.mask, task, known, timeline)

    @classmethod
    def execute(
        cls,
        images: Tensor,
        task: str,
        given: int,
        every: int,
        frame: int,
        known: str,
        seed: int,
        mask: Tensor | None = None,
        timeline: str = "",
        policy: FitMode = DEFAULT_FIT,
    ) -> io.NodeOutput:
        with runtime.named("VDT Mask"):
            frames = convert.to_frames(images)
            chosen = make_task(task, given=given, every=every, frame=frame, given_frames=known, seed=seed)
            painted = convert.fitted_mask(mask, frames.shape[1:3], policy)
            preset = task_mask(chosen, frames.shape[:3], painted=painted, seed=seed)
            made = apply_timeline(preset, parse_timeline(timeline))
            check_given(frames, made)
            white = runtime.to_intermediate(convert.from_mask(made))
            settings = {"task": task, "given": given, "every": every, "frame": frame, "known": known, "seed": seed}
            return io.NodeOutput(white, ui=runtime.timeline_ui(frames, made, preset, settings))


class VDTMaskCombine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTMaskCombine",
            display_name="VDT Mask Combine",
            category="VDT",
            description="Combine two masks of frames, or invert one. A mask b of another size is brought to that of a.",
            search_aliases=["mask composite", "invert mask", "union", "intersection"],
            inputs=[
                io.Mask.Input("a", tooltip="White = generate. One frame goes with a clip of any length."),
                io.Combo.Input(
                    "operation",
                    options=list(OPERATIONS),
                    default="union",
                    tooltip="Default: union, white where a or b is. intersection: where both are. difference: where a "
                    "is and b is not. invert: where a is not; b is not used then.",
                ),
                io.Mask.Input(
                    "b",
                    optional=True,
                    tooltip="The other mask, of any size; every operation but invert needs it.",
                ),
                compat.advanced(fit_input(POLICY_TIP, optional=True)),
            ],
            outputs=[io.Mask.Output("mask", display_name="mask", tooltip="White = generate.")],
        )

    @classmethod
    def validate_inputs(cls, operation: str | None = None, b: Any = checks.ABSENT) -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        return checks.verdict(checks.combination, operation, b)

    @classmethod
    def execute(
        cls, a: Tensor, operation: str, b: Tensor | None = None, policy: FitMode = DEFAULT_FIT
    ) -> io.NodeOutput:
        with runtime.named("VDT Mask Combine"):
            first = convert.painted_mask(a)
            second = convert.fitted_soft_mask(b, (first.shape[1], first.shape[2]), policy)
            made = convert.from_soft_mask(combine(first, operation, second))
            return io.NodeOutput(runtime.to_intermediate(made))


def _task_settings() -> list[io.Input]:
    """What the tasks of VDTMask read, one setting each."""
    given, every, frame, listed = Predict().given, Interpolate().every, ImageToVideo().frame, Frames().given_frames
    return [
        io.Int.Input(
            "given",
            default=given,
            min=1,
            max=4096,
            tooltip=f"For predict and backward. Default: {given} frames are given. More make the motion clearer and "
            "leave less to generate.",
        ),
        io.Int.Input(
            "every",
            default=every,
            min=2,
            max=4096,
            tooltip=f"For interpolate. Default: every {every}th frame is given, and the last one. Less is easier for "
            "the model.",
        ),
        io.Int.Input(
            "frame",
            default=frame,
            min=-4096,
            max=4095,
            tooltip=f"For image_to_video. Default: {frame}, the first frame is given; -1 is the last one.",
        ),
        io.String.Input(
            "known",
            default=listed,
            tooltip=f"For frames. Default: {listed}, which gives the first four frames and the last one.",
        ),
    ]
