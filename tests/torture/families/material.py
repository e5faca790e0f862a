"""Small networks, clips, videos and a studio that families work with."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..outcomes import ROOT

WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
RECIPES = sorted((ROOT / "vdt/training/recipes").glob("*.toml"))


def tiny_model() -> Any:
    """A VDT of the smallest size, every weight drawn, that takes what the tiny VAE makes."""
    from vdt.config import VDT_CONFIGS
    from vdt.models.transformer import VDT

    return drawn(VDT(VDT_CONFIGS["VDT-Tiny/2"]), 0)


def tiny_vae() -> Any:
    import torch

    from vdt.config import VAE_CONFIGS
    from vdt.models.autoencoder import AutoencoderKL

    return drawn(AutoencoderKL(VAE_CONFIGS["tiny"]), 1).to(memory_format=torch.channels_last)


def drawn(module: Any, seed: int) -> Any:
    """A module whose every weight is drawn, near what layers of its kind begin with."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_scale = parameter.ndim == 1 and bool((parameter == 1).all())
        parameter.data = is_scale + noise * (0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return module.eval()


def tiny_pipeline() -> Any:
    from vdt.inference.pipeline import Pipeline

    return Pipeline(tiny_model(), tiny_vae())


def square(count: int = 12, height: int = 40, width: int = 48, shade: int = 40) -> np.ndarray:
    """Frames of a square that moves, uint8 (T, H, W, 3)."""
    frames = np.full((count, height, width, 3), shade, np.uint8)
    for number in range(count):
        frames[number, 10:20, 3 * number : 3 * number + 10] = (250, 30, 120)
    return frames


def tone(seconds: float, rate: int = 16_000) -> np.ndarray:
    """A sine, float32 (1, n)."""
    return (np.sin(np.arange(round(seconds * rate)) * (2 * np.pi * 440 / rate)) / 2).astype(np.float32)[None]


def write_clip(path: Path, count: int = 12, *, sound: bool = False, shade: int = 40) -> None:
    """An mp4 as the library writes it."""
    from vdt.media.types import Sound
    from vdt.media.video import write_video

    track = Sound(samples=tone(count / 8), rate=16_000) if sound else None
    write_video(path, square(count, shade=shade), Fraction(8), sound=track)


def write_wave(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((tone(0.3, 8000)[0] * 32000).astype("<i2").tobytes())


def save_tiny(folder: Path) -> tuple[Path, Path]:
    """The tiny model and VAE as files."""
    from vdt.checkpoints import save_model, save_vae

    folder.mkdir(parents=True, exist_ok=True)
    model, vae = tiny_model(), tiny_vae()
    save_model(model, model.config, folder / "model.safetensors")
    save_vae(vae, vae.config, folder / "vae.safetensors")
    return folder / "model.safetensors", folder / "vae.safetensors"


def open_studio(folder: Path, *, cache: bool = False) -> Any:
    """A studio with the pack of this checkout and folders of its own, a clip and a picture in its inputs."""
    from PIL import Image

    from vdt_studio.paths import Folders
    from vdt_studio.studio import Studio

    places = {name: folder / name for name in ("input", "output", "temp", "models")}
    for place in places.values():
        place.mkdir(parents=True)
    studio = Studio.open(Folders(**places), device="cpu", cache=cache)
    write_clip(places["input"] / "clip.mp4")
    Image.fromarray(square(1)[0]).save(places["input"] / "picture.png")
    return studio
