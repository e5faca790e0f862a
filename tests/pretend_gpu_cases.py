"""What the library does on a GPU, on a pretend one: `python -m tests.pretend_gpu_cases [CASE ...]` prints JSON.

It is what went wrong in each case, "" where nothing did. One process runs all of them: a start takes longer than most.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from vdt.benchmarks import forward, limits, train
from vdt.checkpoints import save_model, save_sharded, save_vae
from vdt.config import VAE_CONFIGS, VDT_CONFIGS, CrossAttentionSpec, MaskSpec
from vdt.diffusion import SamplingConfig
from vdt.diffusion.settings import SAMPLERS
from vdt.evaluation.video_folder import evaluate_folder
from vdt.inference.pipeline import Pipeline
from vdt.inference.settings import GenerationConfig, WindowConfig
from vdt.masks.tasks import Interpolate, Predict, over_cells
from vdt.models.autoencoder import AutoencoderKL
from vdt.models.transformer import VDT
from vdt.physics.evaluate import evaluate_scenes
from vdt.physics.language.captions import all_facts
from vdt.physics.language.obedience import evaluate_text
from vdt.physics.scenes import SceneClip
from vdt.training import build, train_from_recipe
from vdt.training.data import scene_stream
from vdt.training.objectives import VDTObjective

from .pretend_gpu import GPU, NAME, pretending

TEXT = CrossAttentionSpec(source="text", width=192, encoder="words")
QUICK = SamplingConfig(steps=2)


def pipeline(*, text: bool = False, **settings) -> Pipeline:
    """A small model with its autoencoder on the pretend GPU, for 4 frames of 16x16 pixels."""
    specs = (MaskSpec(embed=True), *([TEXT] if text else []))
    sizes = {"num_frames": 4, "input_size": 4, "depth": 1, "conditioning": specs, **settings}
    generator = torch.Generator().manual_seed(0)
    model = VDT(dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], **sizes), generator)
    vae = AutoencoderKL(VAE_CONFIGS["tiny"])
    return Pipeline(*(module.requires_grad_(False).eval().to(GPU) for module in (model, vae)))


def frames(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, side, side, 3), dtype=np.uint8)


def predicted(pipe: Pipeline, count: int = 4, side: int = 0, **settings) -> np.ndarray:
    """The second half of some frames, from the first."""
    side = side or pipe.model.config.input_size * pipe.codec.downscale
    mask = over_cells(Predict(given=count // 2).frame_mask(count), side, side)
    return pipe(frames(count, side), mask, seed=1, sampling=settings.pop("sampling", QUICK), **settings).frames


# ---- What is refused -------------------------------------------------------------------------------------------------


def mixed_devices_are_refused() -> None:
    """The pretend GPU catches what a GPU would, and nothing else."""
    here, there = torch.ones(3), torch.ones(3, device=NAME)
    generator = torch.Generator()
    refused = {
        "sum": lambda: there + here,
        "sum of a scalar there": lambda: here + there.sum(),
        "in place": lambda: here.clone().add_(there),
        "product": lambda: torch.ones(2, 3) @ there,
        "where": lambda: torch.where(here > 0, there, 0.0),
        "joined": lambda: torch.stack([here.sum(), there.sum()]),
        "an index there": lambda: here[torch.zeros(1, dtype=torch.long, device=NAME)],
        "rows by index here": lambda: there.index_select(0, torch.zeros(1, dtype=torch.long)),
        "values written": lambda: there.clone().__setitem__(torch.tensor([0, 1]), torch.ones(2)),
        "noise from a generator here": lambda: torch.randn(3, generator=generator, device=NAME),
        "NumPy": lambda: np.asarray(there),
        "several at once": lambda: torch._foreach_add_([there.clone()], [here]),
    }
    passed = [name for name, work in refused.items() if not _fails(work)]
    assert not passed, f"passed: {passed}"
    assert (there + 1).device == (there * here.sum()).device == there[torch.tensor([0])].device == GPU
    assert here.to(NAME).device == GPU and (there + here.to(NAME)).tolist() == [2, 2, 2]
    assert here.clone().copy_(there).device == there.cpu().device == torch.device("cpu")
    assert float(there.sum()) == 3


def _fails(work) -> bool:
    try:
        work()
    except (RuntimeError, TypeError):
        return True
    return False


# ---- Inference -------------------------------------------------------------------------------------------------------


def every_sampler() -> None:
    pipe = pipeline()
    for name in SAMPLERS:
        predicted(pipe, sampling=dataclasses.replace(QUICK, sampler=name))
    assert predicted(pipe, sampling=SamplingConfig(steps=3, step_cache=0.5)).shape == (4, 32, 32, 3)


def windows_and_tiles() -> None:
    pipe = pipeline()
    assert predicted(pipe, count=7, side=48).shape == (7, 48, 48, 3)
    assert predicted(pipe, side=48, windows=WindowConfig(tile=4)).shape == (4, 48, 48, 3)


def text_and_its_guidance() -> None:
    pipe = pipeline(text=True)
    predicted(pipe, text="a red ball rolls to the left")
    predicted(pipe, text="a red ball", sampling=SamplingConfig(steps=2, text_guidance=3.0, step_cache=0.5))
    told = [(facts, "a red ball") for facts in list(all_facts())[:2]]
    evaluate_text(pipe, told, GenerationConfig(sampling=QUICK))


def streams() -> None:
    pipe, config = pipeline(), GenerationConfig(sampling=QUICK)
    clip = list(frames(5, 32))
    assert len(list(pipe.extend(clip, after=4, before=3, config=config))) == 12
    assert len(list(pipe.connect(clip, clip, between=2, config=config))) == 12
    assert len(list(pipe.loop(clip, between=2, config=config))) == 7
    assert len(list(pipe.slow_motion(clip, every=2, config=config))) == 9


def other_models() -> None:
    """Half precision, other conditioning, hooks and other people's layers."""
    pipe = pipeline(learn_sigma=True, temporal_adaln=False)
    predicted(pipe)
    pipe.model.bfloat16()
    predicted(pipe)
    pipe = pipeline()
    layer = pipe.model.blocks[0].mlp.fc1
    layer.register_forward_hook(lambda module, given, made: made + 0.1 * (given[0] @ module.weight.T))
    predicted(pipe)


def files() -> None:
    """Weights of every form go to the device and come back from it."""
    model = pipeline().model
    for dtype in (None, "int8"):
        save_model(model, model.config, FILES / "model.safetensors", dtype=dtype)
        for precision in ("float32", "bfloat16"):
            paths = (FILES / "model.safetensors", FILES / "vae.safetensors")
            loaded = Pipeline.from_pretrained(*paths, device=NAME, dtype=precision)
            assert next(loaded.model.parameters()).device == GPU
            predicted(loaded)
    save_sharded(model, model.config, FILES / "pieces")
    predicted(Pipeline.from_pretrained(FILES / "pieces", FILES / "vae.safetensors", device=NAME))


def evaluation() -> None:
    pipe, config = pipeline(num_frames=6), GenerationConfig(sampling=QUICK)
    clips = [scene(seed) for seed in (0, 1)]
    evaluate_scenes(pipe, clips, config=config, task=Interpolate(every=3))
    evaluate_folder(pipe, np.stack([clip.frames for clip in clips]), config=config, task=Predict(given=3))


def scene(seed: int) -> SceneClip:
    """A red ball that crosses a grey picture."""
    centres = np.stack([4 + 4.0 * np.arange(6), np.full(6, 15.0 + seed)], axis=1)
    rows, columns = np.mgrid[:32, :32]
    picture = np.full((6, 32, 32, 3), 120, np.uint8)
    for frame, (x, y) in zip(picture, centres, strict=True):
        frame[np.hypot(columns - x, rows - y) < 4] = (220, 40, 30)
    return SceneClip(
        frames=picture,
        family="projectile",
        seed=seed,
        split="test",
        names=("ball",),
        centres=centres[None].astype(np.float32),
        visible=np.ones((1, 6), np.float32),
        silhouettes=(picture[..., 0] == 220)[None],
        colours=np.array([[220, 40, 30]], np.uint8),
        radius=np.full(6, 4, np.float32),
        contact_frame=-1,
    )


def benchmarks() -> None:
    limits.PEAK_SIDES["cpu"] = 64
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], learn_sigma=False, input_size=4, depth=1)
    forward.has_peer = lambda: False  # which is not ours, and takes seconds to import
    with torch.no_grad():  # in its place: tensors of the pretend GPU cannot be those of inference mode
        forward.bench_forward.__wrapped__(config, num_frames=4, size=4, rounds=1, device=NAME)
    train.bench_train(config, batch=2, rounds=1, device=NAME)


# ---- Training --------------------------------------------------------------------------------------------------------

VDT_RECIPE = """kind = "vdt"
vae = "vae.safetensors"
{top}
[model]
name = "VDT-Tiny/2"
num_frames = 3
input_size = 4
depth = 1
{model}
[data]
size = 32
num_frames = 4
{data}
[optim]
steps = 2
batch = 4
warmup = 2
{optim}
[run]
log_every = 1
save_every = 2
sheet_every = 1000
weights_every = 0.001
{tables}
"""
FOLDER = 'source = "folder"\nfolder = "videos"\nclips = 4'
VAE_RECIPE = f"""kind = "vae"
[model]
name = "tiny"
[data]
size = 32
num_frames = 2
{FOLDER}
[optim]
steps = 2
batch = 2
[run]
sheet_every = 2
"""


def training_on_scenes() -> None:
    """Everything that the recipe of the bundled model asks for, but that nothing is compiled."""
    for name in ("CHUNK", "TASK"):
        setattr(scene_stream, name, 4)
    scene_stream.ProcessPoolExecutor = lambda *_, **__: ThreadPoolExecutor(1)
    muon = 'optimizer = "muon"\n' if hasattr(torch.optim, "Muon") else ""
    _train(
        "scenes",
        VDT_RECIPE.format(
            top="given_noise = 0.2",
            model='learn_sigma = false\ntemporal_adaln = true\nconditioning = [{ kind = "mask", embed = true }, '
            '{ kind = "cross_attention", source = "text", width = 192 }]\ndiffusion = { prediction = "v" }',
            data="clips = 8\nfirst = 4\nfresh = 0.5",
            optim=f'{muon}ema_long = 0.99\nrecover = true\nprecision = "bfloat16"',
            tables='[text]\nencoder = "words"\nunknown = 0.2\n[images]\nshare = 0.25',
        ),
        *("steps = 2", "steps = 4"),
    )


def training_on_a_folder() -> None:
    text = VDT_RECIPE.format(
        top='loss = "official"', model="", data=FOLDER, optim="accumulate = 2", tables="[images]\nshare = 0.5"
    )
    _train("folder", text)
    text = VDT_RECIPE.format(
        top="min_snr_gamma = 5.0", model="", data=FOLDER, optim="activation_checkpointing = true", tables=""
    )
    _train("weighted", text)


def distillation() -> None:
    model = 'learn_sigma = false\ndiffusion = { prediction = "v" }'
    _train("teacher", VDT_RECIPE.format(top="", model=model, data=FOLDER, optim="", tables=""))
    top, tables = 'init = "teacher/teacher.safetensors"', "[distill]\nsteps = 2\nsubsteps = 2\nguidance = 2.0"
    _train("student", VDT_RECIPE.format(top=top, model="", data=FOLDER, optim="", tables=tables))


def training_a_vae() -> None:
    _train("vae", VAE_RECIPE)


def recovery() -> None:
    from vdt.training.guards.recovery import PATIENCE, SETTLED, Recovery
    from vdt.training.loop import new_state
    from vdt.training.recipe import OptimRecipe

    state = new_state(torch.nn.Linear(2, 1).to(NAME), OptimRecipe(ema_long=0.9), 0)
    watched = Recovery(state)
    state.model(torch.ones(1, 2, device=NAME)).sum().backward()
    state.optimizers["adamw"].step()
    assert not any(watched.watch(1.0) for _ in range(SETTLED))
    assert [watched.watch(9.0) for _ in range(PATIENCE)][-1] and state.model.weight.device == GPU


def _train(name: str, text: str, *runs: str) -> None:
    """Train a recipe for two steps; or for as many as each of some runs has, each going on from the one before."""
    path = FILES / f"{name}.toml"
    for steps in runs or ("steps = 2",):
        path.write_text(text.replace("steps = 2", steps, 1))
        result = train_from_recipe(path, output=FILES / name, device=NAME, progress=False)
    assert result.finished and result.weight.is_file()


# ----------------------------------------------------------------------------------------------------------------------

CASES = (
    mixed_devices_are_refused,
    every_sampler,
    windows_and_tiles,
    text_and_its_guidance,
    streams,
    other_models,
    files,
    evaluation,
    benchmarks,
    training_on_scenes,
    training_on_a_folder,
    distillation,
    training_a_vae,
    recovery,
)


def prepare(folder: Path) -> None:
    """A video and an autoencoder, which recipes name."""
    from vdt.media.video import write_video

    (folder / "videos").mkdir()
    write_video(folder / "videos" / "0.mp4", frames(9, 32), 8)
    vae = AutoencoderKL(VAE_CONFIGS["tiny"])
    save_vae(vae, vae.config, folder / "vae.safetensors")


def run(wanted: list[str]) -> dict[str, str]:
    """What went wrong in each case; "" where nothing did."""
    prepare(FILES)
    VDTObjective.__init__.__kwdefaults__["shown_with"] = QUICK
    build.every_caption = lambda: scene_stream.every_caption()[::100]  # there are thousands
    found = {}
    for case in CASES:
        if wanted and case.__name__ not in wanted:
            continue
        begin = time.process_time()
        try:
            with pretending():
                case()
        except Exception:
            found[case.__name__] = traceback.format_exc(limit=-12)
        else:
            found[case.__name__] = ""
        sys.stderr.write(f"{time.process_time() - begin:.1f} s of CPU: {case.__name__}\n")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        FILES = Path(made)
        sys.stdout.write(json.dumps(run(sys.argv[1:])))
