"""Record what a checkout computes, as hashes: `python tests/behaviour/record.py CHECKOUT OUT.json [PART ...]`.

Run it on two checkouts on the same machine and compare them with `compare.py`. Processors round differently, so hashes
of different machines say nothing. Everything goes through what users call: graphs, `vdt generate`, `vdt train` and
`vdt evaluate`.
"""

import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

SEEDS = (0, 7)
CLIP = "samples/clips/roll_collide.mp4"
OTHER = "samples/clips/two_balls.mp4"
TASKS = {
    "predict": [],
    "predict_4_given": ["--given", "4"],
    "backward": [],
    "interpolate": ["--every", "4"],
    "image-to-video": [],
    "frames": ["--known", "0-3,8,-1"],
    "spatial": ["--mask", "{mask}"],
    "outpaint": ["--left", "25", "--top", "10"],
    "extend": ["--frames", "20", "--before", "6"],
    "connect": ["--second", "{other}", "--frames", "10"],
    "loop": ["--frames", "9"],
    "slow-motion": ["--every", "3"],
    "unconditional": ["--frames", "20"],
    "predict_96x80": ["--size", "96x80"],
    "predict_24_frames": ["--frames", "24", "--overlap", "6"],
    "predict_ddim": ["--steps", "6", "--sampler", "ddim", "--guidance", "1"],
    "predict_ancestral": ["--steps", "5", "--sampler", "ancestral"],
    "predict_unipc": ["--steps", "6", "--sampler", "unipc", "--guidance", "3"],
    "predict_cached": ["--steps", "12", "--sampler", "ddim", "--reuse", "0.1"],
    "predict_fast": ["--fast"],
    "predict_plain": ["--still", "0", "--edges", "0"],
}
RECIPE = """\
kind = "vdt"
[model]
name = "VDT-Tiny/2"
num_frames = 16
mask_embed = true
[data]
source = "folder"
folder = "{clips}"
clips = 4
fps = 20.0
[optim]
optimizer = "{optimizer}"
steps = {steps}
batch = 2
warmup = 2
decay = 0.0
[run]
sheet_every = 1000
save_every = 10
log_every = 5
"""


def main() -> None:
    """Record the parts that are asked for, or all."""
    checkout, target, wanted = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), set(sys.argv[3:])
    sys.path.insert(0, str(checkout))
    os.chdir(checkout)
    records = {}
    for part in (graphs, generate, train, evaluate):
        if not wanted or part.__name__ in wanted:
            with tempfile.TemporaryDirectory() as folder:
                records |= {f"{part.__name__}/{name}": value for name, value in part(Path(folder))}
    target.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def graphs(folder: Path):
    """Every tensor that every node of every shipped graph makes."""
    from vdt_studio.engine.execute import _Run
    from vdt_studio.paths import Folders
    from vdt_studio.studio import Studio

    places = {name: folder / name for name in ("input", "output", "temp", "models")}
    for place in places.values():
        place.mkdir()
    studio = Studio.open(Folders(**places), device="cpu")
    keep, made = _Run._keep, {}

    def remembered(run, node_id, result):
        made[node_id] = (run._graph[node_id].class_type, result.outputs)
        keep(run, node_id, result)

    _Run._keep = remembered
    for path in sorted(Path("workflows").glob("*.json")):
        if path.stem in ("stock_ksampler", "painted_mask", "mask_for_other_models"):  # younger, or not for the runner
            continue
        for seed in SEEDS:
            made.clear()
            workflow = studio.load(path)
            for node in workflow.graph:
                if node.class_type in ("VDTSampler", "VDTExtend"):
                    node.inputs["seed"] = seed
            studio.run(workflow)
            for node_id, (name, outputs) in made.items():
                if found := digest(outputs):
                    yield f"{path.stem}/{seed}/{name}#{node_id}", found


def generate(folder: Path):
    """The frames of every task of `vdt generate`."""
    import numpy as np
    from PIL import Image

    white = np.zeros((64, 64), np.uint8)
    white[16:40, 20:52] = 255
    Image.fromarray(white).save(folder / "mask.png")
    for name, options in TASKS.items():
        output = folder / f"{name}.mp4"
        filled = [option.format(mask=folder / "mask.png", other=OTHER) for option in options]
        source = [] if name == "unconditional" else ["--input", CLIP]
        run_vdt("generate", name.split("_")[0], *source, "--output", str(output), *filled)
        yield name, hashlib.sha256(decoded(output)).hexdigest()


def train(folder: Path):
    """Weights after 20 steps, and after 10 more from the checkpoint of these."""
    clips = Path("samples/clips").resolve()
    for optimizer in ("adamw", "muon"):
        for steps in (20, 30):
            recipe = folder / f"{optimizer}.toml"
            recipe.write_text(RECIPE.format(clips=clips, optimizer=optimizer, steps=steps), encoding="utf-8")
            run_vdt("train", str(recipe), "--output", str(folder / optimizer))
            yield f"{optimizer}/{steps}", weights(folder / optimizer / f"{optimizer}.safetensors")


def evaluate(folder: Path):
    """All figures of a small evaluation."""
    for name, options in {"16_frames": [], "28_frames": ["--frames", "28"]}.items():
        report = folder / f"{name}.json"
        run_vdt("evaluate", "--count", "8", "--json", str(report), *options)
        families = json.loads(report.read_text(encoding="utf-8"))["families"]
        for method, record in families["all"].items():
            for figure in ("centroid_px", "present", "psnr", "ssim", "drift", "contact_accuracy"):
                yield f"{name}/{method}/{figure}", record.get(figure)


def run_vdt(*arguments: str) -> None:
    """One command of `vdt`, quietly."""
    from vdt.cli import main as vdt

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = vdt(list(arguments))
    assert code == 0, (arguments, said.getvalue())


def decoded(path: Path) -> bytes:
    """The pixels of a video, read without this project's code."""
    import av

    with av.open(str(path)) as container:
        return b"".join(frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0))


def weights(path: Path) -> str:
    """Hash of the tensors of a file, by name."""
    from safetensors.torch import load_file

    return digest(load_file(path))


def digest(value) -> str:
    """Hash of every tensor in nested lists and dicts, "" where there is none."""
    import torch

    found = hashlib.sha256()
    count = 0

    def visit(item):
        nonlocal count
        if isinstance(item, torch.Tensor):
            count += 1
            found.update(str((item.dtype, tuple(item.shape))).encode())
            found.update(item.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        elif isinstance(item, dict):
            for key in sorted(item, key=str):
                visit(item[key])
        elif isinstance(item, (list, tuple)):
            for entry in item:
                visit(entry)

    visit(value)
    return found.hexdigest() if count else ""


if __name__ == "__main__":
    main()
