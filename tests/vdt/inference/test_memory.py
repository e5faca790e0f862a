"""The memory that work needs is known before the run, and depends on nothing but sizes."""

import pytest

from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.inference.memory import FRAMES_AT_ONCE, check_memory, frames_at_once, free_bytes, model_bytes, vae_bytes


def test_large_frames_are_worked_on_fewer_at_a_time():
    assert frames_at_once(64, 64) == frames_at_once(512, 512) == FRAMES_AT_ONCE
    assert (frames_at_once(1024, 512), frames_at_once(3840, 2160)) == (4, 1)


def test_needs_grow_with_what_they_are_of():
    vae, model = VAE_CONFIGS["small"], VDT_CONFIGS["VDT-S/2"]
    assert vae_bytes(vae, 128, 128) == 4 * vae_bytes(vae, 64, 64)
    assert (
        model_bytes(model, 32, 8, 8)
        == 2 * model_bytes(model, 16, 8, 8)
        == 4 * model_bytes(model, 32, 8, 8, value_bytes=2) / 2
    )
    assert model_bytes(model, 16, 8, 8) == 16 * 16 * model.hidden_size * (model.mlp_ratio + 16) * 4


def test_what_cannot_fit_is_refused_with_both_numbers(monkeypatch):
    free = free_bytes()
    assert free is None or free > 0
    monkeypatch.setattr("vdt.inference.memory.free_bytes", lambda: 2**30)
    check_memory(2**30)
    with pytest.raises(ValueError, match=r"about 3\.0 GiB of memory, 1\.0 GiB are free"):
        check_memory(3 * 2**30)
    monkeypatch.setattr("vdt.inference.memory.free_bytes", lambda: None)
    check_memory(2**60)
