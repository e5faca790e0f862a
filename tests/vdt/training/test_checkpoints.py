"""What a run leaves and goes on from: checkpoints of older versions, of both forms, and weights in small files."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vdt.checkpoints import CheckpointError, describe, load_model
from vdt.training.parallel import checkpoints
from vdt.training.parallel.checkpoints import BESIDE, CHECKPOINT, FOLDER, LABEL
from vdt.training.recipe import OptimRecipe, VAERecipe, VDTRecipe
from vdt.training.state import recipe_differences, recipe_json

# What recipes could not say before.
NEW = {
    "": ("mode", "images", "text"),
    "optim": ("ema_long", "accumulate", "activation_checkpointing"),
    "run": ("minutes", "clock", "weights_every", "parallel"),
    "data": ("buckets",),
    "model": ("attention", "time_positions"),
}


def as_before(text):
    values = json.loads(text)
    for table, names in NEW.items():
        for name in names:
            (values[table] if table else values).pop(name, None)
    for spec in values["model"].get("conditioning", []):
        spec.pop("kind", None)
    return json.dumps(values)


def test_a_recipe_of_an_older_version_differs_in_nothing_that_it_could_not_say():
    for recipe in (VDTRecipe(tasks={"predict": 1.0}), VAERecipe()):
        assert recipe_differences(as_before(recipe_json(recipe)), recipe_json(recipe)) == []
    changed = VDTRecipe(tasks={"predict": 1.0}, mode="spatial", optim=OptimRecipe(ema_long=0.9))
    assert recipe_differences(as_before(recipe_json(VDTRecipe(tasks={"predict": 1.0}))), recipe_json(changed)) == [
        "mode is spatial, was joint",
        "optim.ema_long is 0.9, was 0.0",
    ]


def test_how_a_batch_is_computed_may_change_between_a_checkpoint_and_what_goes_on():
    how = OptimRecipe(accumulate=4, activation_checkpointing=True, compile=True, steps=5)
    assert recipe_differences(recipe_json(VDTRecipe()), recipe_json(VDTRecipe(optim=how))) == []


def test_a_checkpoint_of_an_older_version_goes_on_with_a_new_average_that_begins_with_the_old_one(workbench):
    workbench.train("run", optim="steps = 2")
    path = workbench.folder / "run" / CHECKPOINT
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    tensors = {name: value.clone() for name, value in load_file(path).items()}  # older safetensors map the file
    del metadata["seconds"]
    save_file(tensors, path, {**metadata, "recipe": as_before(metadata["recipe"])})
    workbench.train("run", optim="steps = 2\nema_long = 0.9", changed=True)
    after = load_file(path)
    averages = [name for name in after if name.startswith("ema_long.")]
    assert averages and all(torch.equal(after[name], tensors[name.replace("ema_long", "ema")]) for name in averages)


def test_the_checkpoint_with_the_most_steps_is_the_one_that_goes_on_whichever_form_it_has(tmp_path):
    assert checkpoints.newest(tmp_path) is None
    save_file({"a": torch.zeros(1)}, tmp_path / CHECKPOINT, {"step": "5", "recipe": "{}"})
    assert checkpoints.newest(tmp_path) == tmp_path / CHECKPOINT
    for name, step in ((FOLDER, 3), (BESIDE, 9)):
        (tmp_path / name).mkdir()
        assert checkpoints.newest(tmp_path) == tmp_path / CHECKPOINT  # nothing of a folder counts before it is whole
        (tmp_path / name / LABEL).write_text(json.dumps({"step": str(step)}))
    assert checkpoints.newest(tmp_path) == tmp_path / BESIDE
    (tmp_path / BESIDE / LABEL).write_text("{")
    assert checkpoints.newest(tmp_path) == tmp_path / CHECKPOINT
    (tmp_path / CHECKPOINT).write_bytes(b"damaged")
    assert checkpoints.newest(tmp_path) == tmp_path / FOLDER


def test_weights_are_written_while_a_run_goes_on_in_files_below_16_mib(workbench, ticking, monkeypatch):
    """Hugging Face's form: an index names the file of every tensor; the folder loads at any time."""
    monkeypatch.setattr("vdt.checkpoints.shards.MAX_PIECE", 40_000)
    seen = []
    write = "vdt.checkpoints.shards.write_text"
    from vdt.media.files import write_text

    def watched(text, path):
        write_text(text, path)
        seen.append(load_model(path.parent))

    monkeypatch.setattr(write, watched)
    result = workbench.train("run", optim="steps = 7", run="weights_every = 2.0")
    assert len(seen) >= 2
    folder = result.folder / "run-weights"
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    assert files == sorted(set(index["weight_map"].values())) and len(files) > 2
    assert index["metadata"]["total_size"] == 2 * sum(value.numel() for value in seen[-1].state_dict().values())
    first = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(first) == set(seen[-1].state_dict())
    for path in (folder, folder / "model.safetensors.index.json"):
        assert describe(path).config == seen[-1].config and describe(path).num_tensors == len(first)
    (folder / files[0]).unlink()
    with pytest.raises(CheckpointError, match="get it again"):
        load_model(folder)
    wrong = ("{}", [1], *({"a": name} for name in ("../a.safetensors", {"b": "c"}, 1, None)), {})
    for text in ("x", *(json.dumps({"weight_map": each}) for each in wrong)):
        (folder / "model.safetensors.index.json").write_text(text)
        with pytest.raises(CheckpointError, match="weight_map"):
            load_model(folder)
