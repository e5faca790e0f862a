"""The node that measures a result against the truth."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from . import convert, runtime
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
                io.Image.Input("result", tooltip="The frames to judge, of the same length and size."),
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
        from ..vdt.masks.pixel import fit_mask

        with runtime.named("VDT Report"):
            frames, made = convert.to_frames(truth), convert.to_frames(result)
            hard = convert.hard_mask(mask)
            where = None if hard is None else fit_mask(hard, frames.shape[:3]).numpy()
            comparison = compare(frames, made, where)
            picture, text = plot(comparison), report(comparison)
            images = [convert.to_images(p) for p in (picture, sheet(frames, made, comparison.generated))]
            curves, both = map(runtime.to_intermediate, images)
            return io.NodeOutput(curves, text, both, ui=runtime.picture_ui(picture, text))
