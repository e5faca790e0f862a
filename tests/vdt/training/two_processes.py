"""What two processes do for test_distributed.py: `torchrun --nproc-per-node 2 two_processes.py WORK FOLDER`."""

import json
import os
import signal
import sys
from pathlib import Path

from vdt import ranks
from vdt.cli import main
from vdt.training import train_from_recipe
from vdt.training.loop import Loop

LOSSES: list[float] = []


def watch() -> None:
    """Note the loss of every step, of the whole batch."""
    step = Loop.step

    def watched(self):
        loss = step(self)
        LOSSES.extend(ranks.mean(float(loss.total)))
        return loss

    Loop.step = watched


def train(folder: Path) -> None:
    """Every recipe of the folder, in the order of their names; what came of each goes into results.json."""
    watch()
    results = {}
    for path in sorted(folder.glob("*.toml")):
        LOSSES.clear()
        try:
            result = train_from_recipe(path, output=folder / path.stem, progress=False)
            results[path.stem] = {"losses": list(LOSSES), "step": result.step}
        except ValueError as error:
            results[path.stem] = {"error": str(error)}
    if ranks.current().is_first:
        (folder / "results.json").write_text(json.dumps(results))


def work(folder: Path) -> int:
    """Both of the others, in one start."""
    train(folder)
    return evaluate(folder)


def lose(folder: Path) -> int:
    """Process 1 is killed after its third step; what `vdt train` then says is on stderr."""
    after = Loop._after_step

    def killed(self, *arguments):
        after(self, *arguments)
        if self.ranks.rank == 1 and self.state.step == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    Loop._after_step = killed
    return main(["train", str(folder / "lost.toml"), "--output", str(folder / "lost"), "--device", "cpu"])


def evaluate(folder: Path) -> int:
    """`vdt evaluate` of the folder's clips, and one word that is wrong in both processes."""
    files = ["--model", str(folder / "model.safetensors"), "--vae", str(folder / "vae.safetensors"), "--device", "cpu"]
    clips = ["--folder", str(folder / "clips"), "--frames", "4", "--size", "32", "--given", "2", "--steps", "2"]
    main(["evaluate", *clips, *files, "--count", "10", "--json", str(folder / "two.json")])
    return main(["train", str(folder / "missing.toml")])


if __name__ == "__main__":
    sys.exit({"work": work, "lose": lose}[sys.argv[1]](Path(sys.argv[2])))
