"""The only place that touches ComfyUI itself: files, devices, memory, progress, interruption and previews."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import comfy.model_management as mm
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy.cli_args import args
from comfy_api.latest import InputImpl, io, ui
from einops import rearrange
from torch import Tensor

from ..vdt import __version__
from ..vdt.audio import Sound
from ..vdt.checkpoints import Bundled, bundled, sha256
from ..vdt.completion import Progress, decode_frames, encode_frames, finish_frames, paste, pixels_to_paste
from ..vdt.diffusion import StepInfo
from ..vdt.edges import EDGES
from ..vdt.frames import fill_up
from ..vdt.memory import FRAMES_AT_ONCE, check_memory, vae_bytes
from ..vdt.overlay import STRIP_FRAMES, frame_strip, mask_preview
from ..vdt.pipeline import DTYPES
from ..vdt.preview import GRID_SIDE, PreviewProjection, preview_image
from ..vdt.still import STILL, Anchor, anchor_places, pair_anchors
from ..vdt.timeline import frame_states
from ..vdt.video import write_video
from . import convert

BUNDLED = "bundled"
# Names that loaders offer for files that come with the pack; append only: graphs hold them.
BUNDLED_FILES: dict[str, dict[str, Bundled]] = {
    "vdt": {BUNDLED: "vdt", "bundled fast": "vdt-fast"},
    "vae": {BUNDLED: "vae"},
}
PRECISIONS = ("auto", *DTYPES)
AUTO_DTYPES = (torch.bfloat16, torch.float32)  # not float16, which overflows in some trained models
MAX_SEED = 2**64 - 1


def schema(**fields: Any) -> io.Schema:
    """A schema of those of these fields that the running ComfyUI knows."""
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return io.Schema(**{name: value for name, value in fields.items() if name in known})


def seed_input(tooltip: str) -> Any:
    """The input "seed" of a node: all of 64 bits, with what the editor does to it after a run."""
    return io.Int.Input("seed", default=0, min=0, max=MAX_SEED, control_after_generate=True, tooltip=tooltip)


def finish_inputs() -> tuple[Any, Any]:
    """The inputs "still" and "edges" of the nodes that decode."""
    return (
        _levels_input(
            "still",
            STILL,
            "Default: 24. Places of a generated frame that differ by less than about so many levels of 255 from the "
            "given frame nearest in time are shown as that frame has them, so that background keeps its detail and "
            "colour. 0 is off. It needs the images.",
        ),
        _levels_input(
            "edges",
            EDGES,
            "Default: 24. Where a part of a frame is generated, its colours are shifted to meet what is around it, so "
            "that no patch shows. Jumps of less than so many levels of 255 are taken back; larger ones are things that "
            "end there. 0 is off. It needs the images.",
        ),
    )


def _levels_input(name: str, default: float, tooltip: str) -> Any:
    return io.Float.Input(name, default=default, min=0.0, max=255.0, step=1.0, optional=True, tooltip=tooltip)


@contextmanager
def named(node: str) -> Iterator[None]:
    """Say in every message for the user which node it comes from."""
    try:
        yield
    except (ValueError, ModuleNotFoundError) as error:
        raise type(error)(f"{node}: {error}") from error


# ---- Files -----------------------------------------------------------------------------------------------------------


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
            f"{BUNDLED!r}"
        )
    return Path(path)


def stamp(path: str | Path | None) -> str:
    """Changes when the file does; what ComfyUI compares before it runs a node again."""
    if path is None or not Path(path).is_file():
        return "missing"
    stat = Path(path).stat()
    return f"{path} {stat.st_mtime_ns} {stat.st_size}"


def model_stamp(folder: str, name: str) -> str:
    """`stamp` of a file that a loader offers."""
    try:
        return stamp(model_path(folder, name))
    except ValueError:
        return "missing"


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
    told = {key: json.dumps(value) for key, value in tags.items() if value is not None}
    path = Path(folder) / file
    write_video(path, frames, fps, metadata=told, sound=sound)
    shown = ui.PreviewVideo([ui.SavedResult(file, subfolder, io.FolderType.output)])
    return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=shown)


# ---- Devices and memory ----------------------------------------------------------------------------------------------


def model_dtype(precision: str, parameters: int) -> torch.dtype:
    """The precision of that name; "auto" is what ComfyUI, its options and the device prefer."""
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return DTYPES[precision]
    chosen = mm.unet_dtype(device=mm.get_torch_device(), model_params=parameters, supported_dtypes=list(AUTO_DTYPES))
    return chosen if chosen in DTYPES.values() else torch.float32


def load(patcher: Any, memory: float) -> None:
    """Have ComfyUI make room for a model and bring it to its device whole; on a CPU there must be room already."""
    if patcher.load_device.type == "cpu":
        check_memory(int(memory))
    mm.load_models_gpu([patcher], memory_required=memory, force_full_load=True)


def to_intermediate(tensor: Tensor) -> Tensor:
    """A result where and as ComfyUI keeps what lies between nodes."""
    dtype = getattr(mm, "intermediate_dtype", lambda: torch.float32)()  # newer versions may keep float16
    return tensor.to(device=mm.intermediate_device(), dtype=dtype)


# ---- The VAE: our own code where the file is ours, else ComfyUI's ----------------------------------------------------


def encode(vae: Any, frames: np.ndarray) -> Tensor:
    """Raw latents (T, C, h, w) of uint8 frames (T, H, W, 3)."""
    own = getattr(vae, "vdt_vae", None)
    if own is None:
        # ComfyUI would cut the picture to whole cells.
        pixels = fill_up(rearrange(convert.to_images(frames), "t h w c -> t c h w"), downscale(vae))
        return to_intermediate(_checked(vae.encode(rearrange(pixels, "t c h w -> t h w c")), len(frames)))
    load(vae.vdt_patcher, vae_bytes(own.config, *frames.shape[1:3]))
    return to_intermediate(encode_frames(own, frames, progress=chunk_progress()))


def decode(
    vae: Any,
    latents: Tensor,
    wanted: Tensor | None = None,
    *,
    size: tuple[int, int],
    progress: Progress | None = None,
) -> Tensor:
    """IMAGE of that size of raw latents (T, C, h, w); frames without any of `wanted`, bool (T, H, W), may be black."""
    own = getattr(vae, "vdt_vae", None)
    if own is None:
        frames = convert.to_frames(vae.decode(latents)[:, : size[0], : size[1]])
    else:
        load(vae.vdt_patcher, vae_bytes(own.config, *size))
        frames = decode_frames(own, latents, wanted, size=size, progress=progress)
    return to_intermediate(convert.to_images(frames))


def decode_each(
    vae: Any,
    latents: Tensor,
    images: Tensor | None,
    mask: Tensor | None,
    *,
    size: tuple[int, int],
    still: float,
    edges: float,
) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, 3) of raw latents (T, C, h, w), a few decoded at a time; with images, only where they are not
    given by the mask.
    """
    progress = chunk_progress()
    if images is not None:
        given = convert.rgb(images)
        pixels = pixels_to_paste(latents, given, mask, downscale=downscale(vae))
        held = anchors(vae, latents, given, pixels, still)
    for start in range(0, len(latents), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        if images is None:
            shown = decode(vae, latents[part], size=size)
        else:
            decoded = decode(vae, latents[part], pixels[part], size=size)
            shown = finish(decoded, given[part], pixels[part], held, still=still, edges=edges, start=start)
        yield from convert.to_frames(shown)
        progress(min(start + FRAMES_AT_ONCE, len(latents)), len(latents))


def anchors(vae: Any, latents: Tensor, given: Tensor, pixels: Tensor, still: float) -> list[Anchor]:
    """The given frames beside generated ones, `pixels` (T, H, W), as IMAGE (T, H, W, 3) and as the VAE shows them."""
    places = anchor_places(pixels) if still > 0 else []
    if not places:
        return []
    images = convert.to_frames(given[places])
    decoded = decode(vae, latents[places], size=images.shape[1:3])
    return pair_anchors(places, images, convert.to_frames(decoded))


def finish(
    decoded: Tensor,
    given: Tensor,
    pixels: Tensor,
    held: Sequence[Anchor],
    *,
    still: float,
    edges: float,
    start: int = 0,
) -> Tensor:
    """IMAGE of frames from `start` on as people see them: given pixels, the others, `pixels`, by `finish_frames`."""
    new = pixels.flatten(1).any(1).nonzero().flatten().tolist()
    if new:
        frames, images = convert.to_frames(decoded[new]), convert.to_frames(given[new])
        places = [start + index for index in new]
        shown = finish_frames(frames, places, images, pixels[new], held, still=still, edges=edges)
        decoded[new] = to_intermediate(convert.to_images(shown))
    return paste(decoded, given, pixels)


def pixel_size(vae: Any, latent: dict[str, Any], images: Tensor | None = None) -> tuple[int, int]:
    """Height and width that a LATENT decodes to: those of the images it was made of, if they are there."""
    if images is not None:
        height, width = convert.rgb(images).shape[1:3]
        return height, width
    return convert.size_of(latent, downscale(vae))


def downscale(vae: Any) -> int:
    """Pixels along the side of a latent cell."""
    own = getattr(vae, "vdt_vae", None)
    return 8 if own is None else own.config.downscale


def _checked(latents: Tensor, frames: int) -> Tensor:
    if latents.ndim != 4 or len(latents) != frames:
        raise ValueError(
            f"this VAE makes latents {tuple(latents.shape)} of {frames} frames, expected ({frames}, 4, height, width): "
            f"use VDT Load VAE, or the VAE of Stable Diffusion 1.x"
        )
    return latents


# ---- Progress, interruption, previews --------------------------------------------------------------------------------


def chunk_progress() -> Progress:
    """A progress callback for work in chunks; it raises when the user has stopped the run."""
    bar: list[Any] = []

    def report(done: int, total: int) -> None:
        mm.throw_exception_if_processing_interrupted()
        bar[:] = bar or [comfy.utils.ProgressBar(total)]
        bar[0].update_absolute(done, total)

    return report


def step_progress(steps: int, projection: PreviewProjection) -> Callable[[StepInfo], None]:
    """A sampler callback: progress, all frames as a preview, and an exception when the user has stopped the run."""
    mm.throw_exception_if_processing_interrupted()
    bar = comfy.utils.ProgressBar(steps)

    def report(info: StepInfo) -> None:
        mm.throw_exception_if_processing_interrupted()
        picture = preview_image(projection, info.x0[0])  # x0 (1, T, C, h, w)
        bar.update_absolute(info.step, info.num_steps, ("JPEG", picture, GRID_SIDE))

    return report


def announce(hidden: Any, text: str) -> None:
    """Say what a long run takes before it begins: in the log, and on the node where the host can write there."""
    logging.getLogger(__name__).info(text)
    try:
        from server import PromptServer
    except ImportError:  # the runner has no server of ComfyUI's
        return
    send = getattr(getattr(PromptServer, "instance", None), "send_progress_text", None)
    if send is not None and getattr(hidden, "unique_id", None) is not None:
        send(text, hidden.unique_id)


def shown(picture: np.ndarray, text: str) -> dict[str, Any]:
    """What a node shows on itself: a picture uint8 (H, W, 3) and a text."""
    return {**ui.PreviewImage(convert.to_images(picture)).as_dict(), **ui.PreviewText(text).as_dict()}


def shown_mask(frames: np.ndarray, mask: Tensor, text: str) -> dict[str, Any]:
    """What VDT Mask shows: the mask over the frames, and for its timeline the frames as a strip and what each is."""
    strip = frame_strip(frames)
    (file,) = ui.PreviewImage(convert.to_images(strip)).as_dict()["images"]
    size = {"frames": len(frames), "height": frames.shape[1], "width": frames.shape[2]}
    clip = {**size, "strip": file, "shown": min(len(frames), STRIP_FRAMES), "made": frame_states(mask)}
    return {**shown(mask_preview(frames, mask), text), "vdt_clip": [clip]}
