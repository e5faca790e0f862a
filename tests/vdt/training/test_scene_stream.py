"""Clips that come while a model trains: which ones a step sees, and that a run resumes exactly."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file

from vdt.training import train_from_recipe
from vdt.training.data import scene_stream
from vdt.training.data.scene_stream import SceneStream, every_caption, scenes_at
from vdt.training.recipe import BucketRecipe, DataRecipe

pytest.importorskip("mujoco", reason="scenes need the extra 'train'")
pytest.importorskip("tensorboard", reason="training needs the extra 'train'")
from vdt.physics.language import SceneFacts, captions, facts_of_windows
from vdt.physics.scenes import SPLITS, cast_frames, simulate

RECIPE = """kind = "vdt"
vae = "vae.safetensors"
[model]
name = "VDT-Tiny/2"
num_frames = 3
input_size = 2
{model}
[data]
source = "scenes"
size = 16
num_frames = 4
clips = 8
first = 4
fresh = 0.5
[optim]
steps = {steps}
batch = 4
warmup = 2
[run]
save_every = 1000
sheet_every = 1000
{tables}
"""


CHUNK = 4


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("CHUNK", "TASK"):
        monkeypatch.setattr(scene_stream, name, CHUNK)


@pytest.fixture
def threads(monkeypatch):
    """Threads in the place of processes, which take seconds to start."""
    pool = lambda workers, mp_context, initializer: ThreadPoolExecutor(1)  # noqa: E731
    monkeypatch.setattr(scene_stream, "ProcessPoolExecutor", pool)


def stream_of(vae, **changes):
    recipe = DataRecipe(**{"size": 16, "num_frames": 2, "clips": 2 * CHUNK, "first": CHUNK, "fresh": 1.0, **changes})
    return SceneStream(recipe, vae, torch.device("cpu"), per_set=CHUNK / 2, texts=2)


def test_the_newest_scenes_are_there_each_before_its_mirror_image(tiny_vae, threads):
    stream = stream_of(tiny_vae)
    counts = [len(stream.next_set().latents) // 2 for _ in range(6)]
    assert counts == [4, 4, 8, 8, 8, 8] == [min(scenes_at(step, CHUNK / 2, CHUNK), 8) for step in range(6)]
    assert stream.made == 12
    found = stream.next_set()  # the first two chunks have made room for the third and the fourth
    for row, scene in ((0, 8), (5, 13)):
        motion = simulate(SPLITS["train"][scene], num_frames=2)
        frames = cast_frames([motion], size=16)
        assert torch.equal(found.latents[2 * row], stream.encode(frames)[0])
        assert torch.equal(found.latents[2 * row + 1], stream.encode(frames.flip(3))[0])
        facts = SceneFacts.of(motion)
        assert found.captions[2 * row] == captions(facts)
        assert found.captions[2 * row + 1] == captions(facts.mirrored())
    assert set(found.captions) <= set(every_caption())


def test_a_set_depends_on_the_step_alone(tiny_vae, threads):
    first, later = stream_of(tiny_vae), stream_of(tiny_vae)
    for _ in range(8):
        gone = first.next_set()
    later.step = 7
    come = later.next_set()
    assert torch.equal(gone.latents, come.latents) and list(gone.captions) == list(come.captions)


def test_a_run_resumes_exactly(material, threads):
    def train(name, steps):
        path = material / f"{name}.toml"
        path.write_text(RECIPE.format(steps=steps, model="", tables=""))
        return load_file(train_from_recipe(path, output=material / name, progress=False).weight)

    whole = train("whole", 6)
    train("parts", 3)
    parts = train("parts", 6)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_a_split_that_is_used_up_is_said(tiny_vae, threads):
    stream = stream_of(tiny_vae, split="val")
    stream.step = 2 * (len(SPLITS["val"]) // CHUNK) + 1
    with pytest.raises(ValueError, match=r"lower steps or data\.fresh"):
        stream.next_set()


def test_processes_simulate_what_this_one_does(tiny_vae):
    stream = stream_of(tiny_vae)
    try:
        latents = stream.first()
    finally:
        stream.close()
    frames = cast_frames([simulate(seed, num_frames=2) for seed in SPLITS["train"][:2]], size=16)
    assert torch.allclose(latents[:4:2].float(), stream.encode(frames).float(), atol=1e-2)


def test_an_unknown_split_is_refused_in_a_sentence(tiny_vae):
    with pytest.raises(ValueError, match="unknown split 'nowhere', expected one of train"):
        stream_of(tiny_vae, split="nowhere")


def test_as_many_scenes_as_wanted_are_there_before_the_first_step(tiny_vae, threads):
    for first, there in ((1, CHUNK), (CHUNK, CHUNK), (CHUNK + 1, 2 * CHUNK)):
        stream = stream_of(tiny_vae, first=first)
        assert len(stream.first()) == 2 * there and stream.made == there  # whole chunks, each with its mirror image
        assert len(stream.next_set().latents) == 2 * there


def test_every_window_of_a_streamed_scene_has_its_own_captions(tiny_vae, threads):
    stream = stream_of(tiny_vae, num_frames=5)  # of which a model sees 2
    found = stream.next_set()
    assert found.windows == 4 and len(found.captions) == 2 * CHUNK * 2 * 4
    for scene in (0, 3):
        motion = simulate(SPLITS["train"][scene], num_frames=5)
        facts = facts_of_windows(motion, 2)
        for version, told in enumerate((facts, [each and each.mirrored() for each in facts])):
            clip, starts = torch.full((4,), 2 * scene + version), torch.arange(4)
            assert found.captions_of(clip, starts) == [captions(each) if each else () for each in told]


def test_recipes_that_cannot_be_streamed():
    with pytest.raises(ValueError, match="first is 9 and only 8 clips are kept: lower first or raise clips"):
        DataRecipe(fresh=1.0, first=9, clips=8)
    assert DataRecipe(first=9, clips=8).first == 9  # where nothing is streamed it means nothing
    for settings in ({"source": "folder", "folder": "videos"}, {"buckets": (BucketRecipe(size=64),)}):
        with pytest.raises(ValueError, match="leave out folder and buckets, or fresh"):
            DataRecipe(fresh=1.0, **settings)
