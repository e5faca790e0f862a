"""Loading: bundled files, our own safetensors and foreign autoencoders, into networks in evaluation mode."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from ..config import VDTConfig
from ..models.build import build_autoencoder
from ..models.frame_autoencoder import FrameAutoencoder
from ..models.initialisation import without_memory
from ..models.transformer import VDT
from .header import (
    CheckpointError,
    FileInfo,
    State,
    expect_kind,
    file_kind,
    open_checkpoint,
    read_config,
    read_shapes,
    read_tensors,
)
from .official_keys import TABLES, first_keys
from .shards import find_index
from .sizes import check_vae_sizes, check_vdt_sizes
from .vae_keys import infer_vae_config, locate_keys, normalise_keys, reshape

# vdt-fast: a student of vdt, for 2 steps without guidance; vdt-text: vdt by an earlier name, from when another one read
# sentences; vae-fast: a small one with the latents of vae; preview: a small decoder for pictures while sampling
Bundled = Literal["vdt", "vdt-fast", "vdt-text", "vae", "vae-fast", "preview"]
Module = TypeVar("Module", bound=nn.Module)

BUNDLED_FILES: dict[Bundled, str] = {
    "vdt": "vdt-physics-64.safetensors",
    "vdt-fast": "vdt-physics-64-fast.safetensors",
    "vdt-text": "vdt-physics-64.safetensors",
    "vae": "vae-physics.safetensors",
    "vae-fast": "vae-physics-fast.safetensors",
    "preview": "preview-physics.safetensors",
}
DTYPE_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I8": "int8"}


def bundled(name: Bundled) -> Path:
    """Where the weights that come with the package lie."""
    return Path(__file__).parents[1] / "weights" / BUNDLED_FILES[name]


def load_model(path: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> VDT:
    """Load a VDT from a safetensors file of ours, in evaluation mode.

    Raises CheckpointError for anything else, naming `vdt convert` for official files.
    """
    path = Path(path)
    with open_checkpoint(path) as file:
        expect_kind("vdt", file, path)
        config = read_config(file, path)
        assert isinstance(config, VDTConfig)
        shapes = read_shapes(file, path)
        check_vdt_sizes(config, shapes, path)
        model = build_empty(lambda: VDT(config), shapes, path)
        return fill(model, read_tensors(file, {key: key for key in shapes}, device, dtype, path)).eval()


def load_vae(
    path: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    num_groups: int | None = None,
) -> FrameAutoencoder:
    """Load an autoencoder from a file of ours or an SD VAE (diffusers or LDM key names), in evaluation mode.

    num_groups is for foreign files only, whose weights do not tell it. Raises CheckpointError for anything else.
    """
    path = Path(path)
    with open_checkpoint(path) as file:
        expect_kind("vae", file, path)
        config = read_config(file, path)
        shapes = read_shapes(file, path)
        keys = {key: key for key in shapes}
        if config is None:
            try:
                keys = locate_keys(shapes)
                shapes = normalise_keys(shapes, keys)
                config = infer_vae_config(shapes, num_groups=num_groups)
            except ValueError as error:
                raise CheckpointError(f"{path} is not a VAE this version can read: {error}") from error
        assert not isinstance(config, VDTConfig)
        check_vae_sizes(config, shapes, path)
        vae = build_empty(lambda: build_autoencoder(config), shapes, path)
        tensors = read_tensors(file, keys, device, dtype, path)  # of a whole checkpoint the VAE alone
    fill(vae, reshape(tensors, shapes)).eval()
    return vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it


def describe(path: str | Path) -> FileInfo:
    """Say what a safetensors file holds, without building a model; files of others are described too."""
    path = find_index(Path(path)) or Path(path)
    with open_checkpoint(path) as file:
        kind, config, shapes = file_kind(file), read_config(file, path), read_shapes(file, path)
        dtypes = {file.get_slice(key).get_dtype() for key in shapes}
        metadata = dict(file.metadata() or {})
    if kind == "vae" and config is None:
        with contextlib.suppress(ValueError):
            config = infer_vae_config(normalise_keys(shapes))
    return FileInfo(
        path=path,
        kind="unknown" if config is None else kind,
        config=config,
        parameters=sum(tensor.numel() for key, tensor in shapes.items() if key not in TABLES),
        dtype=", ".join(sorted(DTYPE_NAMES.get(dtype, dtype) for dtype in dtypes)),
        metadata=metadata,
        sha256=sha256(path),
        size_bytes=path.stat().st_size,
        num_tensors=len(shapes),
    )


def sha256(path: str | Path) -> str:
    """SHA-256 of a file in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def build_empty(build: Callable[[], Module], state: State, path: Path) -> Module:
    """Build a module without memory of its own; CheckpointError unless weights of these shapes are exactly its own."""
    try:
        with without_memory():
            module = build()
    except ValueError as error:
        raise CheckpointError(f"the configuration in {path} cannot be built: {error}") from error
    expected = module.state_dict()
    if lists := misfits(expected, state, expected):
        raise CheckpointError(f"{path} is a checkpoint of another architecture: {lists}")
    return module


def misfits(needed: Mapping[str, Tensor], state: Mapping[str, Tensor], known: Collection[str]) -> str:
    """Needed keys that are missing or of another shape in a state, and its keys that are not known; "" if it fits."""
    problems = {
        "missing": [key for key in needed if key not in state],
        "unexpected": [key for key in state if key not in known],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
            for key, tensor in needed.items()
            if key in state and state[key].shape != tensor.shape
        ],
    }
    return "; ".join(f"{len(keys)} keys {what}: {first_keys(keys)}" for what, keys in problems.items() if keys)


def fill(module: Module, state: State) -> Module:
    """Give an empty module exactly these weights."""
    module.load_state_dict(state, strict=True, assign=True)
    return module
