"""Nodes between pictures and latents."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor

from ..vdt.completion import pixels_to_paste
from ..vdt.edges import EDGES
from ..vdt.frames import fit_frames
from ..vdt.planner import Source, describe_clip, fit_size, plan_clip
from ..vdt.still import STILL
from . import convert, host

POLICIES = ["crop", "fit", "stretch"]
POLICY_TIP = (
    "Default: crop, which covers the size and cuts the centre. fit keeps the whole picture between black bars; "
    "stretch changes its proportions."
)


class VDTEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
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
                io.Combo.Input("policy", options=POLICIES, default="crop", tooltip=POLICY_TIP),
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
        with host.named("VDT Encode"):
            clip = convert.read_source(images, video, length=length, fps=fps, start=start)
            size = fit_size((height, width), (clip.height, clip.width))
            fitted = fit_frames(clip.frames, size, policy)
            source = Source(num_frames=len(fitted), height=clip.height, width=clip.width, fps=clip.fps)
            plan = plan_clip(source, length=length, size=size, policy=policy)
            frames, text = plan.place(fitted), describe_clip(plan, source)
            latent = convert.new_latent(host.encode(vae, frames), size, host.downscale(vae))
            encoded = host.to_intermediate(convert.to_images(frames))
            audio = convert.to_audio(clip.sound)
            return io.NodeOutput(latent, encoded, plan.fps, text, audio, ui=ui.PreviewText(text))


class VDTDecode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
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
                *host.finish_inputs(),
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
        still: float = STILL,
        edges: float = EDGES,
    ) -> io.NodeOutput:
        with host.named("VDT Decode"):
            samples = convert.samples_of(latent)
            host.note(cls.hidden, vae=getattr(vae, "vdt_file", None))
            size, progress = host.pixel_size(vae, latent, images), host.chunk_progress()
            if images is None:
                return io.NodeOutput(host.decode(vae, samples, size=size, progress=progress))
            given = convert.rgb(images)
            hard = convert.mask_of(latent, mask)
            pixels = pixels_to_paste(samples, given, hard, downscale=host.downscale(vae))
            decoded = host.decode(vae, samples, pixels, size=size, progress=progress)
            held = host.anchors(vae, samples, given, pixels, still)
            return io.NodeOutput(host.finish(decoded, given, pixels, held, still=still, edges=edges))


def _size_tip(name: str) -> str:
    return (
        f"{name} in pixels. Default: 64, the size of the bundled model. 0 keeps the proportions of the source; both 0 "
        f"keep its size. Larger pictures are made in tiles of the model's own size; time grows with the area."
    )
