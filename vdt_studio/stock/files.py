"""Image files in and out. Names from graphs stay inside the studio's folders, see `vdt_studio.paths`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..media.images import SavedFile, load_rgba, save_pngs, save_webp
from ..shim import folder_paths

_HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
_EFFORT = {"default": 4, "fastest": 0, "slowest": 6}
_NO_MASK = (1, 64, 64)  # what images without an alpha channel give


class LoadImage:
    """An image of the input folder, all frames of it; the mask is what is transparent."""

    CATEGORY = "image"
    SEARCH_ALIASES = (
        "load image",
        "open image",
        "import image",
        "image input",
        "upload image",
        "read image",
        "image loader",
    )
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"image": (_image_files(), {"image_upload": True})}}

    def load(self, image: str) -> tuple[Tensor, Tensor]:
        frames, transparent = load_rgba(folder_paths.get_annotated_filepath(image))
        values = torch.from_numpy(frames.astype(np.float32) / 255)  # (N, H, W, 4)
        return values[..., :3].contiguous(), 1.0 - values[..., 3] if transparent else torch.zeros(_NO_MASK)

    @classmethod
    def IS_CHANGED(cls, image: str) -> str:  # noqa: N802
        return _digest(image)

    @classmethod
    def VALIDATE_INPUTS(cls, image: str | None) -> bool | str:  # noqa: N802
        return _exists(image)


class LoadImageMask:
    """One channel of an image of the input folder; of alpha, what is transparent is white."""

    CATEGORY = "image"
    SEARCH_ALIASES = ("import mask", "alpha mask", "channel mask")
    RETURN_TYPES = ("MASK",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        channels = ["alpha", "red", "green", "blue"]
        return {"required": {"image": (_image_files(), {"image_upload": True}), "channel": (channels,)}}

    def load(self, image: str, channel: str) -> tuple[Tensor]:
        frames, transparent = load_rgba(folder_paths.get_annotated_filepath(image))
        values = torch.from_numpy(frames[:1].astype(np.float32) / 255)  # (1, H, W, 4)
        if channel == "alpha":
            return (1.0 - values[..., 3] if transparent else torch.zeros(_NO_MASK),)
        return (values[..., ("red", "green", "blue").index(channel)].contiguous(),)

    @classmethod
    def IS_CHANGED(cls, image: str, channel: str) -> str:  # noqa: N802
        return _digest(image)

    @classmethod
    def VALIDATE_INPUTS(cls, image: str | None) -> bool | str:  # noqa: N802
        return _exists(image)


class SaveImage:
    """Numbered PNG files in the output folder, with the graph inside."""

    CATEGORY = "image"
    SEARCH_ALIASES = ("save", "save image", "export image", "output image", "write image", "download")
    DESCRIPTION = "Saves the input images to your ComfyUI output directory."
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    OUTPUT_NODE = True
    FUNCTION = "save"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        tooltip = (
            "The prefix for the file to save. This may include formatting information such as %date:yyyy-MM-dd% "
            "or %Empty Latent Image.width% to include values from nodes."
        )
        return {
            "required": {
                "images": ("IMAGE", {"tooltip": "The images to save."}),
                "filename_prefix": ("STRING", {"default": "ComfyUI", "tooltip": tooltip}),
            },
            "hidden": dict(_HIDDEN),
        }

    def save(
        self, images: Tensor, filename_prefix: str = "ComfyUI", prompt: Any = None, extra_pnginfo: Any = None
    ) -> dict[str, Any]:
        root = folder_paths.get_output_directory()
        saved = save_pngs(images, root, filename_prefix, metadata=_metadata(prompt, extra_pnginfo))
        return {"ui": {"images": _results(saved, "output")}, "result": (images,)}


class PreviewImage:
    """Images for the screen only: they go to the temp folder."""

    CATEGORY = "image"
    SEARCH_ALIASES = ("preview", "preview image", "show image", "view image", "display image", "image viewer")
    DESCRIPTION = "Saves the input images to your ComfyUI output directory."
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    OUTPUT_NODE = True
    FUNCTION = "show"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"images": ("IMAGE",)}, "hidden": dict(_HIDDEN)}

    def show(self, images: Tensor, prompt: Any = None, extra_pnginfo: Any = None) -> dict[str, Any]:
        metadata = _metadata(prompt, extra_pnginfo)
        saved = save_pngs(images, folder_paths.get_temp_directory(), "preview", metadata=metadata, compression=1)
        return {"ui": {"images": _results(saved, "temp")}, "result": (images,)}


class SaveAnimatedWEBP:
    """One animated WEBP file in the output folder."""

    CATEGORY = "image"
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    OUTPUT_NODE = True
    FUNCTION = "save"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "images": ("IMAGE",),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": (list(_EFFORT),),
            },
            "hidden": dict(_HIDDEN),
        }

    def save(
        self,
        images: Tensor,
        filename_prefix: str,
        fps: float,
        lossless: bool,
        quality: int,
        method: str,
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        root = folder_paths.get_output_directory()
        effort = _EFFORT.get(method, 4)
        saved = save_webp(images, root, filename_prefix, fps=fps, lossless=lossless, quality=quality, effort=effort)
        shown = {"images": _results([saved], "output"), "animated": (len(images) > 1,)}
        return {"ui": shown, "result": (images,)}


def _image_files() -> list[str]:
    from ..paths import list_files

    files = list_files(Path(folder_paths.get_input_directory()))
    return folder_paths.filter_files_content_types(files, ["image"])


def _exists(image: str | None) -> bool | str:
    if image is None or folder_paths.exists_annotated_filepath(image):
        return True
    return f"there is no image '{image}' in {folder_paths.get_input_directory()}: put it there, or choose another"


def _digest(image: str | None) -> str:
    if image is None:
        return ""
    return hashlib.sha256(Path(folder_paths.get_annotated_filepath(image)).read_bytes()).hexdigest()


def _metadata(prompt: Any, extra_pnginfo: Any) -> dict[str, Any]:
    return {**({} if prompt is None else {"prompt": prompt}), **(extra_pnginfo or {})}


def _results(saved: list[SavedFile], kind: str) -> list[dict[str, str]]:
    return [{"filename": file.name, "subfolder": file.subfolder, "type": kind} for file in saved]
