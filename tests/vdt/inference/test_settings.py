"""Windows and compositing: the model's own numbers in place of zeros, the measured defaults, and what is refused."""

import dataclasses

import pytest

from vdt.config import VDT_CONFIGS
from vdt.inference.settings import CompositingConfig, GenerationConfig, SamplingConfig, WindowConfig

TINY = VDT_CONFIGS["VDT-Tiny/2"]  # 6 frames, 8x8 cells


def test_zeros_are_what_the_model_was_trained_with():
    assert WindowConfig().resolve(TINY) == WindowConfig(frames=6, overlap=3, tile=8)
    assert WindowConfig(frames=10).resolve(TINY) == WindowConfig(frames=10, overlap=5, tile=8)
    assert WindowConfig(overlap=2, tile=20).resolve(TINY) == WindowConfig(frames=6, overlap=2, tile=20)
    resolved = WindowConfig(frames=9, overlap=4).resolve(TINY)
    assert resolved.resolve(TINY) == resolved


def test_a_model_of_single_frames_has_windows_all_the_same():
    image_model = dataclasses.replace(TINY, num_frames=1)
    assert WindowConfig().resolve(image_model) == WindowConfig(frames=3, overlap=1, tile=8)


def test_windows_need_room_for_known_and_new_frames():
    for frames, overlap in ((16, 15), (16, 16), (8, 7), (8, 9), (6, 5), (2, 1)):
        with pytest.raises(ValueError, match=rf"windows of {frames} frames that overlap by {overlap}: expected 3"):
            WindowConfig(frames=frames, overlap=overlap).resolve(TINY)
    with pytest.raises(ValueError, match="windows of 6 frames that overlap by 5"):
        WindowConfig(overlap=5).resolve(TINY)


def test_windows_are_whole_numbers_from_zero_on():
    for name in ("frames", "overlap", "tile"):
        for value in (-1, 1.5, "8", True, None):
            with pytest.raises(ValueError, match=f"{name} of a window must be a whole number of 0 or more"):
                WindowConfig(**{name: value})


def test_compositing_is_measured_in_levels_and_zero_is_off():
    assert dataclasses.asdict(CompositingConfig()) == {"static_background": 24.0, "color_match": 24.0}
    CompositingConfig(static_background=0, color_match=-1)
    for name in ("static_background", "color_match"):
        for value in (float("nan"), float("inf")):
            with pytest.raises(ValueError, match=f"{name} must be a number, got {value}"):
                CompositingConfig(**{name: value})


def test_settings_cannot_be_changed_and_take_names_only():
    for record in (WindowConfig(), CompositingConfig(), SamplingConfig(), GenerationConfig()):
        name = dataclasses.fields(record)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, 1)
        with pytest.raises(TypeError):
            type(record)(1)


def test_a_run_has_the_defaults_of_its_parts():
    run = GenerationConfig()
    assert (run.sampling, run.windows, run.compositing) == (SamplingConfig(), WindowConfig(), CompositingConfig())
    assert run.seed == 0
