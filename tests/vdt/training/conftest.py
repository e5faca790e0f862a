"""A folder with two small videos, a VAE and recipes that train in a moment."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from vdt.checkpoints import save_vae
from vdt.diffusion import EVEN_DDIM
from vdt.media.video import write_video
from vdt.training import train_from_recipe
from vdt.training.loop import Loop
from vdt.training.objectives import VDTObjective

RECIPE = """kind = "vdt"
vae = "vae.safetensors"
{top}
[model]
{model}
[data]
source = "folder"
folder = "videos"
{data}
[optim]
{optim}
[run]
{run}
{tables}
"""


DEFAULTS = {
    "model": ('name = "VDT-Tiny/2"', "num_frames = 4", "input_size = 4"),
    "data": ("size = 32", "num_frames = 4"),
    "optim": ("steps = 2", "batch = 4", "lr = 3e-3", "warmup = 2"),
    "run": ("log_every = 1", "sheet_every = 1000", "save_every = 1000"),
}


@dataclasses.dataclass
class Workbench:
    folder: Path

    def recipe(self, name, **parts):
        """Write NAME.toml with lines for its tables; what they do not set is as small as it can be."""
        texts = {"top": parts.get("top", ""), "tables": parts.get("tables", "")}
        for table, defaults in DEFAULTS.items():
            lines = parts.get(table, "").splitlines()
            named = {line.partition(" ")[0] for line in lines}
            texts[table] = "\n".join([*(line for line in defaults if line.partition(" ")[0] not in named), *lines])
        path = self.folder / f"{name}.toml"
        path.write_text(RECIPE.format(**texts))
        return path

    def train(self, name, *, output=None, progress=False, changed=False, resume=True, minutes=None, **parts):
        path = self.recipe(name, **parts)
        return train_from_recipe(
            path,
            output=self.folder / (output or name),
            progress=progress,
            changed=changed,
            resume=resume,
            minutes=minutes,
        )


@pytest.fixture(autouse=True)
def short_sheets(monkeypatch):
    """Contact sheets are sampled in two steps: what samplers make of more of them is tested by itself."""
    shown_with = dataclasses.replace(EVEN_DDIM, steps=2)
    monkeypatch.setitem(VDTObjective.__init__.__kwdefaults__, "shown_with", shown_with)


@pytest.fixture
def material(tmp_path, tiny_vae):
    """A folder of two small videos of a moving square, and a VAE."""
    (tmp_path / "videos").mkdir()
    for number in range(2):
        frames = np.full((9, 40, 48, 3), 40 + 60 * number, np.uint8)
        for t in range(9):
            frames[t, 10:20, 4 * t : 4 * t + 10] = (250, 30, 120)
        write_video(tmp_path / "videos" / f"{number}.mp4", frames, 8)
    save_vae(tiny_vae, tiny_vae.config, tmp_path / "vae.safetensors")
    return tmp_path


@pytest.fixture
def workbench(material):
    return Workbench(material)


@pytest.fixture
def ticking(monkeypatch):
    """A clock that every look at it moves on by a second."""

    class Time:
        now = 0.0

        def monotonic(self):
            Time.now += 1.0
            return Time.now

        process_time = monotonic

    monkeypatch.setattr("vdt.training.optim.schedule.time", Time())
    return Time


@pytest.fixture
def losses(monkeypatch):
    """The loss of every step."""
    seen = []
    step = Loop.step

    def watched(self):
        loss = step(self)
        seen.append(float(loss.total))
        return loss

    monkeypatch.setattr(Loop, "step", watched)
    return seen
