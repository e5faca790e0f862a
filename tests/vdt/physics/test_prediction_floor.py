"""The prediction floor: which clips it is taken over, and that it is the error of a fit of what is seen."""

import numpy as np
import pytest

from vdt.physics.prediction_floor import floor_line, is_smooth, prediction_floor

GENERATED = np.arange(16) >= 8
T = np.arange(16, dtype=np.float64)
FLYING = np.stack([6 + 2.0 * T, 10 + 0.08 * T**2], axis=1)
BOUNCING = np.stack([6 + 2.0 * T, 10 + 2.0 * np.abs(T - 8)], axis=1)


@pytest.fixture
def pipeline(exact_pipeline):
    return exact_pipeline(16, 6)


def test_a_bounce_or_a_push_is_not_smooth(make_clip):
    assert is_smooth(make_clip(FLYING))
    assert not is_smooth(make_clip(BOUNCING))


def test_a_parabola_is_predicted_as_well_as_it_is_seen(make_clip, pipeline):
    record = prediction_floor(pipeline, [make_clip(FLYING), make_clip(BOUNCING)], GENERATED)
    assert record["clips"] == 1 and record["pixels_px"] < 0.5
    assert record["vae_px"] == pytest.approx(record["pixels_px"], abs=0.05)  # this autoencoder loses nothing


def test_what_the_autoencoder_loses_raises_the_floor(make_clip, pipeline, monkeypatch):
    shift = [0, 1, 0, 0, 1, 1, 0, 1]  # px: an autoencoder that puts the ball where it is not

    decode = type(pipeline.codec).decode

    def shaken(codec, latents, size):
        frames = decode(codec, latents, size)
        return np.stack([np.roll(frame, step, axis=0) for frame, step in zip(frames, shift, strict=True)])

    monkeypatch.setattr(type(pipeline.codec), "decode", shaken)
    record = prediction_floor(pipeline, [make_clip(FLYING)], GENERATED)
    assert record["vae_px"] > 2 * record["pixels_px"]


def test_the_floor_is_one_sentence(make_clip):
    record = prediction_floor(None, [make_clip(FLYING)], GENERATED)
    assert "1 clips" in floor_line(record) and "VAE" not in floor_line(record)
    assert floor_line(prediction_floor(None, [make_clip(BOUNCING)], GENERATED)).endswith("moves smoothly.")
