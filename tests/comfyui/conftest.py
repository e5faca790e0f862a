"""A real ComfyUI, started from COMFYUI_PATH in a temporary base directory with this pack linked into custom_nodes."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from vdt import VAE_CONFIGS, VDT, AutoencoderKL, DiffusionConfig, VDTConfig, save_model, save_vae
from vdt.config import MaskSpec

MODEL = VDTConfig(  # the shipped kind of model, only smaller
    hidden_size=64,
    depth=2,
    num_heads=4,
    input_size=8,
    learn_sigma=False,
    conditioning=(MaskSpec(embed=True),),
    temporal_adaln=True,
    diffusion=DiffusionConfig(prediction="v", latent_scale=(0.9, 1.1, 1.3, 0.7), latent_shift=(0.1, -0.2, 0.05, 0.3)),
)
LEARNED = VDTConfig(hidden_size=64, depth=2, num_heads=4, input_size=8)  # the official kind: epsilon, learned variance


def sibling(name):
    """A module of this folder: pytest imports test files without their packages."""
    full = f"vdt_comfyui_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


hosts = sibling("hosts")
sibling("graphs")


@pytest.fixture(scope="session")
def host():
    found = hosts.Host.from_environment()
    if found is None:
        pytest.skip("COMFYUI_PATH is not set: it names a ComfyUI checkout to test in")
    if fault := found.fault():
        pytest.fail(f"COMFYUI_PATH: {fault}")
    return found


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A base directory with small random models, folders for input and output, and the pack."""
    folder = hosts.make_base(tmp_path_factory.mktemp("comfyui"))
    for name, config, seed in (("tiny", MODEL, 0), ("learned", LEARNED, 1)):
        save_model(drawn(VDT(config), seed), config, folder / "models/vdt" / f"{name}.safetensors")
    for name in ("tiny", "small"):
        config = VAE_CONFIGS[name]
        save_vae(drawn(AutoencoderKL(config), 2), config, folder / "models/vae" / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="session")
def server(host, base):
    with hosts.serve(host, base, "--preview-method", "auto") as running:
        yield running


@pytest.fixture(scope="session")
def start(host, base):
    """Start a server of its own with these options, as a context."""
    return lambda *options: hosts.serve(host, base, *options)


def drawn(module, seed):
    """Weights of a sensible size for every parameter: an untrained model would answer zero and prove nothing."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        norm_weight = parameter.ndim == 1 and bool((parameter == 1).all())
        parameter.data = norm_weight + noise * (0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return module.eval()
