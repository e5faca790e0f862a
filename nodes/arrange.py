"""Nodes that make room in a clip for what is to be generated: between clips, between frames, around the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from ..vdt.masks.keyframes import LOOP_LEAD, connect_clips, spread_frames
from ..vdt.masks.outpaint import MOST, Sides, outpaint
from . import checks
from .host import convert, runtime
from .host import vae as vaes
from .schema import schema


class VDTConnect(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTConnect",
            display_name="VDT Connect",
            category="VDT",
            description="Make room between two clips, to generate the way from one to the other. With one clip alone: "
            "the way from its end back to its beginning, a seamless loop.",
            search_aliases=["join clips", "transition", "seamless loop", "morph"],
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE of the model: VDT Load VAE."),
                io.Image.Input("first", tooltip="The clip to start from: the images of VDT Encode."),
                io.Int.Input(
                    "frames", default=8, min=1, max=4096, tooltip="Default: 8. How many to make between them."
                ),
                io.Image.Input(
                    "second",
                    optional=True,
                    tooltip="The clip to lead to, of the same size. Default: none, which makes a loop of the first; it "
                    f"then begins {LOOP_LEAD} frames into it, or in its middle where that is earlier.",
                ),
            ],
            outputs=_outputs("Both clips with grey frames between them."),
        )

    @classmethod
    def execute(cls, vae: Any, first: Tensor, frames: int, second: Tensor | None = None) -> io.NodeOutput:
        with runtime.named("VDT Connect"):
            other = None if second is None else convert.to_frames(second)
            clip = connect_clips(convert.to_frames(first), other, frames)
            return _arranged(vae, clip.frames, clip.mask)


class VDTSlowMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTSlowMotion",
            display_name="VDT Slow Motion",
            category="VDT",
            description="Make room between all frames of a clip of any length, to generate what lies between them.",
            search_aliases=["interpolate video", "frame interpolation", "slowmo", "double frame rate"],
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE of the model: VDT Load VAE."),
                io.Image.Input("images", tooltip="The clip: the images of VDT Encode."),
                io.Int.Input(
                    "every",
                    default=2,
                    min=2,
                    max=16,
                    tooltip="Default: 2, one new frame between each two: at the same frames a second the clip lasts "
                    "twice as long. 4 makes three of them, and so on.",
                ),
            ],
            outputs=_outputs("The clip with grey frames between its own."),
        )

    @classmethod
    def execute(cls, vae: Any, images: Tensor, every: int) -> io.NodeOutput:
        with runtime.named("VDT Slow Motion"):
            clip = spread_frames(convert.to_frames(images), every)
            return _arranged(vae, clip.frames, clip.mask)


class VDTOutpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTOutpaint",
            display_name="VDT Outpaint",
            category="VDT",
            description="Make room around the picture, to generate what the camera did not see.",
            search_aliases=["pad video", "extend picture", "uncrop", "aspect ratio"],
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE of the model: VDT Load VAE."),
                io.Image.Input("images", tooltip="The clip: the images of VDT Encode."),
                _side_input("left", 25.0),
                _side_input("top", 0.0),
                _side_input("right", 25.0),
                _side_input("bottom", 0.0),
            ],
            outputs=_outputs("The larger pictures; around the old one its edge is repeated."),
        )

    @classmethod
    def validate_inputs(
        cls,
        left: float | None = None,
        top: float | None = None,
        right: float | None = None,
        bottom: float | None = None,
    ) -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        return checks.verdict(checks.sides, left, top, right, bottom)

    @classmethod
    def execute(cls, vae: Any, images: Tensor, left: float, top: float, right: float, bottom: float) -> io.NodeOutput:
        with runtime.named("VDT Outpaint"):
            sides = Sides(left=left, top=top, right=right, bottom=bottom)
            canvas, mask = outpaint(convert.to_frames(images), sides)
            return _arranged(vae, canvas, mask)


def _side_input(name: str, default: float) -> Any:
    of = "width" if name in ("left", "right") else "height"
    return io.Float.Input(
        name,
        default=default,
        min=0.0,
        max=MOST,
        step=1.0,
        tooltip=f"Default: {default:g}. How much to add here, in percent of the {of}.",
    )


def _outputs(images: str) -> list[Any]:
    return [
        io.Latent.Output("latent", display_name="latent", tooltip="For VDT Sampler, with the mask in it."),
        io.Image.Output("out_images", display_name="images", tooltip=f"{images} For VDT Decode or VDT Save Video."),
        io.Mask.Output("mask", display_name="mask", tooltip="White = generate."),
    ]


def _arranged(vae: Any, frames: np.ndarray, mask: Tensor) -> io.NodeOutput:
    """The clip (T, H, W, 3), encoded, with its mask, bool (T, H, W), and a picture of both."""
    white = runtime.to_intermediate(convert.from_mask(mask))
    latent = vaes.encode(vae, frames)
    pictures = runtime.to_intermediate(convert.to_images(frames))
    masked = convert.to_latent(latent, latent["samples"], white)
    return io.NodeOutput(masked, pictures, white, ui=runtime.mask_ui(frames, mask))
