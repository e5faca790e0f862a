"""Files of the graph: model folders, what tells that a file changed, hashes in saved files, and videos to write."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import folder_paths
import numpy as np
from comfy.cli_args import args
from comfy_api.latest import InputImpl, io, ui

from ...vdt import __version__
from ...vdt.checkpoints import Bundled, bundled, sha256
from ...vdt.media.types import Sound
from ...vdt.media.video import write_video

DEFAULT_FILE = "bundled"
# Names that loaders offer for files that come with the pack; append only: graphs hold them.
BUNDLED_FILES: dict[str, dict[str, Bundled]] = {
    "vdt": {DEFAULT_FILE: "vdt", "bundled fast": "vdt-fast", "bundled text": "vdt-text"},
    "vae": {DEFAULT_FILE: "vae", "bundled fast": "vae-fast"},
}
SHOWN_FOLDERS = ("temp", "output", "input")  # those that /view shows
PAINTED = "vdt_painted.png"  # a picture with a painted mask, which a graph of the pack loads
MISSING = "missing"  # the stamp of a file that is not there


def register_model_folder() -> None:
    """Let models/vdt be a model folder; without its extensions ComfyUI would list every file in it."""
    folder_paths.add_model_folder_path("vdt", str(Path(folder_paths.models_dir) / "vdt"))
    folder_paths.folder_names_and_paths["vdt"][1].update({".safetensors"})


def bring_painted_picture() -> None:
    """Put the painted picture among the inputs unless it is there: hosts take pictures of graphs from nowhere else."""
    source, folder = Path(__file__).parents[2] / "samples" / PAINTED, Path(folder_paths.get_input_directory())
    if source.is_file() and folder.is_dir() and not (folder / PAINTED).exists():
        with contextlib.suppress(OSError):  # a folder that cannot be written to: the graph says what is missing
            shutil.copyfile(source, folder / PAINTED)


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


def save_videos(
    hidden: Any,
    clips: Iterable[Iterator[np.ndarray]],
    *,
    size: tuple[int, int],
    fps: float,
    prefix: str,
    sound: Sound | None,
) -> io.NodeOutput:
    """Write the frames of each clip into the next free mp4 of that prefix in the output folder, with the graph in it.

    Shows them all; the VIDEO is the first.
    """
    tags = {} if args.disable_metadata else {**(hidden.extra_pnginfo or {}), "prompt": hidden.prompt}
    metadata = {key: json.dumps(value) for key, value in tags.items() if value is not None}
    written = []
    for frames in clips:
        path, result = _next_file(prefix, size)
        write_video(path, frames, fps, metadata=metadata, sound=sound)
        written.append((path, result))
    first, shown = written[0][0], [result for _, result in written]
    return io.NodeOutput(InputImpl.VideoFromFile(str(first)), ui=ui.PreviewVideo(shown))


def _next_file(prefix: str, size: tuple[int, int]) -> tuple[Path, ui.SavedResult]:
    """The next free mp4 of that prefix for a picture of height and width, and how a host shows it."""
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), size[1], size[0]
    )
    file = f"{name}_{counter:05}_.mp4"
    return Path(folder) / file, ui.SavedResult(file, subfolder, io.FolderType.output)


def temp_file(stem: str, suffix: str) -> Path:
    """A new name in the host's temp folder, which it empties when it starts."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{stem}_{secrets.token_hex(8)}.{suffix}"


def shown_in_temp(file: Path) -> dict[str, str]:
    """A file of the temp folder, as /view is asked for it."""
    return {"filename": file.name, "subfolder": "", "type": "temp"}


def named_file(named: Any) -> Path:
    """A file of the host's folders by what /view is asked; ValueError for any other, and for one that is gone."""
    try:
        kind, subfolder, name = (str(named[key]) for key in ("type", "subfolder", "filename"))
    except (KeyError, TypeError) as error:
        raise ValueError("a file is named by filename, subfolder and type") from error
    root = folder_paths.get_directory_by_type(kind) if kind in SHOWN_FOLDERS else None
    if root is None:
        raise ValueError(f"unknown folder {kind[:40]!r}, expected one of {', '.join(SHOWN_FOLDERS)}")
    path = (Path(root) / subfolder / name).resolve()
    if not path.is_relative_to(Path(root).resolve()) or not path.is_file():
        raise ValueError(f"there is no file {name[:80]!r} any more: run the graph again")
    return path
