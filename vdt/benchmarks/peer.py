"""A peer of our forward pass: the Latte transformer of diffusers, of equal width, depth and tokens."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

from torch import Tensor, nn

from ..config import VDTConfig
from .limits import attention_flops

CAPTION = 8  # width of the caption that it takes; without cross-attention nothing reads it


def has_peer() -> bool:
    """Whether diffusers is installed; nothing but this comparison needs it."""
    return find_spec("diffusers") is not None


def build_peer(config: VDTConfig, *, num_frames: int, size: int) -> nn.Module:
    """Latte with as many blocks, half of them spatial and half temporal, each with an MLP (arXiv 2401.03048)."""
    from diffusers import LatteTransformer3DModel

    model: Any = LatteTransformer3DModel(
        num_attention_heads=config.num_heads,
        attention_head_dim=config.hidden_size // config.num_heads,
        in_channels=config.in_channels,
        out_channels=config.in_channels,
        num_layers=config.depth // 2,
        attention_bias=True,
        sample_size=size,
        patch_size=config.patch_size,
        activation_fn="gelu-approximate",
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        caption_channels=CAPTION,
        video_length=num_frames,
    )
    return cast(nn.Module, model.eval())


def peer_call(model: nn.Module, x: Tensor, t: Tensor) -> Callable[[], Tensor]:
    """One pass over latents (B, T, C, h, w) at timesteps (B,)."""
    clip = x.transpose(1, 2).contiguous()  # (B, C, T, h, w)
    caption = x.new_zeros(len(x), 1, CAPTION)
    return lambda: model(clip, timestep=t, encoder_hidden_states=caption, return_dict=False)[0]


def peer_flops(config: VDTConfig, *, batch: int, num_frames: int, patches: int) -> int:
    """Multiplications and additions in the matrix products of its blocks, ends and conditions left out."""
    linear = 2 * (4 + 2 * config.mlp_ratio) * config.hidden_size**2 * config.depth
    attention = attention_flops(config, num_frames=num_frames, patches=patches) * (config.depth // 2)
    return int(batch * num_frames * patches * (linear + attention))
