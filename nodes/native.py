"""VDT as a native model of ComfyUI, which every stock sampler can drive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management as mm
import comfy.model_patcher
import comfy.supported_models_base
import torch
from einops import rearrange
from torch import Tensor, nn

from ..vdt.config import DiffusionConfig
from ..vdt.diffusion import Schedule, scale_latents, unscale_latents
from ..vdt.inference.memory import model_bytes
from ..vdt.inference.tiling import TiledModel
from ..vdt.masks.pixel import to_cells
from ..vdt.models.conditioning import Conditioning
from ..vdt.models.transformer import VDT
from ..vdt.visualize.latent_preview import PreviewProjection
from .convert import hard_mask

# ComfyUI has the frames of a clip as its batch: x is (n T, C, h, w), where n clips are computed at once for CFG.

GIVEN_KEY = "vdt_given"  # of a conditioning: whether its pass sees the given cells


class VDTLatents(comfy.latent_formats.LatentFormat):
    """Raw VAE latents to those the model was trained on, by its own scale and shift per channel."""

    def __init__(self, diffusion: DiffusionConfig, channels: int, preview: PreviewProjection) -> None:
        self.diffusion = diffusion
        self.latent_channels = channels
        self.latent_rgb_factors = [list(row) for row in preview.weight]
        self.latent_rgb_factors_bias = list(preview.bias)

    def process_in(self, latent: Tensor) -> Tensor:
        return scale_latents(latent, self.diffusion)

    def process_out(self, latent: Tensor) -> Tensor:
        return unscale_latents(latent, self.diffusion)


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
        vdt_cells: Tensor | None = None,
        vdt_hidden: Tensor | None = None,
        vdt_noise: Tensor | None = None,
        **unused: Any,
    ) -> Tensor:
        """Prediction (n T, C, h, w) for x (n T, C, h, w), given cells clean, and timesteps (n T,).

        vdt_cells (n T, 1, h, w) is 1 where the network is told that it generates; vdt_hidden, of that shape too, is 1
        at given cells that this pass must not see: they are noised with vdt_noise (n T, C, h, w).
        """
        clips = len((transformer_options or {}).get("cond_or_uncond", (0,)))
        self._settle(x.device)
        t = rearrange(timesteps, "(n t) -> n t", n=clips)[:, 0]
        if vdt_hidden is not None and vdt_noise is not None:
            noised = self.schedule.q_sample(x, timesteps.round().long(), vdt_noise)
            x = torch.where(vdt_hidden > 0.5, noised, x)
        cells = torch.ones_like(x[:, 0]) if vdt_cells is None else vdt_cells[:, 0]
        clip = rearrange(x, "(n t) c h w -> n t c h w", n=clips)
        mask = rearrange(cells > 0.5, "(n t) h w -> n t h w", n=clips)
        made = TiledModel(self.vdt)(clip, t, Conditioning(mask=mask))[:, :, : x.shape[1]]  # a learned variance follows
        return rearrange(made, "n t c h w -> (n t) c h w")

    def check(self, raw: Tensor) -> None:
        """ValueError for raw latents (T, C, h, w) of another VAE than this model's."""
        channels = self.vdt.config.in_channels
        if raw.shape[1] != channels:
            raise ValueError(
                f"the latent is {tuple(raw.shape)}, expected (frames, {channels}, height, width): "
                f"encode the clip with the VAE of this model"
            )

    def memory(self, frames: int, rows: int, columns: int, *, tile: int = 0) -> int:
        """Bytes that a pass over so many cells needs besides the weights: the activations of one block, all at once."""
        value_bytes = torch.finfo(self.dtype).bits // 8
        return model_bytes(self.vdt.config, frames, rows, columns, tile=tile, value_bytes=value_bytes)

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
        return conds

    def memory_required(self, input_shape: Any, cond_shapes: Any = None) -> float:
        """Bytes that one call needs besides the weights."""
        return self.diffusion_model.memory(input_shape[0], *input_shape[-2:])


def build_model(vdt: VDT, preview: PreviewProjection, file: Path | None = None) -> Any:
    """MODEL: the network under ComfyUI's memory management."""
    kind = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)  # newer ones rebind it
    model = VDTBaseModel(VDTNetwork(vdt, preview, file))
    patcher = kind(model, load_device=mm.get_torch_device(), offload_device=mm.unet_offload_device())
    if hasattr(patcher, "add_wrapper_with_key"):  # a host without stock samplers has none
        patcher.add_wrapper_with_key("outer_sample", "vdt", _sample_exactly)
    return patcher


def network_of(model: Any) -> VDTNetwork:
    """The network in a MODEL; ValueError if it is of another kind."""
    inner = getattr(model, "model", None)
    if not isinstance(inner, VDTBaseModel):
        raise ValueError(f"the model is {type(inner).__name__}, not a VDT: connect VDT Load Model, or use KSampler")
    return inner.diffusion_model


def conditioning(*, given: bool) -> list[Any]:
    """CONDITIONING of a pass that sees the given cells, or does not; its tensor is for other nodes' sake."""
    return [[torch.zeros(1, 1, 1), {GIVEN_KEY: given}]]


def _sample_exactly(
    executor: Any,
    noise: Tensor,
    latent_image: Tensor,
    sampler: Any,
    sigmas: Tensor,
    denoise_mask: Tensor | None = None,
    *others: Any,
    **options: Any,
) -> Tensor:
    """Around a whole stock sampling: hard latent cells as the mask, and given cells back bit for bit.

    A cell is generated if any of its pixels is, where ComfyUI would look at its middle only. Where sampling starts from
    pure noise, what stood at generated cells is taken away: ComfyUI would mix a little of it in.
    """
    mask = hard_mask(denoise_mask)
    if mask is None:
        return executor(noise, latent_image, sampler, sigmas, denoise_mask, *others, **options)
    grid = (len(latent_image), *latent_image.shape[-2:])
    cells = to_cells(mask, grid)[:, None].to(latent_image.device)  # (T, 1, h, w)
    patcher = executor.class_obj.model_patcher
    start = latent_image
    if float(sigmas[0]) >= float(patcher.get_model_object("model_sampling").sigma_max) * (1 - 1e-5):
        empty = patcher.get_model_object("latent_format").process_out(torch.zeros_like(latent_image))
        start = torch.where(cells, empty, latent_image)
    made = executor(noise, start, sampler, sigmas, cells.float(), *others, **options)
    return torch.where(cells.to(made.device), made, latent_image.to(made))


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
