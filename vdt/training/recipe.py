"""A training run written down: a TOML file read into frozen dataclasses, unknown names refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from ..bounds import (
    MAX_BATCH,
    MAX_CLIPS,
    MAX_DEPTH,
    MAX_FRAMES,
    MAX_LEARNING_RATE,
    MAX_MINUTES,
    MAX_RATE,
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MAX_TEMPERATURE,
    MAX_WEIGHT,
    bounded,
    check_fields,
    shown,
)
from ..config import FAST_VAE_CONFIGS, VAE_CONFIGS, VDT_CONFIGS, DiffusionConfig, FastVAEConfig, VAEConfig, VDTConfig
from ..diffusion import Density, SamplingConfig
from ..masks.sampling import DEFAULT_MIX
from .toml import read_toml

Record = TypeVar("Record")
VAEModel = VAEConfig | FastVAEConfig
# Of each kind of model, by the type of its field: sizes that have a name, and what one without a name is.
MODELS: dict[Any, tuple[Mapping[str, VAEModel | VDTConfig], type[VAEModel | VDTConfig]]] = {
    VAEModel: ({**VAE_CONFIGS, **FAST_VAE_CONFIGS}, VAEConfig),
    VDTConfig: (VDT_CONFIGS, VDTConfig),
}
BELOW_ONE = 1 - 1e-6  # of averages and moments: with 1 they would never move
BUNDLED = "bundled"  # as a file to start from: the one that comes with the package
BUNDLED_FAST = "bundled fast"  # as the VAE: the small one that comes with it


class _Checked:
    """A record whose fields are of the types and within the bounds that they state."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class BucketRecipe(_Checked):
    """Clips of one length and shape among others; each batch is of one of them, drawn by weight."""

    frames: int = bounded(1, MAX_FRAMES, 16)
    size: int = bounded(0, MAX_SIDE, 0)  # pixels, square; or both of these
    height: int = bounded(0, MAX_SIDE, 0)
    width: int = bounded(0, MAX_SIDE, 0)
    weight: float = bounded(0, MAX_WEIGHT, 1.0)
    clips: int = bounded(0, MAX_CLIPS, 0)  # 0: as many as [data] says

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.size) == bool(self.height and self.width) or bool(self.height) != bool(self.width):
            raise ValueError(
                f"a bucket needs size, or height and width, got size {self.size}, {self.height}x{self.width}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return (self.height or self.size, self.width or self.size)


@dataclass(frozen=True, kw_only=True)
class DataRecipe(_Checked):
    """Where clips come from: simulated scenes, or every video file below a folder."""

    source: Literal["scenes", "folder"] = "scenes"
    folder: str = ""  # relative to the recipe
    split: str = "train"
    clips: int = bounded(1, MAX_CLIPS, 8000)  # scenes to render, or windows to cut from the folder's videos
    size: int = bounded(1, MAX_SIDE, 64)  # pixels, square
    num_frames: int = bounded(1, MAX_FRAMES, 16)  # more than a VDT sees: it learns from windows
    first: int = bounded(1, MAX_CLIPS, 64)  # of them that are there before the first step
    at_start: float = bounded(0, 1, 0.5)  # share of such windows that begin with the clip; the others begin anywhere
    fps: float = bounded(1 / MAX_RATE, MAX_RATE, 8.0)  # folder only; scenes run at their own rate
    # New scenes for each clip that a batch takes, made while the model trains; the newest `clips` are kept.
    fresh: float = bounded(0, MAX_WEIGHT, 0.0)  # 0: all are made before
    flip: bool = True  # learn from left-right mirrored clips too
    buckets: tuple[BucketRecipe, ...] = ()  # in the place of size and num_frames

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.buckets and not sum(bucket.weight for bucket in self.buckets):
            raise ValueError("buckets: all weigh 0, expected one above 0")
        if self.fresh and (self.source == "folder" or self.buckets):
            raise ValueError("fresh clips are scenes of one length and size: leave out folder and buckets, or fresh")
        if self.fresh and self.first > self.clips:
            raise ValueError(f"first is {self.first} and only {self.clips} clips are kept: lower first or raise clips")
        if self.source == "folder" and not self.folder:
            raise ValueError("source 'folder' needs folder, where the videos are, relative to the recipe")

    @property
    def shapes(self) -> tuple[BucketRecipe, ...]:
        """Every length and shape that clips come in."""
        return self.buckets or (BucketRecipe(frames=self.num_frames, size=self.size),)


@dataclass(frozen=True, kw_only=True)
class OptimRecipe(_Checked):
    """AdamW with linear warm-up, a plateau, and a decay to zero over the last part of the run.

    "muon" gives the matrices of the blocks to Muon (updates of AdamW's size, so rates carry over), the rest to AdamW.
    """

    optimizer: Literal["adamw", "muon"] = "adamw"
    steps: int = bounded(1, MAX_STEPS, 10_000)
    batch: int = bounded(1, MAX_BATCH, 8)
    lr: float = bounded(0, MAX_LEARNING_RATE, 1e-3)
    adamw_lr: float = bounded(0, MAX_LEARNING_RATE, 0.0)  # beside Muon, lower for large batches (LOG.md); 0: as lr
    betas: tuple[float, float] = bounded(0, BELOW_ONE, (0.9, 0.99))
    weight_decay: float = bounded(0, MAX_WEIGHT, 0.01)
    warmup: int = bounded(0, MAX_STEPS, 200)
    decay: float = bounded(0, 1, 0.3)  # share of the run, in steps or in time
    clip_norm: float = bounded(1e-12, MAX_LEARNING_RATE, 1.0)
    ema: float = bounded(0, BELOW_ONE, 0.999)
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16: autocast, weights stay float32
    compile: bool = False  # each block by itself
    ema_long: float = bounded(0, BELOW_ONE, 0.0)  # a second average, for a file of its own; 0 is off
    accumulate: int = bounded(1, MAX_BATCH, 1)  # parts that a batch is taken in, one after another
    recover: bool = False  # from a loss that jumps: back some hundred steps, at half the rate
    activation_checkpointing: bool = False  # blocks run again in the backward pass: a third slower, far less memory


@dataclass(frozen=True, kw_only=True)
class RunRecipe(_Checked):
    """Seeds and rhythm of a run, and on how many processes."""

    seed: int = bounded(0, MAX_SEED, 0)
    log_every: int = bounded(1, MAX_STEPS, 20)
    sheet_every: int = bounded(1, MAX_STEPS, 1000)
    save_every: int = bounded(1, MAX_STEPS, 500)
    minutes: float = bounded(0, MAX_MINUTES, 0.0)  # how long to train, in the place of a number of steps; 0: steps
    clock: Literal["wall", "cpu"] = "wall"  # cpu: the time of the process, all threads together, on a shared machine
    weights_every: float = bounded(0, 60 * MAX_MINUTES, 0.0)  # seconds between weights in small files; 0 is off
    watchdog: float = bounded(0, MAX_MINUTES, 10.0)  # minutes without a step until all threads are written down; 0: off
    score_every: int = bounded(0, MAX_STEPS, 0)  # steps between scores of the objects of held-out scenes; 0 is off
    score_count: int = bounded(1, MAX_CLIPS, 32)  # scenes of each score
    patience: int = bounded(0, MAX_STEPS, 0)  # scores without a better one that end the run; 0: none do
    parallel: Literal["ddp", "fsdp"] = "ddp"  # with several processes: a copy of the model in each, or a part


@dataclass(frozen=True, kw_only=True)
class VAERecipe(_Checked):
    """What a VAE learns from."""

    model: VAEModel = field(default_factory=lambda: VAE_CONFIGS["small"])
    data: DataRecipe = field(default_factory=DataRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    run: RunRecipe = field(default_factory=RunRecipe)
    l1: float = bounded(0, MAX_WEIGHT, 1.0)
    mse: float = bounded(0, MAX_WEIGHT, 1.0)
    kl: float = bounded(0, MAX_WEIGHT, 1e-5)
    saliency: float = bounded(0, MAX_WEIGHT, 4.0)  # extra weight of what moves or stands out: it is few pixels
    init: str = ""  # a VAE file to start from, relative to the recipe, or "bundled"
    decoder_only: bool = False  # the latents stay as they are, and every VDT trained on them stays valid
    # Share of each batch whose latents are mirrored or made smaller before they are decoded (EQ-VAE, arXiv 2502.09509).
    equivariance: float = bounded(0, BELOW_ONE, 0.0)
    teacher: str = ""  # a VAE file whose latents are learned, without `kl`; relative to the recipe, or "bundled"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.model, FastVAEConfig) and not self.teacher and not self.decoder_only:
            raise ValueError('a fast VAE learns the latents of another: set teacher to its file, or to "bundled"')
        if self.equivariance and (self.teacher or self.decoder_only):
            raise ValueError("equivariance changes what latents are: leave it out, or teacher and decoder_only")
        if self.data.buckets:
            raise ValueError("data.buckets are for a VDT: a VAE learns from frames of one size, so leave them out")
        if self.data.fresh:
            raise ValueError("data.fresh is for a VDT: a VAE learns from clips that are made before, so leave it out")

    def num_changed(self, frames: int) -> int:
        """How many of so many frames have their latents changed."""
        return int(self.equivariance * frames)


@dataclass(frozen=True, kw_only=True)
class DistillRecipe(_Checked):
    """The model of `init` as a teacher: what a student of so many steps learns to do without guidance.

    `loss`, `min_snr_gamma` and `given_noise` have no part in it.
    """

    steps: int = bounded(0, MAX_DEPTH, 0)  # of the student, sampled as ddim_quad; 0: learn from clips alone
    substeps: int = bounded(1, MAX_DEPTH, 3)  # of the teacher for each of them
    guidance: float = bounded(0, MAX_WEIGHT, SamplingConfig().guidance)  # of the teacher, by the conditioning frames
    text_guidance: float = bounded(0, MAX_WEIGHT, SamplingConfig().text_guidance)  # of the teacher, by captions
    temperature: float = bounded(0, MAX_TEMPERATURE, SamplingConfig().temperature)  # of the noise that both begin with
    teacher_share: float = bounded(0, 1, 0.0)  # of the teacher in the weights that the run leaves


@dataclass(frozen=True, kw_only=True)
class HistoryRecipe(_Checked):
    """Clips that go on from frames that the model has made itself, as windows of long clips do."""

    share: float = bounded(0, 1, 0.0)  # of the batch
    steps: int = bounded(1, MAX_DEPTH, 2)  # in which it makes them

    def clips(self, batch: int) -> int:
        """How many of a batch."""
        return round(batch * self.share)


@dataclass(frozen=True, kw_only=True)
class ImagesRecipe(_Checked):
    """Single frames among the clips of a batch: frames of those clips, or the pictures of a folder."""

    share: float = bounded(0, 1, 0.0)  # of the batch
    folder: str = ""  # relative to the recipe


@dataclass(frozen=True, kw_only=True)
class TextRecipe(_Checked):
    """Captions: made for scenes, read from a .txt beside each video of a folder, one phrasing a line."""

    encoder: Literal["", "words"] = ""  # "words" is `vdt.text.WordEncoder`; "" learns from clips alone
    drop: float = bounded(0, 1, 0.15)  # share of samples that see no text, which guidance by text needs
    unknown: float = bounded(0, 1, 0.0)  # share of words that are replaced by ones that nobody knows


@dataclass(frozen=True, kw_only=True)
class VDTRecipe(_Checked):
    """What a VDT learns from."""

    vae: str = ""  # file, relative to the recipe; empty: the bundled one; or "bundled fast"
    model: VDTConfig = field(default_factory=lambda: VDT_CONFIGS["VDT-XS/2"])
    data: DataRecipe = field(default_factory=DataRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    run: RunRecipe = field(default_factory=RunRecipe)
    loss: Literal["corrected", "official"] = "corrected"
    min_snr_gamma: float = bounded(0, MAX_WEIGHT, 0.0)  # 0 is off
    timesteps: Density = "uniform"
    # Half of the clips get noise of up to this deviation on what is given: long clips go on from frames that the model
    # has made, which are never as clean as those it would learn from.
    given_noise: float = bounded(0, MAX_WEIGHT, 0.0)
    # Share of clips whose frames have a noise level each, as in Diffusion Forcing (arXiv 2407.01392).
    frame_noise: float = bounded(0, 1, 0.0)
    pixels: float = bounded(0, MAX_WEIGHT, 0.0)  # weight of the picture's error: one decoded frame of each clip
    tasks: dict[str, float] = field(default_factory=dict)  # mask mix; empty: the library's default
    init: str = ""  # a VDT file to start from, relative to the recipe, or "bundled"
    distill: DistillRecipe = field(default_factory=DistillRecipe)
    history: HistoryRecipe = field(default_factory=HistoryRecipe)
    rescale: bool = False  # with init: fit the scale of the latents anew, because the VAE has changed since
    mode: Literal["joint", "spatial"] = "joint"  # spatial: single frames alone, without the temporal branch
    images: ImagesRecipe = field(default_factory=ImagesRecipe)
    text: TextRecipe = field(default_factory=TextRecipe)

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := sorted(set(self.tasks) - set(DEFAULT_MIX)):
            raise ValueError(f"tasks: unknown task {shown(unknown[0])}, expected some of {', '.join(DEFAULT_MIX)}")
        if wrong := [name for name, weight in self.tasks.items() if weight < 0]:
            raise ValueError(f"tasks: {wrong[0]} weighs {self.tasks[wrong[0]]}, expected 0 or more")
        if self.tasks and not sum(self.tasks.values()):
            raise ValueError("tasks: all weigh 0, expected one above 0, or no tasks for the default mix")
        if self.frame_noise and self.min_snr_gamma:
            raise ValueError("min_snr_gamma weighs clips of one noise level: leave out frame_noise, or min_snr_gamma")
        if (self.frame_noise or self.pixels) and (self.distill.steps or self.loss == "official"):
            raise ValueError("frame_noise and pixels are for loss = 'corrected' without [distill]: leave them out")
        if self.history.share and (
            self.distill.steps or self.images.share or self.data.buckets or self.mode != "joint"
        ):
            raise ValueError(
                "history is for clips of one length, without distill, images or mode = 'spatial': leave them out, or "
                "set share = 0 in [history]"
            )


Recipe = VAERecipe | VDTRecipe


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file whose `kind` is "vae" or "vdt"; ValueError names what is unknown or out of place."""
    values = read_toml(path)
    kind = values.pop("kind", None)
    if kind not in ("vae", "vdt"):
        raise ValueError(f'{path} needs kind = "vae" or kind = "vdt" at its top, got {shown(kind)}')
    return _record(VAERecipe, values, str(path)) if kind == "vae" else _record(VDTRecipe, values, str(path))


def _record(cls: type[Record], values: Any, where: str) -> Record:
    """A record of a table; `where` names it in errors."""
    if not isinstance(values, dict):
        raise ValueError(f"{where} is {shown(values)}, expected a table [{where.rpartition(': ')[2]}] of settings")
    hints = get_type_hints(cls)
    if unknown := sorted(set(values) - set(hints)):
        raise ValueError(f"{where}: unknown setting {shown(unknown[0])}, expected some of {', '.join(hints)}")
    read = {name: _value(hints[name], value, f"{where}: {name}") for name, value in values.items()}
    try:
        return cls(**read)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint in MODELS:
        return _model_config(hint, value, where)
    if dataclasses.is_dataclass(hint):
        return _record(hint, value, where)  # type: ignore[arg-type]
    if hint == tuple[BucketRecipe, ...]:
        if not isinstance(value, list):
            raise ValueError(f"{where} is {shown(value)}, expected tables [[{where.rpartition(': ')[2]}]]")
        return tuple(_record(BucketRecipe, each, f"{where}[{number}]") for number, each in enumerate(value))
    literals = getattr(hint, "__args__", ()) if getattr(hint, "__origin__", None) is Literal else ()
    if literals and value not in literals:
        raise ValueError(f"{where} is {shown(value)}, expected one of {', '.join(map(repr, literals))}")
    if hint in (int, float, bool, str):
        if isinstance(value, bool) != (hint is bool) or not isinstance(value, (int, float) if hint is float else hint):
            raise ValueError(f"{where} is {shown(value)}, expected {hint.__name__}")
        return _float(value) if hint is float else value
    return tuple(value) if isinstance(value, list) else value


def _float(value: float) -> float:
    """A number as a float; one that is too large stays, and is refused by the bounds of its record."""
    try:
        return float(value)
    except OverflowError:
        return value


def _model_config(hint: Any, values: Any, where: str) -> VAEModel | VDTConfig:
    """A named size with changes: `name = "small"`, then any field of the configuration."""
    if not isinstance(values, dict):
        raise ValueError(f"{where} is {shown(values)}, expected a table [model] with a name or sizes")
    sizes, unnamed = MODELS[hint]
    values = dict(values)
    name = values.pop("name", None)
    if name is not None and (not isinstance(name, str) or name not in sizes):
        raise ValueError(f"{where}: no size {shown(name)}, expected one of {', '.join(sizes)}")
    cls = type(sizes[name]) if name else unnamed
    known = [*(each.name for each in dataclasses.fields(cls)), *(["mask_embed"] if cls is VDTConfig else [])]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{where}: unknown setting {shown(unknown[0])}, expected some of {', '.join(known)}")
    base = sizes[name].to_dict() if name else {}
    if isinstance(values.get("diffusion"), dict) and cls is VDTConfig:
        defaults = base.get("diffusion", DiffusionConfig().to_dict())
        values["diffusion"] = {**defaults, **values["diffusion"]}
    try:
        return cls.from_dict({**base, **values})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
