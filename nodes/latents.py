"""Nodes between pictures and latents."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor

from ..vdt.inference.settings import CompositingConfig
from ..vdt.masks.clip_plan import Source, describe_clip, fit_size, plan_clip
from ..vdt.media.frames import fit_frames
from . import convert, files, runtime
from . import vae as vaes
from .schema import COMPOSITING, compositing_inputs, fit_input, schema


class VDTEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTEncode",
            display_name="VDT Encode",
            category="VDT",
            description="Bring images or a video to the length and size of the model and encode them. Missing frames "
            "are left grey, to be generated.",
            search_aliases=["video to latent", "vae encode video", "resample fps"],
            inputs=[
                io.Vae.Input("vae", tooltip="The VAE of the model: VDT Load VAE."),
                io.Int.Input(
                    "length",
                    default=16,
                    min=1,
                    max=4096,
                    tooltip="Default: 16 frames, what the bundled model was trained on. Longer clips are "
                    "generated in windows of that.",
                ),
                io.Int.Input("width", default=64, min=0, max=4096, tooltip=_size_tip("Width")),
                io.Int.Input("height", default=64, min=0, max=4096, tooltip=_size_tip("Height")),
                fit_input(),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.01,
                    tooltip="Default: 0, the source's own. A video is resampled to this rate by time; of images it "
                    "only says how fast they are (8 if 0). Fewer frames a second show more time, with larger steps.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=100000.0,
                    step=0.01,
                    tooltip="Default: 0. Seconds of the source to pass over.",
                ),
                io.Image.Input("images", optional=True, tooltip="Frames, such as of VDT Sample Clip. Or a video."),
                io.Video.Input("video", optional=True, tooltip="The video, such as from Load Video. Or images."),
            ],
            outputs=[
                io.Latent.Output("latent", display_name="latent", tooltip="Raw latents, one per frame."),
                io.Image.Output("out_images", display_name="images", tooltip="The frames as they were encoded."),
                io.Float.Output("out_fps", display_name="fps", tooltip="Frames a second, for Create Video."),
                io.String.Output("plan", display_name="plan", tooltip="What was made of the source, in words."),
                io.Audio.Output("audio", display_name="audio", tooltip="The sound of a video, as long as the clip."),
            ],
        )

    @classmethod
    def execute(
        cls,
        vae: Any,
        length: int,
        width: int,
        height: int,
        policy: str,
        fps: float,
        start: float,
        images: Tensor | None = None,
        video: Any = None,
    ) -> io.NodeOutput:
        with runtime.named("VDT Encode"):
            clip = convert.read_source(images, video, length=length, fps=fps, start=start)
            size = fit_size((height, width), (clip.height, clip.width))
            fitted = fit_frames(clip.frames, size, policy)
            source = Source(num_frames=len(fitted), height=clip.height, width=clip.width, fps=clip.fps)
            plan = plan_clip(source, length=length, size=size, fit=policy)
            frames, text = plan.place(fitted), describe_clip(plan, source)
            encoded = runtime.to_intermediate(convert.to_images(frames))
            audio = convert.to_audio(clip.sound)
            return io.NodeOutput(vaes.encode(vae, frames), encoded, plan.fps, text, audio, ui=ui.PreviewText(text))


class VDTDecode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTDecode",
            display_name="VDT Decode",
            category="VDT",
            description="Decode latents to frames. With the encoded images connected, given pixels are theirs, bit "
            "for bit.",
            search_aliases=["latent to video", "vae decode video", "paste given"],
            inputs=[
                io.Latent.Input("latent", tooltip="From VDT Sampler or any stock sampler."),
                io.Vae.Input("vae", tooltip="The VAE the clip was encoded with."),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Default: none, everything is decoded. Connect the images of VDT Encode to keep their "
                    "given pixels exactly instead of with the VAE's small errors.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generated. Default: the mask that the latent carries.",
                ),
                *compositing_inputs(),
            ],
            outputs=[io.Image.Output("out_images", display_name="images", tooltip="The finished frames.")],
            hidden=[io.Hidden.extra_pnginfo],
        )

    @classmethod
    def execute(
        cls,
        latent: dict[str, Any],
        vae: Any,
        images: Tensor | None = None,
        mask: Tensor | None = None,
        still: float = COMPOSITING.static_background,
        edges: float = COMPOSITING.color_match,
    ) -> io.NodeOutput:
        with runtime.named("VDT Decode"):
            files.note(cls.hidden, vae=vaes.file_of(vae))
            config = CompositingConfig(static_background=still, color_match=edges)
            return io.NodeOutput(vaes.DecodeJob.of(vae, latent, images, mask, config).images())


def _size_tip(name: str) -> str:
    return (
        f"{name} in pixels. Default: 64, the size of the bundled model. 0 keeps the proportions of the source; both 0 "
        f"keep its size. Larger pictures are made in tiles of the model's own size; time grows with the area."
    )
