"""Files of the graph: model folders, what tells that a file changed, hashes in saved files, and videos to write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import folder_paths
import numpy as np
from comfy.cli_args import args
from comfy_api.latest import InputImpl, io, ui

from ..vdt import __version__
from ..vdt.checkpoints import Bundled, bundled, sha256
from ..vdt.media.types import Sound
from ..vdt.media.video import write_video

DEFAULT_FILE = "bundled"
# Names that loaders offer for files that come with the pack; append only: graphs hold them.
BUNDLED_FILES: dict[str, dict[str, Bundled]] = {
    "vdt": {DEFAULT_FILE: "vdt", "bundled fast": "vdt-fast"},
    "vae": {DEFAULT_FILE: "vae"},
}
MISSING = "missing"  # the stamp of a file that is not there


def register_model_folder() -> None:
    """Let models/vdt be a model folder; without its extensions ComfyUI would list every file in it."""
    folder_paths.add_model_folder_path("vdt", str(Path(folder_paths.models_dir) / "vdt"))
    folder_paths.folder_names_and_paths["vdt"][1].update({".safetensors"})


def model_files(folder: str) -> list[str]:
    """What a loader offers: the bundled files, then the safetensors files of a model folder."""
    return [
        *BUNDLED_FILES[folder],
        *(name for name in folder_paths.get_filename_list(folder) if name.endswith(".safetensors")),
    ]


def model_path(folder: str, name: str) -> Path:
    """Where the file of that name lies; ValueError says where it was looked for."""
    ours = BUNDLED_FILES[folder].get(name)
    path = str(bundled(ours)) if ours else folder_paths.get_full_path(folder, name)
    if path is None or not Path(path).is_file():
        searched = [str(bundled("vdt").parent)] if ours else folder_paths.get_folder_paths(folder)
        raise ValueError(
            f"there is no file {name!r}; searched {', '.join(searched)}: put a .safetensors file there, or choose "
            f"{DEFAULT_FILE!r}"
        )
    return Path(path)


def stamp(path: str | Path | None) -> str:
    """Changes when the file does; what ComfyUI compares before it runs a node again."""
    if path is None or not Path(path).is_file():
        return MISSING
    stat = Path(path).stat()
    return f"{path} {stat.st_mtime_ns} {stat.st_size}"


def model_stamp(folder: str, name: str) -> str:
    """`stamp` of a file that a loader offers."""
    try:
        return stamp(model_path(folder, name))
    except ValueError:
        return MISSING


def note(hidden: Any, **files: str | Path | None) -> None:
    """Leave the pack's version and the hashes of files where saved pictures and videos take their tags from."""
    info = getattr(hidden, "extra_pnginfo", None)
    if isinstance(info, dict):
        hashes = {kind: _digest(str(path), stamp(path)) for kind, path in files.items() if path is not None}
        info["vdt"] = {**info.get("vdt", {}), "pack": __version__, **hashes}


@lru_cache(maxsize=8)
def _digest(path: str, _stamp: str) -> str:
    """sha256 of a file, read again when it has changed."""
    return sha256(path)


def save_video(
    hidden: Any,
    frames: Iterator[np.ndarray],
    *,
    size: tuple[int, int],
    fps: float,
    prefix: str,
    sound: Sound | None,
) -> io.NodeOutput:
    """Write frames into the next free mp4 of that prefix in the output folder, with the graph in it; shows it."""
    height, width = size
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    file = f"{name}_{counter:05}_.mp4"
    tags = {} if args.disable_metadata else {**(hidden.extra_pnginfo or {}), "prompt": hidden.prompt}
    metadata = {key: json.dumps(value) for key, value in tags.items() if value is not None}
    path = Path(folder) / file
    write_video(path, frames, fps, metadata=metadata, sound=sound)
    preview = ui.PreviewVideo([ui.SavedResult(file, subfolder, io.FolderType.output)])
    return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=preview)
