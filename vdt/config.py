"""What a checkpoint is: frozen configurations, stored as JSON inside every safetensors file."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from typing_extensions import Self

Prediction = Literal["epsilon", "v"]
SD_LATENT_SCALE = 0.18215
ATTENTIONS = ("factorized",)


class _JsonConfig:
    """JSON in and out for frozen dataclasses; unknown fields are refused, never ignored."""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"{cls.__name__} got unknown fields {unknown}: the file was written by a newer version, update vdt"
            )
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(_JsonConfig):
    """The noise process a model was trained with; samplers need nothing else."""

    num_timesteps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02
    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False  # rescale the schedule so that the last step is pure noise (arXiv 2305.08891)
    # model latents = (raw VAE latents - latent_shift) * latent_scale, for all channels or one value per channel
    latent_scale: float | tuple[float, ...] = SD_LATENT_SCALE
    latent_shift: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        if self.prediction not in ("epsilon", "v"):
            raise ValueError(f"prediction must be 'epsilon' or 'v', got {self.prediction!r}")
        if not 0 < self.beta_start < self.beta_end < 1:
            raise ValueError(f"expected 0 < beta_start < beta_end < 1, got {self.beta_start} and {self.beta_end}")
        if self.zero_terminal_snr and self.prediction == "epsilon":
            raise ValueError("zero_terminal_snr needs prediction='v': epsilon says nothing about x0 at pure noise")


@dataclass(frozen=True, kw_only=True)
class MaskSpec(_JsonConfig):
    """Masked modelling (equation 3 of the paper): clean latents stand at given cells, noise at generated ones."""

    kind: ClassVar[str] = "mask"
    embed: bool = False  # a zero-initialised embedding also tells the network which cells are given


ConditioningSpec = MaskSpec  # one record per way of telling the network what is given
SPECS: dict[str, type[ConditioningSpec]] = {spec.kind: spec for spec in (MaskSpec,)}


@dataclass(frozen=True, kw_only=True)
class VDTConfig(_JsonConfig):
    """Architecture of one Video Diffusion Transformer (arXiv 2305.13311)."""

    hidden_size: int
    depth: int
    num_heads: int
    patch_size: int = 2
    in_channels: int = 4
    num_frames: int = 16  # native clip length: the size of the stored temporal table
    input_size: int = 32  # native latent side (pixels / 8): the size of the stored spatial table
    mlp_ratio: float = 4.0
    learn_sigma: bool = True
    num_labels: int = 2  # rows of the label table the official files carry; only row 0 is ever used
    attention: Literal["factorized"] = "factorized"
    conditioning: tuple[ConditioningSpec, ...] = (MaskSpec(),)
    temporal_adaln: bool = False  # zero-initialised time modulation of the temporal branch
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size {self.hidden_size} must be a multiple of num_heads {self.num_heads}")
        if self.input_size % self.patch_size:
            raise ValueError(f"input_size {self.input_size} must be a multiple of patch_size {self.patch_size}")
        if self.attention not in ATTENTIONS:
            raise ValueError(
                f"attention {self.attention!r} is unknown to this version, expected one of {', '.join(ATTENTIONS)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON values; each conditioning spec with its kind."""
        specs = [{"kind": spec.kind, **spec.to_dict()} for spec in self.conditioning]
        return {**super().to_dict(), "conditioning": specs}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration of JSON values, of this version or an older one."""
        values = dict(values)
        if isinstance(values.get("diffusion"), dict):
            values["diffusion"] = DiffusionConfig.from_dict(values["diffusion"])
        values["conditioning"] = _read_specs(values.pop("conditioning", "mask"), values.pop("mask_embed", None))
        return super().from_dict(values)

    @property
    def out_channels(self) -> int:
        """Channels of the network's output."""
        return self.in_channels * (2 if self.learn_sigma else 1)


@dataclass(frozen=True, kw_only=True)
class VAEConfig(_JsonConfig):
    """Architecture of an AutoencoderKL in LDM structure (arXiv 2112.10752); f = 2 ** (len(ch_mult) - 1)."""

    ch: int = 128
    ch_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    z_channels: int = 4
    num_groups: int = 32

    def __post_init__(self) -> None:
        widths = [self.ch, *(self.ch * mult for mult in self.ch_mult)]
        if math.gcd(*widths) % self.num_groups:
            raise ValueError(f"every width of the VAE must be a multiple of num_groups {self.num_groups}, got {widths}")

    @property
    def downscale(self) -> int:
        """Pixels along the side of a latent cell."""
        return 2 ** (len(self.ch_mult) - 1)


def _read_specs(found: Any, mask_embed: bool | None) -> tuple[ConditioningSpec, ...]:
    """Specs from JSON; files of version 0.1 say "mask" and have `mask_embed` beside it, as recipes may."""
    specs = []
    for entry in [found] if isinstance(found, str) else found:
        if isinstance(entry, ConditioningSpec):
            specs.append(entry)
            continue
        values = dict(entry) if isinstance(entry, dict) else {"kind": entry}
        kind = values.pop("kind", None)
        if kind not in SPECS:
            raise ValueError(f"conditioning {kind!r} is unknown to this version, expected some of {', '.join(SPECS)}")
        specs.append(SPECS[kind].from_dict(values))
    if mask_embed is not None:
        specs = [dataclasses.replace(s, embed=mask_embed) if isinstance(s, MaskSpec) else s for s in specs]
    return tuple(specs)


VDT_CONFIGS: dict[str, VDTConfig] = {
    "VDT-L/2": VDTConfig(hidden_size=1152, depth=28, num_heads=16),
    "VDT-S/2": VDTConfig(hidden_size=384, depth=12, num_heads=6),
    "VDT-XS/2": VDTConfig(  # the shipped size
        hidden_size=192,
        depth=8,
        num_heads=6,
        input_size=8,
        learn_sigma=False,
        conditioning=(MaskSpec(embed=True),),
        temporal_adaln=True,
        diffusion=DiffusionConfig(prediction="v"),
    ),
    "VDT-Tiny/2": VDTConfig(hidden_size=64, depth=2, num_heads=4, input_size=8, num_frames=6),  # for tests
}

VAE_CONFIGS: dict[str, VAEConfig] = {
    "sd": VAEConfig(),
    "small": VAEConfig(ch=32, ch_mult=(1, 2, 4, 4), num_res_blocks=1),  # the shipped size
    "tiny": VAEConfig(ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=1),  # for tests
}
