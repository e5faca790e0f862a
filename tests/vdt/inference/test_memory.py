"""The memory that work needs is known before the run, and depends on nothing but sizes."""

import contextlib

import numpy as np
import pytest
import torch

from vdt.bounds import free_bytes
from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.inference import memory
from vdt.inference.codec import AutoencoderCodec
from vdt.inference.generate import generate_window
from vdt.inference.memory import (
    FRAMES_AT_ONCE,
    check_memory,
    frames_at_once,
    is_out_of_memory,
    model_bytes,
    vae_bytes,
)
from vdt.inference.settings import SamplingConfig
from vdt.models.transformer import VDT


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
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 2**30)
    check_memory(2**30)
    with pytest.raises(ValueError, match=r"about 3\.0 GiB of memory, 1\.0 GiB are free"):
        check_memory(3 * 2**30)
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: None)
    check_memory(2**60)


# ---- Where memory runs out after all ---------------------------------------------------------------------------------


ALLOCATOR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


def test_allocation_errors_of_every_library_are_known():
    class OutOfMemoryError(RuntimeError):
        """As torch names its own."""

    for error in (
        RuntimeError(ALLOCATOR),
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("Storage size calculation overflowed with sizes=[9223372036854775807]"),
        ValueError("Maximum allowed dimension exceeded"),
    ):
        assert is_out_of_memory(error), error
    for error in (
        RuntimeError("a defect"),
        ValueError("a bad value"),
        KeyboardInterrupt(),
        memory.OutOfMemoryError("x"),
    ):
        assert not is_out_of_memory(error), error


def test_pictures_are_coded_in_ever_smaller_parts_until_they_fit(tiny_vae, monkeypatch, caplog):
    frames = np.random.default_rng(0).integers(0, 256, (8, 128, 128, 3)).astype(np.uint8)
    codec = AutoencoderCodec(tiny_vae)
    whole = codec.encode(frames)
    shown = codec.decode(whole, (128, 128))
    for room, said in ((4 * 128 * 128, "4 frames at a time"), (128 * 128, "1 frame at a time"), (64 * 64, "64 pixels")):
        caplog.clear()
        codec = AutoencoderCodec(tiny_vae)
        with limited(monkeypatch, tiny_vae, room):
            made, decoded = codec.encode(frames), codec.decode(whole, (128, 128))
            messages = [record.getMessage() for record in caplog.records]
            assert said in messages[-1] and "8 frames of 128x128 ran out of memory" in messages[-1]
            codec.decode(whole, (128, 128))
            assert len(caplog.records) == len(messages)  # what fitted is kept to
        if room >= 128 * 128:
            torch.testing.assert_close(made, whole, rtol=1e-3, atol=1e-3)
            assert np.abs(decoded.astype(int) - shown).max() <= 1
        assert made.shape == whole.shape and decoded.shape == shown.shape


def test_what_fits_in_no_way_is_refused_with_both_numbers_and_may_fit_another_time(tiny_vae, monkeypatch):
    codec = AutoencoderCodec(tiny_vae)
    frames = np.zeros((3, 128, 128, 3), np.uint8)
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 2**30)
    with (
        limited(monkeypatch, tiny_vae, 0),
        pytest.raises(
            ValueError,
            match=r"encoding 1 frames of 128x128 does not fit, not even with one frame.*, 1\.0 GiB of memory are free",
        ),
    ):
        codec.encode(frames)
    assert codec.encode(frames).shape == (3, 4, 16, 16)


def test_a_window_is_generated_in_ever_smaller_parts_until_it_fits(tiny_model, monkeypatch, caplog):
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(3, 6, 4, 16, 16, generator=generator)
    cells = torch.zeros(6, 16, 16, dtype=torch.bool)
    cells[3:] = True
    sampling = SamplingConfig(steps=2, guidance=1.0)

    def generate():
        return generate_window(tiny_model, raw, cells, seeds=[1, 2, 3], sampling=sampling)

    whole = generate()
    forward = VDT.forward
    for room, said in (
        (8 * 64, "one clip at a time"),
        (4 * 64, "4 tiles at a time"),
        (64, "1 tile at a time"),
        (16, "4 latent"),
    ):
        caplog.clear()

        def short(self, x, *arguments, room=room):
            if x.shape[0] * x.shape[-1] * x.shape[-2] > room:
                raise RuntimeError(ALLOCATOR)
            return forward(self, x, *arguments)

        monkeypatch.setattr(VDT, "forward", short)
        made = generate()
        monkeypatch.setattr(VDT, "forward", forward)
        assert said in caplog.records[-1].getMessage()
        assert torch.equal(made[:, :3], raw[:, :3])
        if room >= 64:
            torch.testing.assert_close(made, whole, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(VDT, "forward", lambda *_: (_ for _ in ()).throw(RuntimeError(ALLOCATOR)))
    with pytest.raises(memory.OutOfMemoryError, match="generating 3 x 6 frames of 16x16 latent cells does not fit"):
        generate()
    monkeypatch.setattr(VDT, "forward", lambda *_: (_ for _ in ()).throw(RuntimeError("a defect")))
    with pytest.raises(RuntimeError, match="a defect"):
        generate()


@contextlib.contextmanager
def limited(monkeypatch, vae, room):
    """An autoencoder that has memory for so many pixels at once."""
    encode, decode = type(vae).encode, type(vae).decode

    def short(function, scale):
        def run(self, x):
            if x.shape[0] * x.shape[-1] * x.shape[-2] * scale**2 > room:
                raise RuntimeError(ALLOCATOR)
            return function(self, x)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(type(vae), "encode", short(encode, 1))
        patch.setattr(type(vae), "decode", short(decode, vae.config.downscale))
        yield
