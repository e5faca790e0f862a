"""Nodes between pictures and latents."""

from __future__ import annotations

from typing import Any

import numpy as np
from comfy_api.latest import io, ui
from torch import Tensor

from ..vdt.inference.settings import CompositingConfig
from ..vdt.masks.clip_plan import Source, describe_clip, fit_size, plan_clip
from ..vdt.masks.frame_lists import describe_mask
from ..vdt.media.frames import fit_frames
from . import checks
from .host import convert, files, previews, runtime, sources
from .host import vae as vaes
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
                *_source_inputs(),
            ],
            outputs=_encoded_outputs(),
        )

    @classmethod
    def validate_inputs(
        cls,
        length: int | None = None,
        width: int | None = None,
        height: int | None = None,
        images: Any = checks.ABSENT,
        video: Any = checks.ABSENT,
    ) -> bool | str:
        """Before anything runs: the editor marks the node and says the sentence."""
        return checks.verdict(checks.source, length, (height, width), images, video)

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
        mask: Tensor | None = None,
    ) -> io.NodeOutput:
        with runtime.named("VDT Encode"):
            clip = sources.read_source(images, video, length=length, fps=fps, start=start)
            size = fit_size((height, width), (clip.height, clip.width))
            runtime.check_clip(length, size)
            painted = sources.source_mask(mask, clip, length=length, size=size, mode=policy)
            fitted = fit_frames(clip.frames, size, policy)
            source = Source(num_frames=len(fitted), height=clip.height, width=clip.width, fps=clip.fps)
            plan = plan_clip(source, length=length, size=size, fit=policy)
            frames, text, white = plan.place(fitted), describe_clip(plan, source), plan.mask(painted)
            latent = convert.encoded_latent(vaes.encode(vae, frames), None if mask is None else white, policy)
            latent[previews.FPS_KEY] = float(plan.fps)
            said = (text, *sources.notes(vaes.codec_of(vae), fitted, images, video))
            shown = _encoded_ui(frames, None if mask is None else white, said)
            outputs = [runtime.to_intermediate(part) for part in (convert.to_images(frames), convert.from_mask(white))]
            return io.NodeOutput(latent, outputs[0], plan.fps, text, convert.to_audio(clip.sound), outputs[1], ui=shown)


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
            hidden=[io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            has_intermediate_output=True,  # the player stays on the node where nothing had to run again
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
            job = vaes.DecodeJob.of(vae, latent, images, mask, config)
            runtime.check_clip(len(convert.samples_of(latent)), job.size)
            finished = job.images()
            clips = previews.clips_of(finished, latent)
            runtime.announce(cls.hidden, previews.motion_note(clips, latent, mask))
            return io.NodeOutput(finished, ui=previews.decoded_images_ui(clips, latent, mask, images))


def _source_inputs() -> list[Any]:
    """What a clip is made of, one of images and video, and the mask that was painted on it."""
    return [
        io.Image.Input("images", optional=True, tooltip="Frames, such as of VDT Sample Clip. Or a video."),
        io.Video.Input(
            "video",
            optional=True,
            tooltip="The video, such as from Load Video. It goes before images: connect your own clip here and leave "
            "the sample where it is.",
        ),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="What to generate (white) of the source, painted in any size, such as on Load Image: it is "
            "resized and cut as the frames are. One frame serves all; else as many as the source has, or as "
            "`length` says. Default: none, the latent carries no mask.",
        ),
    ]


def _encoded_outputs() -> list[Any]:
    return [
        io.Latent.Output("latent", display_name="latent", tooltip="Raw latents, one per frame."),
        io.Image.Output("out_images", display_name="images", tooltip="The frames as they were encoded."),
        io.Float.Output("out_fps", display_name="fps", tooltip="Frames a second, for Create Video."),
        io.String.Output("plan", display_name="plan", tooltip="What was made of the source, in words."),
        io.Audio.Output("audio", display_name="audio", tooltip="The sound of a video, as long as the clip."),
        io.Mask.Output(
            "out_mask",
            display_name="mask",
            tooltip="The mask at the size of the clip; frames that the source does not have are white.",
        ),
    ]


def _encoded_ui(frames: np.ndarray, mask: Tensor | None, texts: tuple[str, ...]) -> dict[str, Any]:
    """What was made of the source in words; with a mask also that, over the frames."""
    if mask is None:
        return ui.PreviewText("; ".join(texts)).as_dict()
    return runtime.mask_ui(frames, mask, "; ".join((*texts, describe_mask(mask))))


def _size_tip(name: str) -> str:
    return (
        f"{name} in pixels. Default: 64, the size of the bundled model. 0 keeps the proportions of the source; both 0 "
        f"keep its size. Larger pictures are made in tiles of the model's own size; time grows with the area."
    )
