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


class LoadVideo(io.ComfyNode):
    """A video file of the input folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        files = list_files(Path(folder_paths.get_input_directory()))
        options = folder_paths.filter_files_content_types(files, ["video"])
        return io.Schema(
            node_id="LoadVideo",
            display_name="Load Video",
            category="image/video",
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
            category="image/video",
            description="Extracts all components from a video: frames, audio, and framerate.",
            inputs=[io.Video.Input("video", tooltip="The video to extract components from.")],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Audio.Output(display_name="audio"),
                io.Float.Output(display_name="fps"),
            ],
        )

    @classmethod
    def execute(cls, video: Any) -> io.NodeOutput:
        components = video.get_components()
        return io.NodeOutput(components.images, components.audio, float(components.frame_rate))


class CreateVideo(io.ComfyNode):
    """Images, a rate and perhaps sound as one video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CreateVideo",
            display_name="Create Video",
            category="image/video",
            description="Create a video from images.",
            inputs=[
                io.Image.Input("images", tooltip="The images to create a video from."),
                io.Float.Input("fps", default=30.0, min=1.0, max=120.0, step=1.0),
                io.Audio.Input("audio", optional=True, tooltip="The audio to add to the video."),
            ],
            outputs=[io.Video.Output()],
        )

    @classmethod
    def execute(cls, images: Tensor, fps: float, audio: Any = None) -> io.NodeOutput:
        components = Types.VideoComponents(images=images, audio=audio, frame_rate=Fraction(fps))
        return io.NodeOutput(InputImpl.VideoFromComponents(components))


class SaveVideo(io.ComfyNode):
    """An mp4 file in the output folder, with the graph inside."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        formats, codecs = Types.VideoContainer.as_input(), Types.VideoCodec.as_input()
        return io.Schema(
            node_id="SaveVideo",
            display_name="Save Video",
            category="image/video",
            description="Saves the input images to your ComfyUI output directory.",
            inputs=[
                io.Video.Input("video", tooltip="The video to save."),
                io.String.Input("filename_prefix", default="video/ComfyUI", tooltip=_PREFIX_TOOLTIP),
                io.Combo.Input("format", options=formats, default="auto", tooltip="The format to save the video as."),
                io.Combo.Input("codec", options=codecs, default="auto", tooltip="The codec to use for the video."),
            ],
            outputs=[],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, video: Any, filename_prefix: str, format: str, codec: str) -> io.NodeOutput:
        width, height = video.get_dimensions()
        slot = save_slot(Path(folder_paths.get_output_directory()), filename_prefix, width=width, height=height)
        name = slot.name(Types.VideoContainer.get_extension(format))
        video.save_to(
            str(slot.folder / name),
            format=Types.VideoContainer(format),
            codec=Types.VideoCodec(codec),
            metadata=metadata_of(cls) or None,
        )
        return io.NodeOutput(ui=ui.PreviewVideo([ui.SavedResult(name, slot.subfolder, io.FolderType.output)]))
