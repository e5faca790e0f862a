"""What a checkpoint is: frozen configurations, stored as JSON inside every safetensors file."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .bounds import (
    MAX_CELLS,
    MAX_DEPTH,
    MAX_DEVIATION,
    MAX_LEVELS,
    MAX_TIMESTEPS,
    MAX_WIDTH,
    bounded,
    check_fields,
    shown,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Prediction = Literal["epsilon", "v"]
SD_LATENT_SCALE = 0.18215
ATTENTIONS = ("factorized", "spatial_first", "joint")


class _JsonConfig:
    """JSON in and out for frozen dataclasses of typed and bounded fields; unknown fields are refused, never ignored."""

    def __post_init__(self) -> None:
        check_fields(self)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The configuration of a JSON text; ValueError where it cannot be one."""
        try:
            values = json.loads(text)
        except RecursionError as error:
            raise ValueError("its JSON is nested too deep") from error
        except ValueError as error:
            raise ValueError(f"its JSON cannot be read ({str(error).partition(';')[0]})") from error
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration of JSON values; ValueError for what is missing, unknown, mistyped or out of bounds."""
        if not isinstance(values, dict):
            raise ValueError(f"{cls.__name__} must be a table of fields, got {shown(values)}")
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        unknown = sorted(map(str, set(values) - {each.name for each in fields}))
        if unknown:
            raise ValueError(
                f"{cls.__name__} got unknown fields {unknown}: the file was written by a newer version, update vdt"
            )
        unset = dataclasses.MISSING
        needed = [each.name for each in fields if each.default is unset and each.default_factory is unset]
        if missing := [name for name in needed if name not in values]:
            raise ValueError(f"{cls.__name__} is missing its fields {', '.join(missing)}")
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(_JsonConfig):
    """The noise process a model was trained with; samplers need nothing else."""

    num_timesteps: int = bounded(1, MAX_TIMESTEPS, 1000)
    beta_start: float = 1e-4
    beta_end: float = 0.02
    prediction: Prediction = "epsilon"
    zero_terminal_snr: bool = False  # rescale the schedule so that the last step is pure noise (arXiv 2305.08891)
    # model latents = (raw VAE latents - latent_shift) * latent_scale, for all channels or one value per channel
    latent_scale: float | tuple[float, ...] = bounded(-MAX_DEVIATION, MAX_DEVIATION, SD_LATENT_SCALE)
    latent_shift: float | tuple[float, ...] = bounded(-MAX_DEVIATION, MAX_DEVIATION, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.beta_start < self.beta_end < 1:
            raise ValueError(f"expected 0 < beta_start < beta_end < 1, got {self.beta_start} and {self.beta_end}")
        if self.zero_terminal_snr and self.prediction == "epsilon":
            raise ValueError("zero_terminal_snr needs prediction='v': epsilon says nothing about x0 at pure noise")
        if 0 in _channels(self.latent_scale):
            raise ValueError(f"latent_scale must not be 0, got {shown(self.latent_scale)}")

    def check_channels(self, count: int) -> None:
        """ValueError unless scale and shift are one for all, or one for each of so many channels."""
        for name in ("latent_scale", "latent_shift"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != count:
                raise ValueError(f"{name} must be one number, or one for each of {count} channels, got {len(value)}")


@dataclass(frozen=True, kw_only=True)
class MaskSpec(_JsonConfig):
    """Masked modelling (equation 3 of the paper): clean latents stand at given cells, noise at generated ones."""

    kind: ClassVar[str] = "mask"
    embed: bool = False  # a zero-initialised embedding also tells the network which cells are given


@dataclass(frozen=True, kw_only=True)
class AdaLNSpec(_JsonConfig):
    """Conditioning frames as one vector that every adaptive layer norm reads (scheme (a) of the paper)."""

    kind: ClassVar[str] = "adaln"


@dataclass(frozen=True, kw_only=True)
class CrossAttentionSpec(_JsonConfig):
    """Tokens that every block attends to across: conditioning frames (scheme (c) of the paper), or text embeddings."""

    kind: ClassVar[str] = "cross_attention"
    source: Literal["frames", "text"] = "frames"
    width: int = bounded(0, MAX_WIDTH, 0)  # of the embeddings of a text
    encoder: str = ""  # that the text was encoded with: "words" is `vdt.text.WordEncoder`, "" any other

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.source == "text") != (self.width > 0):
            raise ValueError(f"cross-attention to {self.source} got width {self.width}: only a text has one, 1 or more")


@dataclass(frozen=True, kw_only=True)
class TokenConcatSpec(_JsonConfig):
    """Conditioning frames as clean tokens in the sequence of the noisy ones (scheme (b) of the paper)."""

    kind: ClassVar[str] = "token_concat"


# One record per way of telling the network what is given.
ConditioningSpec = MaskSpec | AdaLNSpec | CrossAttentionSpec | TokenConcatSpec
SPECS: dict[str, type[ConditioningSpec]] = {
    spec.kind: spec for spec in (MaskSpec, AdaLNSpec, CrossAttentionSpec, TokenConcatSpec)
}


@dataclass(frozen=True, kw_only=True)
class VDTConfig(_JsonConfig):
    """Architecture of one Video Diffusion Transformer (arXiv 2305.13311)."""

    hidden_size: int = bounded(1, MAX_WIDTH)
    depth: int = bounded(1, MAX_DEPTH)
    num_heads: int = bounded(1, MAX_WIDTH)
    patch_size: int = bounded(1, MAX_CELLS, 2)
    in_channels: int = bounded(1, MAX_WIDTH, 4)
    num_frames: int = bounded(1, MAX_WIDTH, 16)  # native clip length: the size of the stored temporal table
    input_size: int = bounded(1, MAX_CELLS, 32)  # native latent side (pixels / 8): the size of the stored spatial table
    mlp_ratio: float = bounded(1 / MAX_WIDTH, MAX_WIDTH, 4.0)
    learn_sigma: bool = True
    num_labels: int = bounded(1, 1_000_000, 2)  # rows of the label table of official files; only row 0 is used
    attention: Literal["factorized", "spatial_first", "joint"] = "factorized"  # joint: one over space and time
    conditioning: tuple[ConditioningSpec, ...] = (MaskSpec(),)
    temporal_adaln: bool = False  # zero-initialised time modulation of the temporal branch
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    # who is told which frame is which: all tokens, as in the paper, or the temporal branch alone, as images want it
    time_positions: Literal["tokens", "temporal"] = "tokens"

    def __post_init__(self) -> None:
        if self.attention not in ATTENTIONS:
            raise ValueError(
                f"attention {shown(self.attention)} is unknown to this version, expected one of {', '.join(ATTENTIONS)}"
            )
        super().__post_init__()
        if int(self.hidden_size * self.mlp_ratio) < 1:
            raise ValueError(f"mlp_ratio {self.mlp_ratio} leaves no unit in an MLP of width {self.hidden_size}")
        if self.time_positions == "temporal" and self.attention == "joint":
            raise ValueError("time_positions 'temporal' needs a temporal branch, and attention 'joint' has none")
        self.diffusion.check_channels(self.in_channels)
        if len(set(self.conditioning)) != len(self.conditioning):
            raise ValueError(f"conditioning names a record twice: {shown(self.conditioning)}")
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size {self.hidden_size} must be a multiple of num_heads {self.num_heads}")
        if self.input_size % self.patch_size:
            raise ValueError(f"input_size {self.input_size} must be a multiple of patch_size {self.patch_size}")

    def to_dict(self) -> dict[str, Any]:
        """JSON values; each conditioning spec with its kind."""
        specs = [{"kind": spec.kind, **spec.to_dict()} for spec in self.conditioning]
        return {**super().to_dict(), "conditioning": specs}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration of JSON values, of this version or an older one."""
        if not isinstance(values, dict):
            return super().from_dict(values)  # which refuses it
        values = dict(values)
        if "diffusion" in values and not isinstance(values["diffusion"], DiffusionConfig):
            values["diffusion"] = DiffusionConfig.from_dict(values["diffusion"])
        values["conditioning"] = _read_specs(values.pop("conditioning", "mask"), values.pop("mask_embed", None))
        return super().from_dict(values)

    @property
    def text(self) -> CrossAttentionSpec | None:
        """How the model reads text, None if it reads none."""
        found = (spec for spec in self.conditioning if isinstance(spec, CrossAttentionSpec) and spec.source == "text")
        return next(found, None)

    @property
    def out_channels(self) -> int:
        """Channels of the network's output."""
        return self.in_channels * (2 if self.learn_sigma else 1)


@dataclass(frozen=True, kw_only=True)
class VAEConfig(_JsonConfig):
    """Architecture of an AutoencoderKL in LDM structure (arXiv 2112.10752); f = 2 ** (len(ch_mult) - 1)."""

    ch: int = bounded(1, MAX_WIDTH, 128)
    ch_mult: tuple[int, ...] = bounded(1, MAX_WIDTH, (1, 2, 4, 4))
    num_res_blocks: int = bounded(1, MAX_DEPTH, 2)
    z_channels: int = bounded(1, MAX_WIDTH, 4)
    num_groups: int = bounded(1, MAX_WIDTH, 32)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.ch_mult) <= MAX_LEVELS:
            raise ValueError(f"ch_mult must be a list of 1 to {MAX_LEVELS} numbers, got {len(self.ch_mult)}")
        if self.ch * max(self.ch_mult) > MAX_WIDTH:
            raise ValueError(f"a VAE has at most {MAX_WIDTH:,} channels, got {self.ch} x {max(self.ch_mult)}")
        widths = [self.ch, *(self.ch * mult for mult in self.ch_mult)]
        if math.gcd(*widths) % self.num_groups:
            raise ValueError(f"every width of the VAE must be a multiple of num_groups {self.num_groups}, got {widths}")

    @property
    def downscale(self) -> int:
        """Pixels along the side of a latent cell."""
        return 2 ** (len(self.ch_mult) - 1)

    @property
    def channels_a_pixel(self) -> int:
        """Values that its widest layer holds for each pixel."""
        return self.ch


@dataclass(frozen=True, kw_only=True)
class FastVAEConfig(_JsonConfig):
    """Architecture of a `FastAutoencoder`; widths and blocks are by level, pictures of half size first."""

    widths: tuple[int, ...] = bounded(1, MAX_WIDTH, (32, 64, 128))
    encoder_blocks: tuple[int, ...] = bounded(0, MAX_DEPTH, (1, 1, 2))
    decoder_blocks: tuple[int, ...] = bounded(0, MAX_DEPTH, (2, 2, 3))
    z_channels: int = bounded(1, MAX_WIDTH, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.widths) <= MAX_LEVELS:
            raise ValueError(f"widths must be a list of 1 to {MAX_LEVELS} numbers, got {len(self.widths)}")
        for name in ("encoder_blocks", "decoder_blocks"):
            if len(getattr(self, name)) != len(self.widths):
                raise ValueError(f"{name} must be one number for each of {len(self.widths)} widths")

    @property
    def downscale(self) -> int:
        """Pixels along the side of a latent cell."""
        return int(2 ** len(self.widths))

    @property
    def channels_a_pixel(self) -> int:
        """Values that its widest layer holds for each pixel."""
        return -(-self.widths[0] // 4)


def _channels(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _read_specs(found: Any, mask_embed: bool | None) -> tuple[ConditioningSpec, ...]:
    """Specs from JSON; files of version 0.1 say "mask" and have `mask_embed` beside it, as recipes may."""
    specs: list[ConditioningSpec] = []
    if not isinstance(found, (str, list, tuple)):
        raise ValueError(f"conditioning must be a list of tables, got {shown(found)}")
    for entry in [found] if isinstance(found, str) else found:
        if isinstance(entry, ConditioningSpec):
            specs.append(entry)
            continue
        values = dict(entry) if isinstance(entry, dict) else {"kind": entry}
        kind = values.pop("kind", None)
        if not isinstance(kind, str) or kind not in SPECS:
            raise ValueError(
                f"conditioning {shown(kind)} is unknown to this version, expected some of {', '.join(SPECS)}"
            )
        specs.append(SPECS[kind].from_dict(values))
    if mask_embed is not None and not isinstance(mask_embed, bool):
        raise ValueError(f"mask_embed must be true or false, got {shown(mask_embed)}")
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

FAST_VAE_CONFIGS: dict[str, FastVAEConfig] = {
    "fast": FastVAEConfig(),  # the shipped size
}
