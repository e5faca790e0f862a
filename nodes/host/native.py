"""VDT as a native model of ComfyUI, which every stock sampler can drive."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management as mm
import comfy.supported_models_base
import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from ...vdt.config import DiffusionConfig
from ...vdt.diffusion import Schedule, scale_latents, unscale_latents
from ...vdt.diffusion.given import Given, make_given
from ...vdt.inference.memory import model_bytes
from ...vdt.inference.tiling import TiledModel
from ...vdt.models.transformer import VDT
from ...vdt.text import Text
from ...vdt.visualize.latent_preview import GRID_SIDE, PreviewProjection
from . import compat, text
from .batches import CLIPS_KEY
from .stock import OWN_KEY, sample_exactly

# ComfyUI has the frames of all clips as its batch: x is (n T, C, h, w), of n clips in as many passes as CFG makes.

GIVEN_KEY = "vdt_given"  # of a conditioning: whether its pass sees the given cells


class VDTLatents(comfy.latent_formats.LatentFormat):
    """Raw VAE latents to those the model was trained on, by its own scale and shift per channel."""

    def __init__(self, diffusion: DiffusionConfig, channels: int, preview: PreviewProjection) -> None:
        self.diffusion = diffusion
        self.latent_channels = channels
        self.latent_rgb_factors = [list(row) for row in preview.weight]
        self.latent_rgb_factors_bias = list(preview.bias)
        self.latent_rgb_factors_reshape = grid_of_frames  # stock previews of hosts before 0.3.76 show one frame

    def process_in(self, latent: Tensor) -> Tensor:
        return scale_latents(latent, self.diffusion)

    def process_out(self, latent: Tensor) -> Tensor:
        return unscale_latents(latent, self.diffusion)


def grid_of_frames(latents: Tensor) -> Tensor:
    """All frames of latents (T, C, h, w) as one of (1, C, H, W), row by row and enlarged: for stock previews."""
    count, channels, height, width = latents.shape
    columns = min(count, math.ceil(math.sqrt(count * height / width)))
    rows = math.ceil(count / columns)
    whole = torch.cat([latents, latents.new_zeros(rows * columns - count, channels, height, width)])
    factor = max(1, GRID_SIDE // max(rows * height, columns * width))
    return repeat(whole, "(r q) c h w -> 1 c (r h i) (q w j)", q=columns, i=factor, j=factor)


class VDTNetwork(nn.Module):
    """The VDT with the signature that ComfyUI calls; `preview` is for sampling previews, `file` is where it is from."""

    def __init__(self, vdt: VDT, preview: PreviewProjection, file: Path | None = None) -> None:
        super().__init__()
        self.file = file
        self.vdt = vdt
        self.preview = preview
        self.schedule = Schedule.from_config(vdt.config.diffusion)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor | None = None,
        control: Any = None,
        transformer_options: dict[str, Any] | None = None,
        **conditions: Any,
    ) -> Tensor:
        """Prediction (n T, C, h, w) for x (n T, C, h, w) and timesteps (n T,), see `predict` for the conditions."""
        inputs = (x, timesteps, context, control)
        return compat.run_wrapped(self.predict, self, transformer_options or {}, *inputs, **conditions)

    def predict(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor | None,
        control: Any,
        transformer_options: dict[str, Any],
        *,
        vdt_cells: Tensor | None = None,
        vdt_hidden: Tensor | None = None,
        vdt_noise: Tensor | None = None,
        vdt_clips: int = 1,
        vdt_texts: tuple[Text | None, ...] = (),
        vdt_text_guidance: float = 1.0,
        **unused: Any,
    ) -> Tensor:
        """What the VDT says of x (n T, C, h, w), of any float type, given cells clean, at timesteps (n T,).

        vdt_cells (n T, 1, h, w) is 1 where the network is told that it generates; vdt_hidden, of that shape too, is 1
        at given cells that this pass must not see: they are noised with vdt_noise (n T, C, h, w). x holds vdt_clips
        clips in each of its passes, and vdt_texts has the text of each pass, which weighs vdt_text_guidance.
        """
        clips = len(transformer_options.get("cond_or_uncond", (0,))) * vdt_clips
        self._settle(x.device)
        x = x.to(self.dtype)  # ModelComputeDtype changes what comes, not the weights
        t = rearrange(timesteps, "(n t) -> n t", n=clips)[:, 0]
        if vdt_hidden is not None and vdt_noise is not None:
            noised = self.schedule.q_sample(x, timesteps.round().long(), vdt_noise.to(x))
            x = torch.where(vdt_hidden > 0.5, noised, x)
        cells = torch.ones_like(x[:, 0]) if vdt_cells is None else vdt_cells[:, 0]
        clip = rearrange(x, "(n t) c h w -> n t c h w", n=clips)
        mask = rearrange(cells > 0.5, "(n t) h w -> n t h w", n=clips)
        given = make_given(self.vdt.config.conditioning, clip, mask, text.joined(vdt_texts, vdt_clips))
        made = self._run(clip, t, given)
        wordless = given.without_text() if vdt_text_guidance != 1 else None
        if wordless is not None:
            null = self._run(clip, t, wordless)
            made = null + vdt_text_guidance * (made - null)
        return rearrange(made, "n t c h w -> (n t) c h w")

    def check(self, raw: Tensor) -> None:
        """ValueError for raw latents that are not (T, C, h, w) of this model's VAE."""
        channels = self.vdt.config.in_channels
        if raw.ndim != 4 or raw.shape[1] != channels:
            raise ValueError(
                f"the latent is {tuple(raw.shape)}, expected (frames, {channels}, height, width): "
                f"encode the clip with the VAE of this model"
            )

    def memory(self, frames: int, rows: int, columns: int, *, tile: int = 0) -> int:
        """Bytes that a pass over so many cells needs besides the weights: the activations of one block, all at once."""
        value_bytes = torch.finfo(self.dtype).bits // 8
        return model_bytes(self.vdt.config, frames, rows, columns, tile=tile, value_bytes=value_bytes)

    def _run(self, clip: Tensor, t: Tensor, given: Given) -> Tensor:
        """The network's value (n, T, C, h, w) for clips of that shape; a learned variance is left out."""
        clip, conditioning = given.inputs(clip, 0)
        return TiledModel(self.vdt)(clip, t, conditioning)[:, :, : clip.shape[2]]

    def _settle(self, device: torch.device) -> None:
        """Bring along what partial loading leaves behind: it only knows the layers of comfy.ops."""
        if any(tensor.device != device for tensor in (*self.parameters(), *self.buffers())):
            self.vdt.to(device)


class VDTBaseModel(comfy.model_base.BaseModel):
    """Lets stock samplers see the masked modelling of the paper: clean latents at given cells at every step."""

    def __init__(self, network: VDTNetwork) -> None:
        config = network.vdt.config
        super().__init__(_settings(network), model_type=_model_type(config.diffusion), device=mm.unet_offload_device())
        self.diffusion_model = network

    def scale_latent_inpaint(self, sigma: Tensor, noise: Tensor, latent_image: Tensor, **unused: Any) -> Tensor:
        """What stands at given cells: after the division by sqrt(sigma² + 1) that follows, the clean latents."""
        scale = torch.sqrt(sigma**2 + 1).reshape(-1, *[1] * (latent_image.ndim - 1))
        return latent_image * scale

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        """Tell a pass which cells are given, and the negative one to hide them: so CFG is the guidance by masks."""
        conds = super().extra_conds(**kwargs)
        noise, mask = kwargs["noise"], kwargs.get("denoise_mask")
        ones = torch.ones_like(noise[:, :1])
        cells = ones if mask is None else (mask[:, :1] > 0.5).to(noise)
        given = kwargs.get(GIVEN_KEY, kwargs.get("prompt_type") != "negative")
        values = (cells, torch.zeros_like(ones)) if given else (ones, 1 - cells)
        for name, value in zip(("vdt_cells", "vdt_hidden", "vdt_noise"), (*values, noise), strict=True):
            conds[name] = comfy.conds.CONDNoiseShape(value)
        if (clips := kwargs.get(CLIPS_KEY, 1)) > 1:
            conds["vdt_clips"] = comfy.conds.CONDConstant(clips)
        config = self.diffusion_model.vdt.config
        if config.text is not None:
            conds.pop("c_crossattn", None)  # hosts would pad it by repetition
            conds |= text.conds_of(config, kwargs)
        return conds

    def memory_required(self, input_shape: Any, cond_shapes: Any = None) -> float:
        """Bytes that one call needs besides the weights."""
        return self.diffusion_model.memory(input_shape[0], *input_shape[-2:])


def build_model(vdt: VDT, preview: PreviewProjection, file: Path | None = None, *, whole: bool = False) -> Any:
    """MODEL: the network under ComfyUI's memory management; `whole` see `compat.make_patcher`."""
    network = VDTNetwork(vdt, preview, file)
    compat.archive_dtypes(network)
    patcher = compat.make_patcher(VDTBaseModel(network), whole=whole)
    compat.wrap_sampling(patcher, OWN_KEY, sample_exactly)
    return patcher


def network_of(model: Any) -> VDTNetwork:
    """The network in a MODEL; ValueError if it is of another kind."""
    inner = getattr(model, "model", None)
    if not isinstance(inner, VDTBaseModel):
        raise ValueError(f"the model is {type(inner).__name__}, not a VDT: connect VDT Load Model, or use KSampler")
    return inner.diffusion_model


def conditioning(
    *, given: bool, clips: int = 1, words: list[Any] | None = None, text_guidance: float = 1.0
) -> list[Any]:
    """CONDITIONING of a pass that sees the given cells, or does not, with a text of that weight if there is one.

    `clips` says how many clips the LATENT holds: samplers see only frames. `words` is CONDITIONING of a text; without
    it the tensor is for other nodes' sake.
    """
    several = {CLIPS_KEY: clips} if clips > 1 else {}
    weight = {text.GUIDANCE_KEY: text_guidance} if text_guidance != 1 else {}
    own = {GIVEN_KEY: given, **several, **(weight if words else {})}
    return [[embeddings, {**options, **own}] for embeddings, options in words or [[torch.zeros(1, 1, 1), {}]]]


def _settings(network: VDTNetwork) -> Any:
    """What ComfyUI wants to know besides the weights; its "sqrt_linear" is the plain linear schedule."""
    config = network.vdt.config
    settings = comfy.supported_models_base.BASE(
        {"disable_unet_model_creation": True, "in_channels": config.in_channels, "dtype": network.dtype}
    )
    settings.latent_format = VDTLatents(config.diffusion, config.in_channels, network.preview)
    settings.sampling_settings = {
        "beta_schedule": "sqrt_linear",
        "linear_start": config.diffusion.beta_start,
        "linear_end": config.diffusion.beta_end,
        "timesteps": config.diffusion.num_timesteps,
        "zsnr": config.diffusion.zero_terminal_snr,
    }
    return settings


def _model_type(diffusion: DiffusionConfig) -> Any:
    types = comfy.model_base.ModelType
    return types.V_PREDICTION if diffusion.prediction == "v" else types.EPS
