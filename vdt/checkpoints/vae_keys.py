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
from ..models.initialisation import without_memory
from .wrappers import plain_names, prefixes, under

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
PREFIXES = ("first_stage_model.", "vae.")  # taken before others where a file holds several
HARMLESS_PREFIXES = ("loss.", "model_ema.")  # left in LDM files by training: discriminator, LPIPS, averaged weights
FIRST_KEY = "encoder.conv_in.weight"  # has this name in every format
UP_LEVEL = re.compile(r"^decoder\.up\.(\d+)\.")
LAST_PART = "decoder.conv_in.weight"
MAX_IDENTITY = 1024  # latent channels
DIGITS = 6  # of the number of a block or level
ATTENTION_WEIGHT = re.compile(r"\.mid\.attn_1\.(q|k|v|proj_out)\.weight$")
ATTENTION_BIAS = re.compile(r"\.mid\.attn_1\.(q|k|v|proj_out)\.bias$")
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


def locate_keys(shapes: Mapping[str, Tensor]) -> dict[str, str]:
    """Names of `AutoencoderKL` to the keys of a file in any known format that hold them, under whatever prefix.

    Under a prefix only the keys with that prefix are meant: the rest of such a file is another network.
    Raises ValueError where no key can be the VAE's first.
    """
    plain = plain_names(shapes)
    found = prefixes(plain, FIRST_KEY, PREFIXES)
    if not found:
        raise _mismatch([FIRST_KEY], list(shapes))
    prefix = next((each for each in found if each + LAST_PART in plain), found[0])
    others = found if prefix else ()  # nothing stands beside a VAE without a prefix but what is harmless
    bare = {key[len(prefix) :]: plain[key] for key in under(plain, prefix, others)}
    key_format = next(f for f in KEY_FORMATS if any(f.marker in key for key in bare))
    levels = count_numbers(bare, r"decoder\.up(?:_blocks)?\.(\d+)\.")
    return {key_format.to_ldm(key, levels): own for key, own in bare.items() if not key.startswith(HARMLESS_PREFIXES)}


def normalise_keys(state: Mapping[str, Tensor], keys: Mapping[str, str] | None = None) -> dict[str, Tensor]:
    """The VAE weights of a state dict in any known format, under the names and shapes of `AutoencoderKL`.

    `keys` is what `locate_keys` found, None looks for them. A missing quant_conv or post_quant_conv is an identity
    (Flux and SD3 have none).
    Raises ValueError, naming the first missing, unexpected or misshapen keys, when this is not an AutoencoderKL.
    """
    renamed = {name: _squared(name, state[key]) for name, key in (keys or locate_keys(state)).items()}
    renamed = _with_quant_convs(renamed)
    _check(renamed)
    return renamed


def reshape(tensors: Mapping[str, Tensor], shapes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by LDM names in the shapes of `normalise_keys`; what a file has not is an identity."""
    like = next(iter(tensors.values()))
    return {
        name: tensors[name].reshape(shape.shape) if name in tensors else _identity(like.new_empty(shape.shape))
        for name, shape in shapes.items()
    }


def _squared(name: str, value: Tensor) -> Tensor:
    """1x1 convolutions of the attention, which diffusers stores as Linear, and their biases, which some store so."""
    if ATTENTION_WEIGHT.search(name) and value.ndim == 2:
        return value[:, :, None, None]
    if ATTENTION_BIAS.search(name) and value.ndim == 3 and value.shape[1:] == (1, 1):
        return value[:, 0, 0]
    return value


def _with_quant_convs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """With an identity for each of the two 1x1 convolutions around the latents that is not there at all."""
    decoder = state.get("decoder.conv_in.weight")
    if decoder is None or decoder.ndim != 4 or decoder.shape[1] > MAX_IDENTITY:
        return state
    channels = decoder.shape[1]
    whole = dict(state)
    for name, width in (("quant_conv", 2 * channels), ("post_quant_conv", channels)):
        if not any(key.startswith(f"{name}.") for key in state):
            whole[f"{name}.weight"] = _identity(decoder.new_empty(width, width, 1, 1))
            whole[f"{name}.bias"] = _identity(decoder.new_empty(width))
    return whole


def _identity(like: Tensor) -> Tensor:
    """Weight (C, C, 1, 1) or bias (C,) of a convolution that changes nothing; without memory if `like` has none."""
    if like.ndim == 1:
        return torch.zeros_like(like)
    return torch.eye(len(like), device=like.device, dtype=like.dtype)[:, :, None, None]


def infer_vae_config(state: Mapping[str, Tensor], num_groups: int | None = None) -> VAEConfig:
    """Configuration of a state dict with LDM names, read from its shapes.

    num_groups leaves no trace in the shapes: by default the greatest divisor of 32 that fits every width.
    Raises ValueError when the keys that carry the sizes are missing or the widths are not multiples of the first.
    """
    levels = count_numbers(state, r"encoder\.down\.(\d+)\.")
    sizes = [FIRST_KEY, "decoder.conv_in.weight", *(_level_key(i) for i in range(max(levels, 1)))]
    missing = [key for key in sizes if key not in state]
    if missing:
        raise _mismatch(missing, [key for key in state if not key.startswith(("encoder.", "decoder."))])
    blocks = count_numbers(state, r"encoder\.down\.0\.block\.(\d+)\.")
    flat = [key for key in sizes if state[key].ndim != 4 or not state[key].numel()]
    if flat or levels * blocks > len(state):
        raise _mismatch(flat or [f"{levels} levels of {blocks} blocks"], state)
    ch = state[FIRST_KEY].shape[0]
    widths = [state[_level_key(i)].shape[0] for i in range(levels)]
    if any(width % ch for width in widths):
        raise ValueError(f"got a VAE with level widths {widths}, expected multiples of the first width {ch}")
    return VAEConfig(
        ch=ch,
        ch_mult=tuple(width // ch for width in widths),
        num_res_blocks=blocks,
        z_channels=state["decoder.conv_in.weight"].shape[1],
        num_groups=math.gcd(32, ch, *widths) if num_groups is None else num_groups,
    )


def _check(state: Mapping[str, Tensor]) -> None:
    with without_memory():
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


def count_numbers(keys: Iterable[str], pattern: str) -> int:
    """One more than the largest number the pattern's group finds at the start of any key; 0 when it finds none.

    Numbers of more digits than any network has are passed over: their keys are unexpected ones.
    """
    found = (match[1] for key in keys if (match := re.match(pattern, key)))
    return max((int(number) + 1 for number in found if len(number) <= DIGITS), default=0)


def _reverse_level(key: str, levels: int) -> str:
    return UP_LEVEL.sub(lambda found: f"decoder.up.{levels - 1 - int(found[1])}.", key)
