"""`folder_paths`: where a graph's files lie. Every name from a graph goes through `vdt_studio.paths`."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from ..paths import Folders, PathError, confine, list_files, save_slot, split_annotation

supported_pt_extensions: set[str] = {".safetensors"}  # the runner opens no pickles
folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}
base_path = ""
models_dir = ""
_folders: Folders | None = None


def configure(folders: Folders) -> None:
    """Answer for these folders from now on; what was registered below the old model folder moves along."""
    global _folders, base_path, models_dir
    old, models_dir, _folders = models_dir, str(folders.models), folders
    base_path = str(folders.models.parent)
    for paths, _ in folder_names_and_paths.values():
        paths[:] = [_rebased(path, old) for path in paths]
    folder_names_and_paths.setdefault("vae", ([str(folders.models / "vae")], set(supported_pt_extensions)))


def _rebased(path: str, old: str) -> str:
    return str(Path(models_dir) / Path(path).relative_to(old)) if old and Path(path).is_relative_to(old) else path


def current() -> Folders:
    if _folders is None:
        raise RuntimeError("vdt_studio.shim.install was not called")
    return _folders


# ---- Input, output, temp ---------------------------------------------------------------------------------------------


def get_input_directory() -> str:
    return str(current().input)


def get_output_directory() -> str:
    return str(current().output)


def get_temp_directory() -> str:
    return str(current().temp)


def get_directory_by_type(type_name: str) -> str | None:
    try:
        return str(current().of(type_name))
    except PathError:
        return None


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """Split "clip.mp4 [output]" into the name and the folder it names."""
    plain, kind = split_annotation(name)
    return plain, str(current().of(kind)) if kind else None


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """The path of a name in a graph; PathError (a ValueError) if it leads out of its folder."""
    plain, kind = split_annotation(name)
    if kind is None and default_dir is not None:
        return str(confine(Path(default_dir), plain))
    return str(current().locate(name))


def exists_annotated_filepath(name: str) -> bool:
    try:
        return current().locate(name).is_file()
    except PathError:
        return False


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """The folder, stem, next counter, subfolder and prefix to save under; PathError if the prefix leads out."""
    slot = save_slot(Path(output_dir), filename_prefix, width=image_width, height=image_height)
    return str(slot.folder), slot.stem, slot.counter, slot.subfolder, filename_prefix


def filter_files_content_types(files: list[str], content_types: list[str]) -> list[str]:
    """The files whose names say that they are of a type such as "image" or "video"."""
    return [name for name in files if (mimetypes.guess_type(name)[0] or "").split("/")[0] in content_types]


# ---- Models ----------------------------------------------------------------------------------------------------------


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Register a folder of models; its extension set starts empty, which lists every file."""
    paths, _ = folder_names_and_paths.setdefault(folder_name, ([], set()))
    if full_folder_path in paths:
        paths.remove(full_folder_path)
    paths.insert(0 if is_default else len(paths), full_folder_path)


def get_folder_paths(folder_name: str) -> list[str]:
    return list(folder_names_and_paths[folder_name][0])


def get_filename_list(folder_name: str) -> list[str]:
    """Sorted names of all files of a category, below all of its folders."""
    paths, extensions = folder_names_and_paths[folder_name]
    return sorted({name for path in paths for name in list_files(Path(path), suffixes=extensions, deep=True)})


def get_full_path(folder_name: str, filename: str) -> str | None:
    """The first file of that name in the folders of a category, None if there is none."""
    for folder in get_folder_paths(folder_name):
        path = confine(Path(folder), filename)
        if path.is_file():
            return str(path)
    return None


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    path = get_full_path(folder_name, filename)
    if path is None:
        searched = ", ".join(get_folder_paths(folder_name))
        raise FileNotFoundError(f"no file {filename!r} among the models of kind {folder_name!r}: searched {searched}")
    return path
