"""The node that writes a video as it decodes it."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vdt.inference.settings import CompositingConfig
from .host import convert, files, previews, runtime
from .host import vae as vaes
from .schema import COMPOSITING, compositing_inputs, schema


class VDTSaveVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="VDTSaveVideo",
            display_name="VDT Save Video",
            category="VDT",
            description="Decode latents straight into an mp4 file, a few frames at a time: however long the clip, its "
            "pictures are never in memory all at once.",
            search_aliases=["save long video", "decode to file", "export mp4"],
            inputs=[
                io.Latent.Input("latent", tooltip="From VDT Sampler, VDT Extend or any stock sampler."),
                io.Vae.Input("vae", tooltip="The VAE the clip was encoded with."),
                io.String.Input(
                    "filename_prefix",
                    default="video/VDT",
                    tooltip="Default: video/VDT, in the output folder. May hold %date:yyyy-MM-dd% and the like.",
                ),
                io.Float.Input(
                    "fps",
                    default=8.0,
                    min=0.01,
                    max=1000.0,
                    step=0.01,
                    tooltip="Default: 8. Frames a second; connect the fps of VDT Encode to keep those of the source.",
                ),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Default: none, everything is decoded. Connect the images of VDT Encode or VDT Extend to "
                    "keep their given pixels exactly.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="White = generated. Default: the mask that the latent carries.",
                ),
                io.Audio.Input("audio", optional=True, tooltip="The sound; cut to the length of the video."),
                *compositing_inputs(),
            ],
            outputs=[
                io.Video.Output(
                    "out_video",
                    display_name="video",
                    tooltip="The file that was written; each clip of a latent gets its own, this is the first.",
                )
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        latent: dict[str, Any],
        vae: Any,
        filename_prefix: str,
        fps: float,
        images: Tensor | None = None,
        mask: Tensor | None = None,
        audio: dict[str, Any] | None = None,
        still: float = COMPOSITING.static_background,
        edges: float = COMPOSITING.color_match,
    ) -> io.NodeOutput:
        with runtime.named("VDT Save Video"):
            files.note(cls.hidden, vae=vaes.file_of(vae))
            config = CompositingConfig(static_background=still, color_match=edges)
            job = vaes.DecodeJob.of(vae, latent, images, mask, config)
            sound = convert.sound_for(audio, job.seconds(fps))
            watched = previews.Watched(job.size, len(job.clips[0].samples), len(job.clips))
            saved = files.save_videos(
                cls.hidden, watched.passing(job.videos()), size=job.size, fps=fps, prefix=filename_prefix, sound=sound
            )
            written = saved.ui.as_dict()
            player = previews.decoded_ui(watched.describe(written["images"], fps), latent, mask, images, fps)
            return io.NodeOutput(*saved.args, ui={**written, **player})
