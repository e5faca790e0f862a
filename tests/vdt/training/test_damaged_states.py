"""States of runs that something has damaged: what is missing or wrong is said, and nothing is trained on from it."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from vdt.training.loop import new_state
from vdt.training.recipe import OptimRecipe


def test_a_damaged_state_is_one_sentence(tmp_path, tiny_model):
    """Entries that are missing, of another shape or kind, and metadata that no run writes."""
    state = new_state(tiny_model, OptimRecipe(), 0)
    state.save(tmp_path / "good.safetensors", "{}")
    good, said = load_file(tmp_path / "good.safetensors"), {"kind": "training", "step": "3", "recipe": "{}"}
    name = next(key for key in good if key.startswith("ema."))
    wide = torch.zeros(3, 3)
    moments = {f"optimizer.adamw/{name[4:]}/exp_avg": wide}
    cases = (
        ({key: value for key, value in good.items() if key != name}, said),
        ({**good, name: torch.zeros(1)}, said),
        ({**good, "generator": torch.zeros(5)}, said),
        ({key: value for key, value in good.items() if key != "generator"}, said),
        ({**good, **moments}, said),
        (good, {**said, "step": "many"}),
        (good, {**said, "step": "-1"}),
        (good, {**said, "recipe": "{"}),
        (good, {**said, "recipe": "[1]"}),
        (good, {"kind": "training"}),
    )
    for tensors, metadata in cases:
        save_file(tensors, tmp_path / "bad.safetensors", metadata)
        with pytest.raises(ValueError, match=r"bad.safetensors(: it is damaged| is no checkpoint)") as caught:
            state.load(tmp_path / "bad.safetensors", "{}")
        assert "\n" not in str(caught.value) and "--fresh" in str(caught.value)
    save_file({**good, "optimizer.x": wide}, tmp_path / "more.safetensors", said)
    state.load(tmp_path / "more.safetensors", "{}")
    assert state.step == 3
