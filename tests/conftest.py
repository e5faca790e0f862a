"""Fixtures shared by all tests: tiny networks with drawn weights, and the recorded answers in tests/golden."""

import gc
import os
import sys
from pathlib import Path

import pytest
import torch

from vdt.config import VAE_CONFIGS, VDT_CONFIGS


def pytest_configure() -> None:
    """Where several processes share the tests, each computes on one core."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """What was collected stays to the end, so that garbage is not sought in it, as whatever runs out of memory does."""
    if "hypothesis" in sys.modules:  # it is where all is collected; it warns of what it cannot find when it loads later
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the recorded answers of other implementations."""
    return Path(__file__).parent / "golden"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request, monkeypatch) -> torch.device:
    """Every device on which recorded answers must come out; convolutions of a GPU in full float32."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return torch.device(request.param)


@pytest.fixture
def tiny_model():
    """A VDT whose every weight is drawn: as initialised it would answer zero and prove nothing."""
    from vdt.models.transformer import VDT

    return drawn(VDT(VDT_CONFIGS["VDT-Tiny/2"]), seed=0)


@pytest.fixture
def tiny_vae():
    """An autoencoder of the smallest size with drawn weights, laid out in memory as `load_vae` does."""
    from vdt.models.autoencoder import AutoencoderKL

    return drawn(AutoencoderKL(VAE_CONFIGS["tiny"]), seed=1).to(memory_format=torch.channels_last)


@pytest.fixture
def studio(tmp_path):
    """The runner over the pack as it stands here, with empty folders."""
    from vdt_studio.paths import Folders
    from vdt_studio.studio import Studio

    folders = {name: tmp_path / name for name in ("input", "output", "temp", "models")}
    for folder in folders.values():
        folder.mkdir()
    return Studio.open(Folders(**folders), device="cpu")


def drawn(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        norm_weight = parameter.ndim == 1 and bool((parameter == 1).all())  # layer and group norms stay near one
        parameter.data = norm_weight + noise * (0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return module.eval()
