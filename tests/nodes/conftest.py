"""The pack as a host loads it, over the runner's small stand-in for ComfyUI's interface."""

import importlib

import pytest
import torch

from vdt_studio import shim
from vdt_studio.pack import default_pack, load_pack
from vdt_studio.paths import Folders


@pytest.fixture
def folders(tmp_path):
    made = Folders(**{name: tmp_path / name for name in ("input", "output", "temp", "models")})
    for name in ("input", "output", "temp", "models/vdt", "models/vae"):
        (tmp_path / name).mkdir(parents=True)
    shim.install(made, device="cpu")
    return made


@pytest.fixture
def pack(folders):
    """Import a module of the pack by its dotted name; its library is a copy of its own, not the `vdt` of the tests."""
    root = load_pack(default_pack()).__name__
    importlib.import_module(f"{root}.nodes.host.files").register_model_folder()
    return lambda name: importlib.import_module(f"{root}.{name}")


@pytest.fixture
def models(folders, pack, tiny_model, tiny_vae):
    """MODEL and VAE of tiny files with drawn weights, as the loaders give them."""
    from vdt.checkpoints import save_model, save_vae

    save_model(tiny_model, tiny_model.config, folders.models / "vdt" / "tiny.safetensors")
    save_vae(tiny_vae, tiny_vae.config, folders.models / "vae" / "tiny.safetensors")
    loaders = pack("nodes.loaders")
    model = loaders.VDTLoadModel.execute("tiny.safetensors", "auto")
    vae = loaders.VDTLoadVAE.execute("tiny.safetensors")
    return model.result[0], vae.result[0]


@pytest.fixture
def images():
    """IMAGE of 6 frames of 64x64 with 8-bit values."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 64, 64, 3), generator=generator).float() / 255
