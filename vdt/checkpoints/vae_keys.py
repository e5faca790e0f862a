"""State-dict key formats of Stable Diffusion VAEs (diffusers new and old, LDM), translated to the LDM names we use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config import VAEConfig
from ..models.autoencoder import AutoencoderKL

Renames = tuple[tuple[str, str], ...]

# Each pair is (foreign fragment, LDM fragment), applied in order; going back applies them in reverse order.
STRUCTURE_RENAMES: Renames = (
    (".mid_block.resnets.0.", ".mid.block_1."),
    (".mid_block.resnets.1.", ".mid.block_2."),
    (".mid_block.attentions.0.", ".mid.attn_1."),
    ("encoder.down_blocks.", "encoder.down."),
    ("decoder.up_blocks.", "decoder.up."),
    (".resnets.", ".block."),
    (".downsamplers.0.", ".downsample."),
    (".upsamplers.0.", ".upsample."),
    (".conv_shortcut.", ".nin_shortcut."),
    (".conv_norm_out.", ".norm_out."),
    (".attn_1.group_norm.", ".attn_1.norm."),
)
NEW_ATTENTION_RENAMES: Renames = (
    (".attn_1.to_q.", ".attn_1.q."),
    (".attn_1.to_k.", ".attn_1.k."),
    (".attn_1.to_v.", ".attn_1.v."),
    (".attn_1.to_out.0.", ".attn_1.proj_out."),
)
OLD_ATTENTION_RENAMES: Renames = (
    (".attn_1.query.", ".attn_1.q."),
    (".attn_1.key.", ".attn_1.k."),
    (".attn_1.value.", ".attn_1.v."),
    (".attn_1.proj_attn.", ".attn_1.proj_out."),
)
PREFIXES = ("first_stage_model.", "vae.")
HARMLESS_PREFIXES = ("loss.", "model_ema.")  # left in LDM files by training: discriminator, LPIPS, averaged weights
FIRST_KEY = "encoder.conv_in.weight"  # has this name in every format
UP_LEVEL = re.compile(r"^decoder\.up\.(\d+)\.")
ATTENTION_WEIGHT = re.compile(r"\.mid\.attn_1\.(q|k|v|proj_out)\.weight$")
NAMED_IN_ERRORS = 4


@dataclass(frozen=True, kw_only=True)
class KeyFormat:
    """One naming scheme: `marker` occurs in its keys and in no format listed before it."""

    name: str
    marker: str
    renames: Renames
    lowest_first: bool  # decoder.up levels are counted from the lowest resolution, the reverse of LDM

    def to_ldm(self, key: str, levels: int) -> str:
        """LDM name of a key of this format; unknown keys pass unchanged."""
        for foreign, ldm in self.renames:
            key = key.replace(foreign, ldm)
        return _reverse_level(key, levels) if self.lowest_first else key

    def from_ldm(self, key: str, levels: int) -> str:
        """Name in this format of an LDM key; the inverse of `to_ldm`."""
        key = _reverse_level(key, levels) if self.lowest_first else key
        for foreign, ldm in reversed(self.renames):
            key = key.replace(ldm, foreign)
        return key


KEY_FORMATS = (
    KeyFormat(
        name="diffusers-old",
        marker=".mid_block.attentions.0.query.",
        renames=STRUCTURE_RENAMES + OLD_ATTENTION_RENAMES,
        lowest_first=True,
    ),
    KeyFormat(
        name="diffusers",
        marker=".mid_block.",
        renames=STRUCTURE_RENAMES + NEW_ATTENTION_RENAMES,
        lowest_first=True,
    ),
    KeyFormat(name="ldm", marker="", renames=(), lowest_first=False),
)


def normalise_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The VAE weights of a state dict in any known format, under the names and shapes of `AutoencoderKL`.

    Under one of PREFIXES only the keys with that prefix are read: the rest of such a file is another network.
    Raises ValueError, naming the first missing, unexpected or misshapen keys, when this is not an AutoencoderKL.
    """
    state = _without_prefix(state)
    key_format = next(f for f in KEY_FORMATS if any(f.marker in key for key in state))
    levels = _count(state, r"decoder\.up(?:_blocks)?\.(\d+)\.")
    renamed = {
        key_format.to_ldm(key, levels): value for key, value in state.items() if not key.startswith(HARMLESS_PREFIXES)
    }
    for key, value in renamed.items():
        if ATTENTION_WEIGHT.search(key) and value.ndim == 2:  # diffusers stores these 1x1 convolutions as Linear
            renamed[key] = value[:, :, None, None]
    _check(renamed)
    return renamed


def infer_vae_config(state: Mapping[str, Tensor], num_groups: int | None = None) -> VAEConfig:
    """Configuration of a state dict with LDM names, read from its shapes.

    num_groups leaves no trace in the shapes: by default the greatest divisor of 32 that fits every width.
    Raises ValueError when the keys that carry the sizes are missing or the widths are not multiples of the first.
    """
    levels = _count(state, r"encoder\.down\.(\d+)\.")
    sizes = [FIRST_KEY, "decoder.conv_in.weight", *(_level_key(i) for i in range(max(levels, 1)))]
    missing = [key for key in sizes if key not in state]
    if missing:
        raise _mismatch(missing, [key for key in state if not key.startswith(("encoder.", "decoder."))])
    ch = state[FIRST_KEY].shape[0]
    widths = [state[_level_key(i)].shape[0] for i in range(levels)]
    if any(width % ch for width in widths):
        raise ValueError(f"got a VAE with level widths {widths}, expected multiples of the first width {ch}")
    return VAEConfig(
        ch=ch,
        ch_mult=tuple(width // ch for width in widths),
        num_res_blocks=_count(state, r"encoder\.down\.0\.block\.(\d+)\."),
        z_channels=state["decoder.conv_in.weight"].shape[1],
        num_groups=math.gcd(32, ch, *widths) if num_groups is None else num_groups,
    )


def _without_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    for prefix in ("", *PREFIXES):
        if prefix + FIRST_KEY in state:
            return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    raise _mismatch([FIRST_KEY], list(state))


def _check(state: Mapping[str, Tensor]) -> None:
    with torch.device("meta"):
        expected = AutoencoderKL(infer_vae_config(state)).state_dict()
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    if missing or unexpected:
        raise _mismatch(missing, unexpected)
    wrong = [key for key in expected if state[key].shape != expected[key].shape]
    if wrong:
        got, want = (tuple(tensors[wrong[0]].shape) for tensors in (state, expected))
        raise ValueError(f"not an AutoencoderKL file: {wrong[0]} has shape {got}, expected {want}")


def _mismatch(missing: Iterable[str], unexpected: Iterable[str]) -> ValueError:
    return ValueError(
        f"not an AutoencoderKL file: missing keys {_first(missing)}; unexpected keys {_first(unexpected)}; "
        "expected a Stable Diffusion style VAE in diffusers or LDM format"
    )


def _first(keys: Iterable[str]) -> str:
    keys = list(keys)
    rest = len(keys) - NAMED_IN_ERRORS
    return ", ".join(keys[:NAMED_IN_ERRORS]) + (f" and {rest} more" if rest > 0 else "") if keys else "none"


def _level_key(level: int) -> str:
    return f"encoder.down.{level}.block.0.conv1.weight"


def _count(keys: Iterable[str], pattern: str) -> int:
    """One more than the largest number the pattern's group finds at the start of any key; 0 when it finds none."""
    return max((int(found[1]) + 1 for key in keys if (found := re.match(pattern, key))), default=0)


def _reverse_level(key: str, levels: int) -> str:
    return UP_LEVEL.sub(lambda found: f"decoder.up.{levels - 1 - int(found[1])}.", key)
