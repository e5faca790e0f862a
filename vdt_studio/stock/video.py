"""Video files in and out, as core's V3 nodes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from ..paths import list_files, save_slot
from ..shim import folder_paths
from ..shim.comfy_api.latest import InputImpl, Types, io, ui
from ..shim.comfy_api.latest.ui import metadata_of

_PREFIX_TOOLTIP = (
    "The prefix for the file to save. This may include formatting information such as %date:yyyy-MM-dd% "
    "or %Empty Latent Image.width% to include values from nodes."
)


_BITS, _COLOURS = 8, "sRGB"  # of the videos that the studio writes


class LoadVideo(io.ComfyNode):
    """A video file of the input folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        files = list_files(Path(folder_paths.get_input_directory()))
        options = folder_paths.filter_files_content_types(files, ["video"])
        return io.Schema(
            node_id="LoadVideo",
            display_name="Load Video",
            search_aliases=["import video", "open video", "video file"],
            category="video",
            inputs=[io.Combo.Input("file", options=options, upload=io.UploadType.video)],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(InputImpl.VideoFromFile(folder_paths.get_annotated_filepath(file)))

    @classmethod
    def fingerprint_inputs(cls, file: str | None) -> float | None:
        """The time of the last change: a video may be too large to read it for a hash."""
        return None if file is None else Path(folder_paths.get_annotated_filepath(file)).stat().st_mtime

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        if file is None or folder_paths.exists_annotated_filepath(file):
            return True
        return f"there is no video '{file}' in {folder_paths.get_input_directory()}: put it there, or choose another"


class GetVideoComponents(io.ComfyNode):
    """A video taken apart."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="GetVideoComponents",
            display_name="Get Video Components",
            search_aliases=["extract frames", "split video", "video to images", "demux"],
            category="video",
            description="Extracts all components from a video: frames, audio, and framerate.",
            inputs=[io.Video.Input("video", tooltip="The video to extract components from.")],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Audio.Output(display_name="audio"),
                io.Float.Output(display_name="fps"),
                io.Int.Output(display_name="bit_depth"),
                io.Combo.Output(display_name="color_space"),
            ],
        )

    @classmethod
    def execute(cls, video: Any) -> io.NodeOutput:
        parts = video.get_components()
        return io.NodeOutput(parts.images, parts.audio, float(parts.frame_rate), _BITS, _COLOURS)


class CreateVideo(io.ComfyNode):
    """Images, a rate and perhaps sound as one video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CreateVideo",
            display_name="Create Video",
            search_aliases=["images to video"],
            category="video",
            description="Create a video from images.",
            inputs=[
                io.Image.Input("images", tooltip="The images to create a video from."),
                io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True, tooltip="The audio to add to the video."),
                io.Int.Input(
                    "bit_depth",
                    default=_BITS,
                    min=8,
                    max=10,
                    step=2,
                    display_mode=io.NumberDisplay.number,
                    optional=True,
                    tooltip="Bits of a colour value; the studio writes 8, ComfyUI 10 too.",
                ),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(cls, images: Tensor, fps: float, audio: Any = None, bit_depth: int = _BITS) -> io.NodeOutput:
        if bit_depth != _BITS:
            raise ValueError(f"the studio writes videos of {_BITS} bits, got {bit_depth}: set 8, or run it in ComfyUI")
        components = Types.VideoComponents(images=images, audio=audio, frame_rate=Fraction(fps))
        return io.NodeOutput(InputImpl.VideoFromComponents(components))


def _codec_input(*, is_old: bool = False) -> Any:
    """The codec, which the format brings along; the hidden one beside it is what prompts before 2026 say."""
    return io.DynamicCombo.Input(
        "codec",
        options=[io.DynamicCombo.Option(codec, []) for codec in Types.VideoCodec.as_input()],
        optional=is_old,
        tooltip="The codec to use for the video; auto copies the streams of H.264 files.",
        extra_dict={"hidden": True} if is_old else None,
    )


class SaveVideo(io.ComfyNode):
    """An mp4 file in the output folder, with the graph inside."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        formats = [io.DynamicCombo.Option(name, [_codec_input()]) for name in Types.VideoContainer.as_input()]
        return io.Schema(
            node_id="SaveVideo",
            display_name="Save Video",
            category="video",
            search_aliases=["export video"],
            description="Saves the input videos to your ComfyUI output directory.",
            inputs=[
                io.Video.Input("video", tooltip="The video to save."),
                io.String.Input("filename_prefix", default="video/ComfyUI", tooltip=_PREFIX_TOOLTIP),
                io.DynamicCombo.Input("format", options=formats, tooltip="The container; the studio writes MP4."),
                _codec_input(is_old=True),
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The input video, unchanged.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, video: Any, filename_prefix: str, format: Any = "auto", codec: Any = None) -> io.NodeOutput:
        container = _choice(format, "format", "auto")
        inner = format.get("codec") if isinstance(format, dict) else None
        encoder = _choice(inner, "codec", "auto")
        if encoder == "auto":
            encoder = _choice(codec, "codec", "auto")
        width, height = video.get_dimensions()
        slot = save_slot(Path(folder_paths.get_output_directory()), filename_prefix, width=width, height=height)
        name = slot.name(Types.VideoContainer.get_extension(container))
        video.save_to(
            str(slot.folder / name),
            format=Types.VideoContainer(container),
            codec=Types.VideoCodec(encoder),
            metadata=metadata_of(cls) or None,
        )
        saved = ui.SavedResult(name, slot.subfolder, io.FolderType.output)
        return io.NodeOutput(video, ui=ui.PreviewVideo([saved]))


def _choice(value: Any, name: str, default: str) -> str:
    """The choice of a dynamic combo as a node gets it, or the plain text of older prompts."""
    return (value.get(name) if isinstance(value, dict) else value) or default
