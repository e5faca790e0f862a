"""The node that measures a result against the truth."""

from __future__ import annotations

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from .host import convert, previews, runtime
from .schema import schema


class VDTReport(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTReport",
            display_name="VDT Report",
            category="VDT",
            description="Compare a result with the true frames: PSNR, SSIM and the step to the frame before by frame, "
            "given pixels, seams, flicker and colour drift.",
            search_aliases=["psnr", "ssim", "compare video", "metrics"],
            is_output_node=True,
            inputs=[
                io.Image.Input(
                    "truth", tooltip="The true frames: images of VDT Encode where the source had all of them."
                ),
                io.Image.Input(
                    "result",
                    tooltip="The frames to judge, of the same length and size.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generated. Default: none, all pixels count as generated. With it, given pixels "
                    "and seams are measured too.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "plot",
                    display_name="plot",
                    tooltip="Quality and steps over the frames, generated ones shaded; a seam is a spike of the steps.",
                ),
                io.String.Output("report", display_name="report", tooltip="The numbers in words."),
                io.Image.Output("sheet", display_name="sheet", tooltip="Both clips frame by frame."),
            ],
        )

    @classmethod
    def execute(cls, truth: Tensor, result: Tensor, mask: Tensor | None = None) -> io.NodeOutput:
        from ..vdt.evaluation.compare import compare, report, sheet
        from ..vdt.evaluation.curves import plot

        with runtime.named("VDT Report"):
            frames, shown = convert.to_frames(truth), convert.to_frames(result)
            clips, generated = _clips(frames, shown), _generated(mask, frames)
            comparison = compare(frames, clips[0], None if generated is None else generated.numpy())
            several = f"the first of {len(clips)} clips is measured\n" if len(clips) > 1 else ""
            picture, text = plot(comparison), f"{several}{report(comparison)}"
            images = [convert.to_images(p) for p in (picture, sheet(frames, clips[0], comparison.generated))]
            curves, both = map(runtime.to_intermediate, images)
            player = previews.compared_ui(clips, frames, generated)
            return io.NodeOutput(curves, text, both, ui={**runtime.picture_ui(picture, text), **player})


def _clips(truth: np.ndarray, shown: np.ndarray) -> list[np.ndarray]:
    """The clips (T, H, W, 3) in frames: several as long as the truth, or one."""
    count = len(truth)
    if len(shown) % count:
        return [shown]
    return [shown[start : start + count] for start in range(0, len(shown), count)]


def _generated(mask: Tensor | None, truth: np.ndarray) -> Tensor | None:
    """A MASK of the clip, or of several of which the first counts, as bool (T, H, W)."""
    from ..vdt.masks.pixel import fit_mask

    hard = convert.fitted_mask(mask, (truth.shape[1], truth.shape[2]), "crop")
    if hard is None:
        return None
    several = len(hard) > len(truth) and len(hard) % len(truth) == 0
    return fit_mask(hard[: len(truth)] if several else hard, (len(truth), truth.shape[1], truth.shape[2]))
