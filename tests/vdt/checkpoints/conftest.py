"""Files to load and convert, a pickle that is a trap, and the sentence with which a call is refused."""

import os

import pytest
import torch

from vdt.checkpoints import CheckpointError, save_model, save_vae
from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.media.files import WriteError


@pytest.fixture
def model_file(tiny_model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(tiny_model, VDT_CONFIGS["VDT-Tiny/2"], path, {"note": "drawn"})
    return path


@pytest.fixture
def vae_file(tiny_vae, tmp_path):
    path = tmp_path / "vae.safetensors"
    save_vae(tiny_vae, VAE_CONFIGS["tiny"], path)
    return path


@pytest.fixture
def official(golden):
    """The weights of a file as the official code writes it."""
    return torch.load(golden / "official_tiny.pt", weights_only=True)


class Trap:
    """A pickle that makes a folder when it is opened carelessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap():
    return Trap


@pytest.fixture
def refusal():
    """The sentence with which a call is refused; nothing but CheckpointError or WriteError may come out."""

    def of(action, *args, **kwargs):
        with pytest.raises((CheckpointError, WriteError)) as caught:
            action(*args, **kwargs)
        message = str(caught.value)
        assert "\n" not in message.strip()
        return message

    return of
