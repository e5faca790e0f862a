"""`comfy_api.latest.ui`: what a node shows in the editor, as the dictionaries that go over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....media.images import SavedFile, save_pngs
from ... import folder_paths
from .sockets import FolderType


class SavedResult(dict):
    """A file in one of the studio's folders."""

    def __init__(self, filename: str, subfolder: str, type: FolderType | str) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=FolderType(type).value)

    @property
    def filename(self) -> str:
        return self["filename"]

    @property
    def subfolder(self) -> str:
        return self["subfolder"]

    @property
    def type(self) -> FolderType:
        return FolderType(self["type"])


class SavedImages:
    """Images that lie in a folder already."""

    def __init__(self, results: Sequence[SavedResult], is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"images": self.results}
        return {**shown, "animated": (True,)} if self.is_animated else shown


class PreviewImage:
    """A batch (N, H, W, C) in [0, 1], written to the temp folder."""

    def __init__(self, image: Any, animated: bool = False, cls: Any = None, **kwargs: Any) -> None:
        saved = save_pngs(image, folder_paths.get_temp_directory(), "preview", metadata=metadata_of(cls), compression=1)
        self.values = results_of(saved, FolderType.temp)
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.values, "animated": (self.animated,)}


class PreviewMask(PreviewImage):
    """A mask (N, H, W) as grey images."""

    def __init__(self, mask: Any, animated: bool = False, cls: Any = None, **kwargs: Any) -> None:
        grey = mask.reshape((-1, 1, *mask.shape[-2:])).movedim(1, -1).expand(-1, -1, -1, 3)  # (N, H, W, 3)
        super().__init__(grey, animated, cls, **kwargs)


class PreviewVideo:
    """Videos that lie in a folder already; the editor draws a player."""

    def __init__(self, values: Sequence[SavedResult], **kwargs: Any) -> None:
        self.values = list(values)

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.values, "animated": (True,)}


class PreviewText:
    """A text below the node."""

    def __init__(self, value: str, **kwargs: Any) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        return {"text": (self.value,)}


class ImageSaveHelper:
    """Writes batches of images into a folder of the studio."""

    @staticmethod
    def save_images(
        images: Any, filename_prefix: str, folder_type: FolderType, cls: Any, compress_level: int = 4
    ) -> list[SavedResult]:
        folder = folder_paths.get_directory_by_type(FolderType(folder_type).value)
        assert folder is not None
        saved = save_pngs(images, folder, filename_prefix, metadata=metadata_of(cls), compression=compress_level)
        return results_of(saved, folder_type)

    @staticmethod
    def get_save_images_ui(images: Any, filename_prefix: str, cls: Any, compress_level: int = 4) -> SavedImages:
        return SavedImages(ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level))


def results_of(saved: Sequence[SavedFile], kind: FolderType) -> list[SavedResult]:
    return [SavedResult(file.name, file.subfolder, kind) for file in saved]


def metadata_of(cls: Any) -> dict[str, Any]:
    """What a node's files carry: the graph it ran in, where the node knows it."""
    hidden = getattr(cls, "hidden", None)
    prompt = {"prompt": hidden.prompt} if hidden is not None and hidden.prompt is not None else {}
    return {**prompt, **((hidden.extra_pnginfo or {}) if hidden is not None else {})}
