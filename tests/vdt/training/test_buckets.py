"""Several lengths and shapes in one run: each batch is of one of them, and one model makes them all."""

import numpy as np
import pytest
import torch

from vdt.checkpoints import load_model
from vdt.cli import main
from vdt.config import VDT_CONFIGS
from vdt.models.transformer import VDT
from vdt.physics.scenes import SceneClip, crop_scene
from vdt.training import read_recipe
from vdt.training.data import LatentClips, LatentSet
from vdt.training.loop import Loop
from vdt.training.objectives import VDTObjective
from vdt.training.recipe import BucketRecipe, DataRecipe, VDTRecipe

BUCKETS = """
[[data.buckets]]
frames = 2
size = 32
[[data.buckets]]
frames = 4
height = 16
width = 32
[[data.buckets]]
frames = 3
height = 48
width = 16
"""


def test_a_batch_is_of_one_bucket_by_weight():
    shapes = {(2, 4, 4): 3.0, (4, 2, 4): 1.0, (3, 6, 2): 1.0}
    sets = [
        LatentSet(latents=torch.zeros(3, frames, 4, h, w).half(), weight=weight)
        for (frames, h, w), weight in shapes.items()
    ]
    clips = LatentClips(latents=sets[0].latents, weight=3.0, others=tuple(sets[1:]), vae=None, shown=None, preview=None)
    buckets = tuple(BucketRecipe(frames=t, height=8 * h, width=8 * w, weight=v) for (t, h, w), v in shapes.items())
    made = VDTObjective(VDT(VDT_CONFIGS["VDT-Tiny/2"]), clips, VDTRecipe(data=DataRecipe(buckets=buckets)))
    generator = torch.Generator().manual_seed(0)
    drawn = [made.draw(2, generator, torch.device("cpu"))[0].x0.shape for _ in range(300)]
    counts = {shape: drawn.count((2, shape[0], 4, *shape[1:])) / 300 for shape in shapes}
    assert sum(counts.values()) == 1
    assert counts[(2, 4, 4)] == pytest.approx(0.6, abs=0.08) and min(counts.values()) > 0.12


def test_one_run_learns_three_lengths_and_shapes_and_is_evaluated_at_each(workbench, monkeypatch):
    seen = set()
    take = Loop._draw

    def watched(self, generator):
        batch = take(self, generator)
        seen.add(tuple(batch[0].x0.shape))
        return batch

    monkeypatch.setattr(Loop, "_draw", watched)
    result = workbench.train("many", optim="steps = 12", tables=BUCKETS)
    assert seen == {(4, 2, 4, 4, 4), (4, 4, 4, 2, 4), (4, 3, 4, 6, 2)}
    assert load_model(result.weight).config.num_frames == 4
    files = ["--model", str(result.weight), "--vae", str(workbench.folder / "vae.safetensors"), "--device", "cpu"]
    clips = ["--folder", str(workbench.folder / "videos"), "--count", "2", "--steps", "2", "--given", "1"]
    for frames, size, shape in ((2, "32", [32, 32]), (4, "16x32", [16, 32]), (3, "48x16", [48, 16])):
        path = workbench.folder / f"{size}.json"
        assert main(["evaluate", *clips, *files, "--frames", str(frames), "--size", size, "--json", str(path)]) == 0
        assert f'"size": [\n    {shape[0]},\n    {shape[1]}\n  ]' in path.read_text()


def test_buckets_are_refused_where_they_say_too_little_or_too_much(workbench):
    for text, words in (
        ("frames = 4", "needs size, or height and width, got size 0, 0x0"),
        ("size = 32\nheight = 16\nwidth = 16", "needs size, or height and width"),
        ("height = 16", "needs size, or height and width, got size 0, 16x0"),
        ("size = 32\nweight = 0", "all weigh 0"),
        ("side = 32", "unknown setting 'side'"),
    ):
        with pytest.raises(ValueError, match=words):
            read_recipe(workbench.recipe("bad", tables=f"[[data.buckets]]\n{text}\n"))
    with pytest.raises(ValueError, match=r"data: buckets is 3, expected tables \[\[buckets\]\]"):
        read_recipe(workbench.recipe("bad", data="buckets = 3"))


def test_a_cropped_scene_keeps_its_truth():
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    silhouettes = np.zeros((2, 2, 8, 8), bool)
    silhouettes[0, :, 2:6, 3:5] = True
    silhouettes[1, :, 0:4, 6:8] = True  # above and on the right
    frames[0, 3, 4] = 255
    clip = SceneClip(
        frames=frames,
        family="roll",
        seed=1,
        split="val",
        names=("ball", "ball"),
        centres=np.array([[[4.0, 4.0]] * 2, [[6.5, 1.5]] * 2], np.float32),
        visible=np.ones((2, 2), np.float32),
        silhouettes=silhouettes,
        colours=np.zeros((2, 3), np.uint8),
        radius=np.full(2, 2, np.float32),
        contact_frame=1,
    )
    wide = crop_scene(clip, 4, 8)
    assert wide.frames.shape == (2, 4, 8, 3) and wide.frames[0, 1, 4].tolist() == [255] * 3
    assert wide.centres[:, 0].tolist() == [[4.0, 2.0], [6.5, -0.5]]
    assert wide.visible[:, 0].tolist() == [1.0, 0.5] and wide.silhouettes.shape == (2, 2, 4, 8)
    assert crop_scene(clip, 8, 4).centres[0, 0].tolist() == [2.0, 4.0]
    assert crop_scene(clip, 8, 4).visible[1].tolist() == [0.0, 0.0]
    assert crop_scene(clip, 8, 8) is clip and wide.contact_frame == 1
