"""Command lines of `vdt` and `vdt-studio`, damaged: exit code 2 comes with one sentence, 0 with what was asked for."""

from __future__ import annotations

import contextlib
import io
import os
import random
import socket
from pathlib import Path
from typing import Any

from ..family import Family
from ..mutate import damaged_text
from ..outcomes import REFUSED, BrokenPromiseError, LostError, check, is_line
from .material import WORKFLOWS, save_tiny, write_clip

CLIPS = ("clip.mp4", "clip.mp4", "picture.png", "missing.mp4", "broken.mp4", ".", "")
NUMBERS = (
    "0",
    "1",
    "2",
    "3",
    "7",
    "16",
    "-1",
    "1e3",
    "x",
    "",
    "9" * 40,
    str(2**63),
    "1000000",
    "²",
    "0x10",
    "nan",
    "inf",
)
TASKS = {
    "predict": ("--given",),
    "backward": ("--given",),
    "interpolate": ("--every",),
    "image-to-video": ("--frame",),
    "frames": ("--known",),
    "spatial": ("--mask",),
    "outpaint": ("--left", "--top", "--right", "--bottom"),
    "extend": ("--before",),
    "connect": ("--second",),
    "loop": (),
    "slow-motion": ("--every",),
    "unconditional": (),
    "nonsense": (),
}
FLAGS = {
    "--frames": ("4", "6", *NUMBERS),
    "--size": ("64x64", "40x48", "16x16", "63x65", "0x0", "x", "99999x99999", "-1x3", "²x2", "64"),
    "--policy": ("crop", "fit", "stretch", "x"),
    "--fps": ("8", "0.1", "24", *NUMBERS),
    "--start": ("0", "0.5", "100", *NUMBERS),
    "--steps": ("1", "2", "0", "-1", "x", "9" * 40, "1001"),
    "--sampler": ("ddim", "dpmpp_2m_quad", "unipc", "ancestral", "x", ""),
    "--guidance": ("1", "2", "nan", "inf", "x", "-1e308"),
    "--reuse": ("0", "0.1", "-1", "nan"),
    "--seed": ("0", "7", str(2**64 - 1), str(2**64), "-1", "x"),
    "--window": ("8", "16", "0", "1", "2", "x", "999999999"),
    "--overlap": ("4", "0", "1", "99"),
    "--tile": ("64", "8", "1", "0", "x", "999999999"),
    "--still": ("0", "24", "nan", "-5"),
    "--edges": ("0", "24", "inf"),
    "--dtype": ("float32", "bfloat16", "float16", "x"),
    "--device": ("cpu", "cuda", "x", ""),
    "--sheet": ("sheet.png", "sheet.xyz", "missing/sheet.png", "."),
    "--given": ("3", *NUMBERS),
    "--every": ("2", "3", *NUMBERS),
    "--frame": ("0", "-1", *NUMBERS),
    "--known": ("0-2,-1", "0", "8-3", "x", "0-" + "9" * 30, ""),
    "--mask": ("picture.png", "clip.mp4", "missing.png", "broken.mp4"),
    "--second": ("clip.mp4", "missing.mp4", "picture.png"),
    "--before": ("2", *NUMBERS),
    **{side: ("25", "0", "400", "-1", "nan", "x") for side in ("--left", "--top", "--right", "--bottom")},
}
OUTPUTS = ("out.mp4", "out.mp4", "out.mp4", "out.avi", "missing/out.mp4", ".", "")


class Arguments(Family):
    name = "command lines"
    small = 50
    full = 1500
    piece = 500
    seconds = 180.0

    def prepare(self, folder: Path) -> Any:
        from PIL import Image

        import vdt.training.train  # noqa: F401
        from vdt.cli import main  # noqa: F401

        from .material import square

        write_clip(folder / "clip.mp4", sound=True)
        (folder / "broken.mp4").write_bytes((folder / "clip.mp4").read_bytes()[:900])
        picture = square(1)[0]
        picture[:20] = 255
        picture[20:] = 0
        Image.fromarray(picture).save(folder / "picture.png")
        model, vae = save_tiny(folder)
        os.chdir(folder)
        held = socket.create_server(("127.0.0.1", 0))
        return {
            "taken": held.getsockname()[1],
            "held": held,
            "models": ["--model", model.name, "--vae", vae.name],
            "folder": folder,
        }

    def case(self, shared: Any, number: int, rng: random.Random) -> str | None:
        output = shared["folder"] / "out.mp4"
        output.write_bytes(b"what was there")
        make = _generate if number % 4 else rng.choice((_convert, _info, _train, _scenes, _evaluate, _studio))
        program, arguments = make(shared, rng)
        if rng.random() < 0.15 and arguments:
            place = rng.randrange(len(arguments))
            arguments[place] = damaged_text(arguments[place], rng).replace("\0", "0")
        outcome = run(program, arguments)
        if outcome == REFUSED and output.read_bytes() != b"what was there":
            raise LostError(f"{arguments}: the output that was there is gone")
        left = [path.name for path in shared["folder"].iterdir() if path.name.startswith(".")]
        check(not left, f"{arguments}: temporary files are left: {left}")
        return outcome


def run(program: str, arguments: list[str]) -> str | None:
    """The outcome of a command in this process."""
    import vdt.cli
    import vdt_studio.cli

    main = vdt.cli.main if program == "vdt" else vdt_studio.cli.main
    said, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        try:
            code = main(arguments)
        except SystemExit as error:  # --help
            code = error.code or 0
        except KeyboardInterrupt as error:
            raise BrokenPromiseError(f"{program} {arguments} was interrupted") from error
    lines = [line for line in said.getvalue().splitlines() if line.startswith(f"{program}: ")]
    if code == 0:
        return None
    check(code in (1, 2), f"{program} {arguments} ended with {code}: {said.getvalue()[-500:]}")
    check(len(lines) == 1 and is_line(lines[0]), f"{program} {arguments} said {said.getvalue()[-1500:]!r}")
    check("may be a defect" not in lines[0], f"{program} {arguments}: {lines[0]}")
    return REFUSED


def _generate(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    task = rng.choice(list(TASKS))
    good = rng.random() < 0.5
    flags = {
        "--input": "clip.mp4" if good else rng.choice(CLIPS),
        "--output": "out.mp4" if good else rng.choice(OUTPUTS),
    }
    flags["--steps"] = "1"
    if task in ("extend", "connect", "loop"):
        flags["--frames"] = "3"
    for flag in TASKS[task]:
        flags[flag] = FLAGS[flag][0]
    for flag in rng.sample(list(FLAGS), rng.randint(0, 2 if good else 4)):
        flags[flag] = FLAGS[flag][0] if rng.random() < 0.3 else rng.choice(FLAGS[flag])
    for flag in list(flags):
        if rng.random() < 0.03:
            del flags[flag]
    return "vdt", ["generate", task, *shared["models"], *(text for pair in flags.items() for text in pair)]


def _convert(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    source = rng.choice(("model.safetensors", "clip.mp4", "missing.pt", "broken.mp4", "."))
    return "vdt", [
        "convert",
        source,
        rng.choice(("new.safetensors", "new.pt", "missing/new.safetensors", ".")),
        "--num-heads",
        rng.choice(NUMBERS),
    ][: rng.choice((3, 5))]


def _info(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    return "vdt", ["info", rng.choice(("model.safetensors", "vae.safetensors", "clip.mp4", "missing", ".", ""))]


def _train(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    Path("bad.toml").write_text(rng.choice(('kind = "vae"\nx = 1\n', "", "kind = 5", '[data]\n"')))
    return "vdt", [
        "train",
        rng.choice(("bad.toml", "missing.toml", ".", "clip.mp4")),
        "--output",
        rng.choice(("run", "clip.mp4", "a/b")),
    ]


def _scenes(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    return "vdt", [
        "scenes",
        "--output",
        "missing/x",
        "--count",
        rng.choice([number for number in NUMBERS if number != "1000000"]),  # that is no mistake, but hours of work
        "--split",
        rng.choice(("val", "x")),
    ]


def _evaluate(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    return "vdt", [
        "evaluate",
        *shared["models"],
        "--output",
        "missing/x",
        "--clips",
        rng.choice(("0", "-1", "x", "9" * 40)),
    ]


def _studio(shared: Any, rng: random.Random) -> tuple[str, list[str]]:
    command = rng.choice(("run", "verify", "thumbnail", "serve"))
    if command == "serve":
        return "vdt-studio", [
            "serve",
            "--port",
            rng.choice(("-1", "99999", "x", str(shared["taken"]))),
            "--device",
            "cpu",
        ]
    source = rng.choice((str(rng.choice(WORKFLOWS)), "clip.mp4", "picture.png", "missing.json", "."))
    if command == "run" and source.endswith(".json"):
        more = ["--set", damaged_text("VDTSampler.steps=x", rng), "--output-dir", "studio"]
    else:
        command, more = ("verify" if source.endswith(".json") else command), []
    return "vdt-studio", [command, source, "--device", "cpu", *more]
