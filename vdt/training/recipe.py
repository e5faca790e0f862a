"""A training run written down: a TOML file read into frozen dataclasses, unknown names refused."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from ..config import VAE_CONFIGS, VDT_CONFIGS, DiffusionConfig, VAEConfig, VDTConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Record = TypeVar("Record")
BUNDLED = "bundled"  # as a file to start from: the one that comes with the package


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """Where clips come from: simulated scenes, or every video file below a folder."""

    source: Literal["scenes", "folder"] = "scenes"
    folder: str = ""  # relative to the recipe
    split: str = "train"
    clips: int = 8000  # scenes to render, or windows to cut from the folder's videos
    size: int = 64  # pixels, square
    num_frames: int = 16  # more than a VDT sees at once: it learns from windows of its own length
    at_start: float = 0.5  # share of such windows that begin with the clip; the others begin anywhere
    fps: float = 8.0  # folder only; scenes run at their own rate
    flip: bool = True  # learn from left-right mirrored clips too


@dataclass(frozen=True, kw_only=True)
class OptimRecipe:
    """AdamW with linear warm-up, a plateau, and a decay to zero over the last part of the run.

    "muon" gives the matrices of the blocks to Muon (updates of AdamW's size, so rates carry over), the rest to AdamW.
    """

    optimizer: Literal["adamw", "muon"] = "adamw"
    steps: int = 10_000
    batch: int = 8
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    warmup: int = 200
    decay: float = 0.3  # share of the run
    clip_norm: float = 1.0
    ema: float = 0.999
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: autocast, weights stay float32
    compile: bool = False


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """Seeds and rhythm of a run."""

    seed: int = 0
    log_every: int = 20
    sheet_every: int = 1000
    save_every: int = 500


@dataclass(frozen=True, kw_only=True)
class VAERecipe:
    """What a VAE learns from."""

    model: VAEConfig = field(default_factory=lambda: VAE_CONFIGS["small"])
    data: DataRecipe = field(default_factory=DataRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    run: RunRecipe = field(default_factory=RunRecipe)
    l1: float = 1.0
    mse: float = 1.0
    kl: float = 1e-5
    saliency: float = 4.0  # extra weight of pixels that move or stand out in colour: small objects are few pixels
    init: str = ""  # a VAE file to start from, relative to the recipe, or "bundled"
    decoder_only: bool = False  # the latents stay as they are, and every VDT trained on them stays valid


@dataclass(frozen=True, kw_only=True)
class DistillRecipe:
    """The model of `init` as a teacher: what a student of so many steps learns to do without guidance.

    `loss`, `min_snr_gamma` and `given_noise` have no part in it.
    """

    steps: int = 0  # of the student, sampled as ddim_quad; 0 is off: the model learns from clips alone
    substeps: int = 3  # of the teacher for each of them
    guidance: float = 2.0  # of the teacher


@dataclass(frozen=True, kw_only=True)
class VDTRecipe:
    """What a VDT learns from."""

    vae: str = ""  # file, relative to the recipe; empty: the bundled one
    model: VDTConfig = field(default_factory=lambda: VDT_CONFIGS["VDT-XS/2"])
    data: DataRecipe = field(default_factory=DataRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    run: RunRecipe = field(default_factory=RunRecipe)
    loss: Literal["corrected", "official"] = "corrected"
    min_snr_gamma: float = 0.0  # 0 is off
    given_noise: float = 0.0  # half of the clips get noise of up to this deviation on what is given: long clips go on
    # from frames that the model has made, which are never as clean as those it would learn from
    tasks: dict[str, float] = field(default_factory=dict)  # mask mix; empty: the library's default
    init: str = ""  # a VDT file to start from, relative to the recipe, or "bundled"
    distill: DistillRecipe = field(default_factory=DistillRecipe)
    rescale: bool = False  # with init: fit the scale of the latents anew, because the VAE has changed since


Recipe = VAERecipe | VDTRecipe


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file whose `kind` is "vae" or "vdt"; ValueError names what is unknown or out of place."""
    if not path.is_file():
        raise ValueError(f"no recipe at {path}: expected a TOML file, see vdt/training/recipes for examples")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    kind = values.pop("kind", None)
    if kind not in ("vae", "vdt"):
        raise ValueError(f'{path} needs kind = "vae" or kind = "vdt" at its top, got {kind!r}')
    return _record(VAERecipe, values, str(path)) if kind == "vae" else _record(VDTRecipe, values, str(path))


def _record(cls: type[Record], values: dict[str, Any], where: str) -> Record:
    hints = get_type_hints(cls)
    if unknown := sorted(set(values) - set(hints)):
        raise ValueError(f"{where}: unknown setting {unknown[0]!r}, expected some of {', '.join(hints)}")
    return cls(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint in (VAEConfig, VDTConfig):
        return _model_config(hint, dict(value), where)
    if dataclasses.is_dataclass(hint):
        return _record(hint, value, where)  # type: ignore[arg-type]
    literals = getattr(hint, "__args__", ()) if getattr(hint, "__origin__", None) is Literal else ()
    if literals and value not in literals:
        raise ValueError(f"{where} is {value!r}, expected one of {', '.join(map(repr, literals))}")
    if hint in (int, float, bool, str):
        if isinstance(value, bool) != (hint is bool) or not isinstance(value, (int, float) if hint is float else hint):
            raise ValueError(f"{where} is {value!r}, expected {hint.__name__}")
        return hint(value)
    return tuple(value) if isinstance(value, list) else value


def _model_config(cls: type[VAEConfig] | type[VDTConfig], values: dict[str, Any], where: str) -> VAEConfig | VDTConfig:
    """A named size with changes: `name = "small"`, then any field of the configuration."""
    sizes = VAE_CONFIGS if cls is VAEConfig else VDT_CONFIGS
    name = values.pop("name", None)
    if name is not None and name not in sizes:
        raise ValueError(f"{where}: no size {name!r}, expected one of {', '.join(sizes)}")
    base = sizes[name].to_dict() if name else {}
    if "diffusion" in values:
        defaults = base.get("diffusion", DiffusionConfig().to_dict())
        values["diffusion"] = {**defaults, **values["diffusion"]}
    try:
        return cls.from_dict({**base, **values})
    except TypeError as error:  # a field without default is missing
        raise ValueError(f"{where}: {error}") from error
