"""Checkpoint files: safetensors whose header says what they hold, and the converter for official PyTorch files."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .autoencoder import AutoencoderKL
from .config import VAEConfig, VDTConfig
from .files import save_tensors
from .model import VDT, build_model
from .vae_keys import infer_config as infer_vae_config
from .vae_keys import normalise_keys
from .vdt_keys import FIRST_KEY, architecture_name, find_weights, first_keys
from .vdt_keys import infer_config as infer_vdt_config

Kind = Literal["vdt", "vae"]
Bundled = Literal["vdt", "vdt-fast", "vae"]  # vdt-fast: a student of vdt, for 2 steps without guidance
FoundKind = Literal["vdt", "vae", "unmarked", "unknown"]  # unmarked: VDT weights without our metadata
State = dict[str, Tensor]
Source = nn.Module | Mapping[str, Tensor]
Module = TypeVar("Module", bound=nn.Module)

FORMAT_VERSION = "1"
CONFIGS: dict[str, type[VDTConfig] | type[VAEConfig]] = {"vdt": VDTConfig, "vae": VAEConfig}
KINDS: dict[str, Kind] = {"vdt": "vdt", "vae": "vae"}
BUNDLED: dict[Bundled, str] = {
    "vdt": "vdt-physics-64.safetensors",
    "vdt-fast": "vdt-physics-64-fast.safetensors",
    "vae": "vae-physics.safetensors",
}
PICKLES = (".pt", ".pth", ".ckpt", ".bin")
TABLES = ("pos_embed", "time_embed")  # stored, never trained
DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class CheckpointError(ValueError):
    """A checkpoint file that cannot be used, with one sentence that says why."""


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """What a safetensors file holds; `config` is None for files that are neither a VDT nor a VAE."""

    path: Path
    kind: FoundKind
    config: VDTConfig | VAEConfig | None
    parameters: int  # without the position tables
    dtype: str
    metadata: dict[str, str]
    sha256: str
    size_bytes: int
    num_tensors: int


@dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What `convert_official` found and wrote."""

    name: str  # such as "VDT-L/2", or "custom"
    parameters: int
    config: VDTConfig
    source_sha256: str
    found_in: str  # "bare state dict" or the entry that held the weights
    dst: Path


# ---- Loading ---------------------------------------------------------------------------------------------------------


def bundled(name: Bundled) -> Path:
    """Where the weights that come with the package lie."""
    return Path(__file__).parent / "weights" / BUNDLED[name]


def load_model(path: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> VDT:
    """Load a VDT from a safetensors file of ours, in evaluation mode.

    Raises CheckpointError for anything else, naming `vdt convert` for official files.
    """
    path = Path(path)
    with _open(path) as file:
        _expect("vdt", file, path)
        config = _config(file, path)
        assert isinstance(config, VDTConfig)
        return _assemble(lambda: build_model(config), _tensors(file, device, dtype), path).eval()


def load_vae(
    path: str | Path,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    num_groups: int | None = None,
) -> AutoencoderKL:
    """Load an autoencoder from a file of ours or an SD VAE (diffusers or LDM key names), in evaluation mode.

    num_groups is for foreign files only, whose weights do not tell it. Raises CheckpointError for anything else.
    """
    path = Path(path)
    with _open(path) as file:
        _expect("vae", file, path)
        state = _tensors(file, device, dtype)
        config = _config(file, path)
    if config is None:
        try:
            state = normalise_keys(state)
            config = infer_vae_config(state, num_groups=num_groups)
        except ValueError as error:
            raise CheckpointError(f"{path} is not a VAE this version can read: {error}") from error
    assert isinstance(config, VAEConfig)
    vae = _assemble(lambda: AutoencoderKL(config), state, path).eval()
    return vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it


def describe(path: str | Path) -> FileInfo:
    """Say what a safetensors file holds, without building a model; files of others are described too."""
    path = Path(path)
    with _open(path) as file:
        kind, config, shapes = _kind(file), _config(file, path), _shapes(file)
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
        dtype=", ".join(sorted(DTYPES.get(dtype, dtype) for dtype in dtypes)),
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


# ---- Saving ----------------------------------------------------------------------------------------------------------


def save_model(source: Source, config: VDTConfig, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a VDT, or its state dict in any dtype, as a self-describing safetensors file, whole or not at all."""
    _save(source, config, "vdt", Path(path), metadata)


def save_vae(source: Source, config: VAEConfig, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write an autoencoder, or its state dict in any dtype, as `save_model` writes a VDT."""
    _save(source, config, "vae", Path(path), metadata)


def add_metadata(path: str | Path, values: Mapping[str, str]) -> None:
    """Add entries to the header of a safetensors file, such as its metrics; the tensors stay as they are."""
    path = Path(path)
    with _open(path) as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        metadata = dict(file.metadata() or {})
    save_tensors(tensors, path, {**metadata, **values})


def _save(source: Source, config: VDTConfig | VAEConfig, kind: Kind, path: Path, extra: dict[str, str] | None) -> None:
    state = source.state_dict() if isinstance(source, nn.Module) else source
    header = {"format": "vdt", "format_version": FORMAT_VERSION, "kind": kind, "config": config.to_json()}
    save_tensors(state, path, {**(extra or {}), **header})


# ---- Official files --------------------------------------------------------------------------------------------------


def convert_official(src: str | Path, dst: str | Path, *, num_heads: int | None = None) -> ConversionReport:
    """Turn an official checkpoint (.pt, bare or under "ema", "model" or "state_dict") into a file of ours.

    Nothing in the source is executed, the weights must fit the model exactly, and dst appears only if they do.
    num_heads is needed for widths other than those of the DiT family. Raises CheckpointError.
    """
    src, dst = Path(src), Path(dst)
    if dst.suffix != ".safetensors":
        raise CheckpointError(f"the output must end in .safetensors, got {dst}")
    content = _read_official(src)
    try:
        state, found_in = find_weights(content)
        config = infer_vdt_config(state, num_heads)
    except ValueError as error:
        raise CheckpointError(f"{src} cannot be converted: {error}") from error
    model = _assemble(lambda: build_model(config), state, src)
    digest = sha256(src)
    save_model(state, config, dst, {"source": src.name, "source_sha256": digest, "source_entry": found_in})
    return ConversionReport(
        name=architecture_name(config),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        config=config,
        source_sha256=digest,
        found_in=found_in,
        dst=dst,
    )


def _read_official(path: Path) -> Any:
    if path.suffix == ".safetensors":  # official weights that somebody else converted
        with _open(path) as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    _check_exists(path)
    # DiT's train.py stores its command line, a plain record, beside the weights (torch 2.4 cannot allow it)
    allow = getattr(torch.serialization, "safe_globals", lambda _: contextlib.nullcontext())
    try:
        with allow([argparse.Namespace]), warnings.catch_warnings(record=True):  # about pickles of other versions
            return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise CheckpointError(f"cannot read {path}: permission denied") from error
    except Exception as error:  # what is not a checkpoint fails in any of torch's and pickle's ways
        if type(error).__name__ == "UnpicklingError" and _is_pickle(path):
            raise CheckpointError(f"{path} holds code besides tensors and was not opened") from error
        raise CheckpointError(f"{path} is not a PyTorch checkpoint, or is cut short: get it again") from error


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80" or zipfile.is_zipfile(path)


# ---- Headers and strictness ------------------------------------------------------------------------------------------


def _check_exists(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, expected a checkpoint file")
    if not path.exists():
        raise CheckpointError(f"no such file: {path}")


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    """A safetensors file, open for reading; every way in which it cannot be one is a CheckpointError."""
    _check_exists(path)
    if path.suffix.lower() in PICKLES:
        raise CheckpointError(
            f"{path} is a pickle, which can run code when opened: an official VDT file is converted once with "
            f"`vdt convert {path} {path.with_suffix('.safetensors')}`; get a VAE as .safetensors"
        )
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or is cut short ({error}): get it again") from error


def _kind(file: Any) -> FoundKind:
    """What the header says, else what the key names of other people's files say."""
    metadata = file.metadata() or {}
    if metadata.get("format") == "vdt":
        return KINDS.get(metadata.get("kind", ""), "unknown")
    keys = set(file.keys())
    if FIRST_KEY in keys:
        return "unmarked"
    return "vae" if any(key.endswith("decoder.conv_in.weight") for key in keys) else "unknown"


def _expect(expected: Kind, file: Any, path: Path) -> None:
    kind = _kind(file)
    if kind == expected:
        return
    if kind == "unmarked" and expected == "vdt":
        raise CheckpointError(f"{path} holds VDT weights without our metadata (kind, config): run `vdt convert` on it")
    names = {"vdt": "a VDT model", "vae": "a VAE", "unmarked": "a VDT model"}
    if kind in names:
        raise CheckpointError(
            f"{path} holds {names[kind]}, expected {names[expected]}: pass it as the other of the two"
        )
    found = first_keys(list(file.keys())) or "no tensors"
    raise CheckpointError(f"{path} holds neither a VDT model nor a VAE: no kind in its metadata, found {found}")


def _config(file: Any, path: Path) -> VDTConfig | VAEConfig | None:
    """The configuration in the header, None in files of others."""
    metadata = file.metadata() or {}
    if metadata.get("format") != "vdt" or metadata.get("kind") not in CONFIGS:
        return None
    if metadata.get("format_version") != FORMAT_VERSION:
        version = metadata.get("format_version")
        raise CheckpointError(f"{path} has format version {version}, expected {FORMAT_VERSION}: update vdt")
    try:
        return CONFIGS[metadata["kind"]].from_json(metadata["config"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"the configuration in {path} cannot be read: {error}") from error


def _tensors(file: Any, device: str | torch.device, dtype: torch.dtype) -> State:
    # copies, because a tensor that still maps the file dies with it when the file is overwritten
    return {key: file.get_tensor(key).to(device, dtype, copy=True) for key in file.keys()}  # noqa: SIM118


def _shapes(file: Any) -> State:
    return {key: torch.empty(file.get_slice(key).get_shape(), device="meta") for key in file.keys()}  # noqa: SIM118


def _assemble(build: Callable[[], Module], state: State, path: Path) -> Module:
    """Build a module without memory of its own and give it exactly these weights."""
    with torch.device("meta"):
        module = build()
    expected = module.state_dict()
    problems = {
        "missing": [key for key in expected if key not in state],
        "unexpected": [key for key in state if key not in expected],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
            for key, tensor in expected.items()
            if key in state and state[key].shape != tensor.shape
        ],
    }
    if any(problems.values()):
        lists = "; ".join(f"{len(keys)} keys {what}: {first_keys(keys)}" for what, keys in problems.items() if keys)
        raise CheckpointError(f"{path} is a checkpoint of another architecture: {lists}")
    module.load_state_dict(state, strict=True, assign=True)
    return module
