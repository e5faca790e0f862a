"""kill -9 and SIGTERM at any moment of training, generating, saving and converting: nothing that was there is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vdt.training.guards.watchdog import STACKS

from ..family import Family
from ..forks import finished, forked, killed
from ..outcomes import BrokenPromiseError, LostError, check
from .material import open_studio, save_tiny, tiny_model, write_clip

STEPS = 10
RECIPE = f"""
kind = "vdt"
vae = "vae.safetensors"
[model]
name = "VDT-Tiny/2"
num_frames = 4
input_size = 4
[data]
source = "folder"
folder = "videos"
size = 32
num_frames = 4
[optim]
steps = {STEPS}
batch = 2
warmup = 2
[run]
log_every = 1
sheet_every = 1000
save_every = 1
"""
OLD = 3600.0  # seconds: temporaries that are as old as this are swept by the next writer


@dataclass(frozen=True)
class Job:
    """Work that writes files: what it does, where, and how long it takes undisturbed."""

    work: Callable[[], object]
    folder: Path
    seconds: float
    result: dict[str, bytes]  # the files of an undisturbed run


class Kills(Family):
    name = "kill -9 and SIGTERM"
    small = 4
    full = 100
    piece = 50
    seconds = 600.0

    def prepare(self, folder: Path) -> dict[str, Job]:
        import vdt.training.train  # noqa: F401
        from vdt.cli import main  # noqa: F401

        folder = folder / "work"
        save_tiny(folder)
        (folder / "videos").mkdir()
        for number in range(2):
            write_clip(folder / "videos" / f"{number}.mp4", shade=40 + 60 * number)
        (folder / "run.toml").write_text(RECIPE)
        os.chdir(folder)
        makers = {"train": _train, "generate": _generate, "save": _save(folder), "convert": _convert(folder)}
        return {name: _measured(work, folder / name, self._log(folder)) for name, work in makers.items()}

    def _log(self, folder: Path) -> Path:
        return folder / "child.log"

    def case(self, shared: dict[str, Job], number: int, rng: random.Random) -> str | None:
        name = list(shared)[number % len(shared)]
        job, log = shared[name], self._log(next(iter(shared.values())).folder.parent)
        sign = signal.SIGKILL if rng.random() < 0.75 else signal.SIGTERM
        before, old = _files(job.folder), _hidden(job.folder)  # a run before this one may have been killed
        code = killed(forked(job.work, log), rng.uniform(0.0, 1.1 * job.seconds), sign)
        check(code in (0, -sign, 128 + sign, 130), f"{name} ended with {code} after {sign.name}: {_said(log)}")
        check("Traceback" not in _said(log), f"{name} after {sign.name}: {_said(log)}")
        after = _files(job.folder)
        if lost := sorted(before.keys() - after.keys()):
            raise LostError(f"{name}: {lost} are gone after {sign.name}")
        new = [path.name for path in _hidden(job.folder) - old]
        check(sign == signal.SIGKILL or not new, f"{name} leaves {new} after SIGTERM")
        for path in _hidden(job.folder):
            os.utime(path, (time.time() - OLD,) * 2)
        self._whole(name, job, before, after)
        if rng.random() < 0.6:
            self._again(name, job, log)
        return None

    def _whole(self, name: str, job: Job, before: dict[str, bytes], after: dict[str, bytes]) -> None:
        """Each file is as it was, or as an undisturbed run makes it; those of training can be loaded."""
        for file, data in after.items():
            if name == "train":
                if file.endswith(".safetensors"):
                    _load(job.folder / file)
            elif data != before.get(file) and data not in job.result.values():
                raise LostError(f"{name}: {file} is neither what was there nor what is made")

    def _again(self, name: str, job: Job, log: Path) -> None:
        """The same command once more ends well, with what an undisturbed run makes, and sweeps what was left."""
        code = finished(forked(job.work, log))
        check(code == 0, f"{name} ended with {code} when it was run again: {_said(log)}")
        files = _files(job.folder)
        if name == "train":
            if not _same_tensors(files["state.safetensors"], job.result["state.safetensors"]):
                raise BrokenPromiseError("a run that was killed and resumed made another state than one that was not")
            (job.folder / "state.safetensors").unlink()
        else:
            check(any(data in job.result.values() for data in files.values()), f"{name} makes what it made before")
        left = [path.name for path in _hidden(job.folder)]
        check(not left, f"{name} sweeps what was left, found {left}")


def _measured(work: Callable[[], object], folder: Path, log: Path) -> Job:
    folder.mkdir(exist_ok=True)
    began = time.monotonic()
    code = finished(forked(work, log))
    check(code == 0, f"{folder.name} ended with {code}: {_said(log)}")
    job = Job(work=work, folder=folder, seconds=time.monotonic() - began, result=_files(folder))
    if folder.name == "train":
        (folder / "state.safetensors").unlink()
    return job


def _files(folder: Path) -> dict[str, bytes]:
    """Files under names of their own, not temporary ones, nor the events that training logs.

    The watchdog's file stands empty while nothing hangs, and is taken away by the run that goes on.
    """
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "events."))]
    contents = {str(path.relative_to(folder)): path.read_bytes() for path in found}
    return {name: data for name, data in contents.items() if data or Path(name).name != STACKS}


def _hidden(folder: Path) -> set[Path]:
    """Temporary files."""
    return {path for path in folder.rglob(".*") if path.is_file()}


def _same_tensors(one: bytes, other: bytes) -> bool:
    """Whether two states hold the same numbers, bit for bit, whatever their headers say besides."""
    from safetensors.torch import load

    first, second = load(one), load(other)
    return first.keys() == second.keys() and all(bool((first[name] == second[name]).all()) for name in first)


def _load(path: Path) -> None:
    from safetensors.torch import load_file

    try:
        load_file(path)
    except Exception as error:
        raise LostError(f"{path.name} cannot be read: {error}") from error


def _said(log: Path) -> str:
    return log.read_text(errors="replace")[-2500:]


# ---- What is killed --------------------------------------------------------------------------------------------------


def _train() -> int:
    from vdt.cli import main

    return main(["train", "run.toml", "--output", "train", "--device", "cpu"])


def _generate() -> int:
    from vdt.cli import main

    models = ["--model", "model.safetensors", "--vae", "vae.safetensors"]
    where = ["--input", "videos/0.mp4", "--output", "generate/out.mp4", "--sheet", "generate/sheet.png"]
    return main(["generate", "predict", *where, *models, "--steps", "2", "--frames", "8", "--given", "3"])


def _save(folder: Path) -> Callable[[], object]:
    """A graph that saves a video and pictures."""
    studio = open_studio(folder / "studio")
    prompt = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "clip.mp4"}},
        "2": {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}},
        "3": {"class_type": "CreateVideo", "inputs": {"images": ["2", 0], "fps": 8.0}},
        "4": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["3", 0], "filename_prefix": "a", "format": "auto", "codec": "auto"},
        },
        "5": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "b"}},
    }

    def work() -> int:
        import dataclasses

        from vdt_studio import shim
        from vdt_studio.cli import INTERRUPTED, _terminable
        from vdt_studio.graph import read_workflow

        own = dataclasses.replace(studio, folders=dataclasses.replace(studio.folders, output=folder / "save"))
        shim.install(own.folders, device="cpu")
        try:
            with _terminable():  # as the command line runs graphs
                own.run(read_workflow(prompt, own.registry))
        except KeyboardInterrupt:
            return INTERRUPTED
        return 0

    return work


def _convert(folder: Path) -> Callable[[], object]:
    import torch

    official = {key: value for key, value in tiny_model().state_dict().items() if "mask" not in key}
    torch.save({"ema": official}, folder / "official.pt")

    def work() -> int:
        from vdt.cli import main

        return main(["convert", "official.pt", "convert/model.safetensors", "--num-heads", "4"])

    return work
