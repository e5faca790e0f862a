"""Training: schedules in closed form, exact resume, and learning that can be seen."""

import json
import os
import re
import signal
import sys
from importlib.resources import files

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from vdt.checkpoints import bundled, load_model, load_vae, save_vae
from vdt.config import VAE_CONFIGS, FastVAEConfig
from vdt.diffusion import scale_latents
from vdt.media.frames import frames_to_pixels
from vdt.media.video import write_video
from vdt.media.video_folder import folder_clips
from vdt.training import train_from_recipe
from vdt.training.data.latent_cache import encoder_key
from vdt.training.loop import CHECKPOINT, Loop, learning_rate
from vdt.training.optim.ema import EMA
from vdt.training.recipe import OptimRecipe
from vdt.training.state import DivergenceError
from vdt.training.vae_objective import saliency

pytest.importorskip("tensorboard", reason="training needs the extra 'train'")

VAE_RECIPE = """
kind = "vae"
[model]
name = "tiny"
[data]
source = "folder"
folder = "videos"
size = 32
num_frames = 4
[optim]
steps = {steps}
batch = 2
lr = 3e-3
warmup = 2
[run]
log_every = 1
sheet_every = {steps}
save_every = 1000
"""
VDT_RECIPE = VAE_RECIPE.replace('kind = "vae"', 'kind = "vdt"\nvae = "vae.safetensors"').replace(
    'name = "tiny"', 'name = "VDT-Tiny/2"\nnum_frames = 4\ninput_size = 4'
)
needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has Muon since 2.9")
MUON_RECIPE = VDT_RECIPE.replace("[optim]", '[optim]\noptimizer = "muon"')


@pytest.fixture
def workshop(material):
    """Two small videos and a file that is none, a VAE, and a place for recipes."""
    (material / "videos" / "broken.mp4").write_bytes(b"not a video")
    return material


def train(workshop, text, name, steps, **arguments):
    path = workshop / f"{name}.toml"
    path.write_text(text.format(steps=steps))
    return train_from_recipe(path, output=workshop / name, progress=False, **arguments)


def test_learning_rate_in_closed_form():
    optim = OptimRecipe(steps=100, lr=1.0, warmup=10, decay=0.5)
    assert learning_rate(0, optim) == pytest.approx(0.1)
    assert learning_rate(9, optim) == learning_rate(50, optim) == 1.0
    assert learning_rate(75, optim) == pytest.approx(0.5)
    assert learning_rate(99, optim) == pytest.approx(0.02)


def test_average_follows_its_recurrence_and_swaps_back():
    module = nn.Linear(2, 1)
    ema = EMA(module, decay=0.5)
    expected = module.weight.detach().clone()
    for step in range(30):
        with torch.no_grad():
            module.weight.add_(1.0)
        ema.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * module.weight.detach()
    assert torch.allclose(ema.shadow["weight"], expected, atol=1e-5)
    live = module.weight.detach().clone()
    with ema.swapped():
        assert torch.allclose(module.weight, expected, atol=1e-5)
    assert torch.equal(module.weight, live)


def test_saliency_favours_what_moves_or_is_vivid_and_has_mean_one():
    pixels = torch.zeros(1, 3, 16, 16)
    pixels[:, 0, 2:4, 2:4] = 1.0  # vivid
    still = torch.zeros(1, 3, 16, 16)
    still[:, :, 8:10, 8:10] = 0.8  # was there in other frames
    weight = saliency(pixels, still, strength=4.0)
    assert weight.mean().item() == pytest.approx(1.0)
    assert weight[0, 0, 2, 2] > 3 * weight[0, 0, 15, 15]
    assert weight[0, 0, 8, 8] > 3 * weight[0, 0, 15, 15]


@pytest.mark.parametrize(
    "text",
    [VAE_RECIPE, VDT_RECIPE, pytest.param(MUON_RECIPE, marks=needs_muon)],
    ids=["vae", "vdt", "muon"],
)
def test_a_resumed_run_is_bit_equal_to_one_that_never_stopped(workshop, text, monkeypatch):
    straight = train(workshop, text, "straight", 6)
    after_step = Loop._after_step

    def interrupted(self, loss, writer, bar):
        after_step(self, loss, writer, bar)
        if self.state.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Loop, "_after_step", interrupted)
    first = train(workshop, text, "stopped", 6)
    assert (first.step, first.finished) == (3, False)
    monkeypatch.setattr(Loop, "_after_step", after_step)
    second = train(workshop, text, "stopped", 6)
    assert (second.step, second.finished) == (6, True)
    ours, theirs = load_file(second.folder / CHECKPOINT), load_file(straight.folder / CHECKPOINT)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert load_file(second.weight).keys() == load_file(straight.weight).keys()


def test_a_vae_learns_and_its_file_loads(workshop):
    result = train(workshop, VAE_RECIPE, "vae", 60)
    clips = frames_to_pixels(folder_clips(workshop / "videos", 4, size=32, num_frames=4, fps=8)[0])
    untrained = load_vae(workshop / "vae.safetensors")
    trained = load_vae(result.weight)
    with torch.no_grad():
        error = [float((vae.decode(vae.encode(clips).mean) - clips).abs().mean()) for vae in (untrained, trained)]
    assert error[1] < 0.5 * error[0]
    assert trained.config == VAE_CONFIGS["tiny"]
    assert list(result.folder.glob("sheet-*.png"))


def test_a_small_vae_copies_another(workshop):
    """Its latents come nearer to the teacher's, and a VDT recipe takes its file."""
    text = VAE_RECIPE.replace('kind = "vae"', 'kind = "vae"\nteacher = "vae.safetensors"').replace(
        'name = "tiny"', 'name = "fast"\nwidths = [8, 8, 8]\nencoder_blocks = [0, 0, 0]\ndecoder_blocks = [0, 0, 0]'
    )
    text = text.replace("warmup = 2", "warmup = 2\nclip_norm = 100.0")
    teacher = load_vae(workshop / "vae.safetensors")
    clips = frames_to_pixels(folder_clips(workshop / "videos", 4, size=32, num_frames=4, fps=8)[0])
    error = []
    for name, steps in (("early", 1), ("late", 120)):
        copy = load_vae(train(workshop, text, name, steps).weight)
        with torch.no_grad():
            error.append(float((copy.encode(clips).mean - teacher.encode(clips).mean).square().mean()))
    assert error[1] < 0.5 * error[0]
    assert copy.config == FastVAEConfig(widths=(8, 8, 8), encoder_blocks=(0, 0, 0), decoder_blocks=(0, 0, 0))
    train(workshop, VDT_RECIPE.replace("vae.safetensors", "late/late.safetensors"), "vdt", 1)


def test_a_vdt_learns_from_latents_of_the_bundled_small_vae(workshop):
    train(workshop, VDT_RECIPE.replace("vae.safetensors", "bundled fast"), "vdt", 1)
    (latents,) = (workshop / "vdt").glob("latents-*.safetensors")
    assert encoder_key(load_vae(bundled("vae-fast"))) in latents.name


def test_a_vdt_learns_its_one_clip_and_its_file_loads(workshop):
    losses = []
    step = Loop.step

    def watched(self):
        loss = step(self)
        losses.append(float(loss.scalars["mse"].detach()))
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "step", watched)
        result = train(workshop, VDT_RECIPE, "vdt", 150)
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])
    model = load_model(result.weight)
    assert model.config.num_frames == 4
    scaled = scale_latents(load_file(next(result.folder.glob("latents-*")))["latents"].float(), model.config.diffusion)
    assert torch.allclose(scaled.std((0, 1, 3, 4)), torch.ones(4), atol=0.05)


def test_a_vae_starts_from_the_file_it_is_told(workshop):
    text = VAE_RECIPE.replace("[model]", 'init = "vae.safetensors"\n[model]').replace("lr = 3e-3", "lr = 0.0")
    made = load_file(train(workshop, text, "same", 1).weight)
    start = load_vae(workshop / "vae.safetensors").state_dict()
    assert all(torch.equal(made[name].float(), value.half().float()) for name, value in start.items())


def test_a_decoder_trained_alone_leaves_the_latents_alone(workshop):
    text = VAE_RECIPE.replace("[model]", 'init = "vae.safetensors"\ndecoder_only = true\n[model]')
    made = load_file(train(workshop, text, "decoder", 3).weight)
    start = {name: value.half() for name, value in _vae_state(workshop).items()}
    moved = {name for name, value in start.items() if not torch.equal(made[name], value)}
    parts = {name.split(".")[0] for name in moved}
    assert parts == {"decoder", "post_quant_conv"}


@needs_muon
def test_muon_without_transformer_blocks_is_refused(workshop):
    text = VAE_RECIPE.replace("[optim]", '[optim]\noptimizer = "muon"')
    with pytest.raises(ValueError, match='use "adamw"'):
        train(workshop, text, "muon", 1)


def test_a_vdt_that_starts_from_a_file_keeps_its_scale_unless_told_to_fit_it_anew(workshop):
    first = load_model(train(workshop, VDT_RECIPE, "first", 2).weight)
    loud = {name: 3 * value if name.startswith("quant_conv") else value for name, value in _vae_state(workshop).items()}
    save_vae(loud, VAE_CONFIGS["tiny"], workshop / "vae.safetensors")  # the latents are three times as large now
    text = VDT_RECIPE.replace("[model]", 'init = "first/first.safetensors"\n[model]').replace("lr = 3e-3", "lr = 0.0")
    kept = load_model(train(workshop, text, "kept", 1).weight)
    fitted = load_model(train(workshop, text.replace("[model]", "rescale = true\n[model]"), "fitted", 1).weight)
    assert kept.config == first.config
    ratios = np.array(first.config.diffusion.latent_scale) / np.array(fitted.config.diffusion.latent_scale)
    assert ratios == pytest.approx(3.0, rel=0.02)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), fitted.parameters(), strict=True))


@needs_muon
def test_the_recipes_for_a_folder_of_ones_own_run_as_they_stand(tmp_path):
    """But for the numbers of steps and of clips in a batch: first the VAE, then the VDT, from the bundled files."""
    (tmp_path / "my_videos").mkdir()
    frames = np.full((17, 72, 96, 3), 90, np.uint8)
    for t in range(17):
        frames[t, 20:40, 4 * t : 4 * t + 20] = (30, 200, 90)
    write_video(tmp_path / "my_videos" / "one.mp4", frames, 8)
    for name in ("own-vae", "own-vdt"):
        text = files("vdt.training").joinpath(f"recipes/{name}.toml").read_text(encoding="utf-8")
        recipe = tmp_path / f"{name}.toml"
        for key, value in (("steps", 1), ("batch", 2)):
            text, found = re.subn(rf"(?m)^{key} = \d+", f"{key} = {value}", text)
            assert found == 1, (name, key)
        recipe.write_text(text, encoding="utf-8")
        result = train_from_recipe(recipe, output=tmp_path / "runs" / name, progress=False)
        assert result.finished and result.weight.is_file()
    assert load_model(result.weight).config.hidden_size == load_model(bundled("vdt")).config.hidden_size


def _vae_state(workshop):
    return load_vae(workshop / "vae.safetensors").state_dict()


def test_folder_windows_follow_one_another_and_skip_broken_files(workshop):
    clips = folder_clips(workshop / "videos", 100, size=32, num_frames=4, fps=8)
    assert clips.shape == (4, 4, 32, 32, 3)  # two windows of each readable video
    assert len(folder_clips(workshop / "videos", 2, size=32, num_frames=4, fps=8)) == 2
    with pytest.raises(ValueError, match="no window of 64 frames"):
        folder_clips(workshop / "videos", 2, size=32, num_frames=64, fps=8)
    with pytest.raises(ValueError, match="no folder of videos"):
        folder_clips(workshop / "none", 2, size=32, num_frames=4, fps=8)


def test_state_of_another_model_is_refused(workshop):
    train(workshop, VAE_RECIPE, "vae", 1)
    other = VAE_RECIPE.replace('name = "tiny"', 'name = "small"')
    with pytest.raises(ValueError, match=r"another recipe \(.*model.*put that back"):
        train(workshop, other, "vae", 2)
    with pytest.raises(ValueError, match="another model"):
        train(workshop, other, "vae", 2, changed=True)


def test_a_changed_recipe_is_refused_unless_only_steps_or_the_run_changed(workshop):
    train(workshop, VDT_RECIPE, "vdt", 2)
    changes = {
        "optim.lr is 0.1, was 0.003": ("lr = 3e-3", "lr = 0.1"),
        "optim.batch is 3, was 2": ("batch = 2", "batch = 3"),
        "optim.optimizer is muon, was adamw": ("[optim]", '[optim]\noptimizer = "muon"'),
    }
    if not hasattr(torch.optim, "Muon"):
        del changes["optim.optimizer is muon, was adamw"]
    for message, (before, after) in changes.items():
        with pytest.raises(ValueError, match=message):
            train(workshop, VDT_RECIPE.replace(before, after), "vdt", 4)
    free = VDT_RECIPE.replace("log_every = 1", "log_every = 2").replace("save_every = 1000", "save_every = 3")
    assert train(workshop, free, "vdt", 4).step == 4
    taken = train(workshop, VDT_RECIPE.replace("lr = 3e-3", "lr = 1e-3"), "vdt", 5, changed=True)
    assert taken.step == 5


@needs_muon
def test_moments_follow_their_parameters_to_another_optimiser(workshop):
    train(workshop, VDT_RECIPE, "vdt", 3)
    before = load_file(workshop / "vdt" / CHECKPOINT)
    train(workshop, MUON_RECIPE, "vdt", 3, changed=True)  # no step more: what was loaded is written again
    after = load_file(workshop / "vdt" / CHECKPOINT)
    kept = {name for name in after if name.startswith("optimizer.adamw/") and name in before}
    assert any("final_layer.linear.weight" in name for name in kept)
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not any("qkv.weight" in name for name in after if name.startswith("optimizer."))  # these begin anew


@pytest.mark.parametrize("rate", ["1e30", "1e12"])
def test_a_run_that_diverges_loses_nothing(workshop, rate):
    text = VDT_RECIPE.replace("save_every = 1000", "save_every = 1")
    train(workshop, text, "vdt", 3)
    good = load_file(workshop / "vdt" / CHECKPOINT)
    exported = (workshop / "vdt" / "vdt.safetensors").read_bytes()
    with pytest.raises(DivergenceError, match="lower lr"):
        train(workshop, text.replace("lr = 3e-3", f"lr = {rate}"), "vdt", 60, changed=True)
    state = load_file(workshop / "vdt" / CHECKPOINT)
    assert all(bool(torch.isfinite(value).all()) for value in state.values() if value.is_floating_point())
    assert (workshop / "vdt" / "vdt.safetensors").read_bytes() == exported
    if rate == "1e30":
        assert all(torch.equal(good[name], state[name]) for name in good)


def test_distillation_starts_from_its_teacher_and_is_refused_without_one(workshop):
    teacher = train(workshop, VDT_RECIPE, "teacher", 2)
    distil = VDT_RECIPE + "[distill]\nsteps = 3\nsubsteps = 2\n"
    with pytest.raises(ValueError, match="without a teacher"):
        train(workshop, distil, "orphan", 1)
    with pytest.raises(ValueError, match="distill: steps must be a whole number from 0"):
        train(workshop, distil.replace("steps = 3\nsub", "steps = -1\nsub"), "short", 1)
    assert {path.parent.name for path in workshop.glob("*/latents-*")} == {"teacher"}  # refused before any encoding
    taught = distil.replace("[model]", 'init = "teacher/teacher.safetensors"\n[model]')
    result = train(workshop, taught, "student", 2)
    assert result.finished and load_model(result.weight).config == load_model(teacher.weight).config
    learned, taught_by = load_file(result.weight), load_file(teacher.weight)
    assert not all(map(torch.equal, learned.values(), taught_by.values()))
    half = train(workshop, taught.replace("substeps = 2", "substeps = 2\nteacher_share = 0.5"), "half", 2)
    for name, value in load_file(half.weight).items():  # in half precision
        middle = (learned[name].float() + taught_by[name].float()) / 2
        torch.testing.assert_close(value.float(), middle, rtol=2e-3, atol=1e-6)


def test_min_snr_on_zero_terminal_snr_is_refused(workshop):
    """It would weigh the last step, pure noise, with 0: nothing would ever be learned there."""
    text = VDT_RECIPE.replace("[model]", "min_snr_gamma = 5.0\n[model]")
    text += '[model.diffusion]\nprediction = "v"\nzero_terminal_snr = true\n'
    with pytest.raises(ValueError, match=r"min_snr_gamma = 5 gives pure noise.*weight 0"):
        train(workshop, text, "vdt", 1)


def test_what_does_not_fit_the_memory_is_refused_before_it_is_made(workshop, monkeypatch):
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 2**20)
    with pytest.raises(ValueError, match=r"GiB of memory.*are free"):
        train(workshop, VDT_RECIPE.replace("num_frames = 4\ninput_size = 4", "depth = 1000"), "vdt", 1)
    scenes = VAE_RECIPE.replace('"folder"', '"scenes"').replace("size = 32", "size = 4096\nclips = 1000000")
    with pytest.raises(ValueError, match=r"GiB of memory"):
        train(workshop, scenes, "vae", 1)


def test_muon_without_torch_2_9_is_refused_and_adamw_trains(workshop, monkeypatch):
    """torch.optim.Muon is looked for only where a recipe asks for it."""
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    monkeypatch.delitem(sys.modules, "vdt.training.optim.muon", raising=False)
    with pytest.raises(ValueError, match=r'"muon" needs torch 2\.9 or newer.*use "adamw"'):
        train(workshop, MUON_RECIPE, "muon", 1)
    assert train(workshop, VDT_RECIPE, "adamw", 1).finished


def test_a_run_stopped_while_it_is_not_finite_saves_and_exports_nothing(workshop, monkeypatch):
    """SIGTERM after a step that has thrown the weights away: what was good stays, and one sentence says so."""
    train(workshop, VDT_RECIPE, "vdt", 2)
    before = {path.name: path.read_bytes() for path in (workshop / "vdt").glob("*.safetensors")}
    step = Loop.step

    def broken(self):
        loss = step(self)
        with torch.no_grad():
            next(self.state.model.parameters()).fill_(float("nan"))
        os.kill(os.getpid(), signal.SIGTERM)
        return loss

    monkeypatch.setattr(Loop, "step", broken)
    with pytest.raises(DivergenceError, match="--changed"):
        train(workshop, VDT_RECIPE, "vdt", 9)
    assert {path.name: path.read_bytes() for path in (workshop / "vdt").glob("*.safetensors")} == before


def test_a_run_that_diverges_before_its_first_checkpoint_says_so_and_starts_anew_with_the_rate_mended(workshop):
    text = VDT_RECIPE.replace("warmup = 2", "warmup = 0")
    with pytest.raises(DivergenceError, match="there is no checkpoint yet"):
        train(workshop, text.replace("lr = 3e-3", "lr = 1e30"), "vdt", 40)
    assert not (workshop / "vdt" / CHECKPOINT).exists()
    assert train(workshop, text, "vdt", 2).finished


def test_a_contact_sheet_that_fails_loses_no_step(workshop, monkeypatch):
    """As on a full disk: the checkpoint is written before it."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Loop, "_sheet", full)
    with pytest.raises(OSError, match="No space left"):
        train(workshop, VDT_RECIPE, "vdt", 3)
    monkeypatch.undo()
    assert json.loads(safe_open(workshop / "vdt" / CHECKPOINT, "pt").metadata()["step"]) == 3


def test_recipes_of_extreme_numbers_train_or_are_refused_before_anything_is_made(workshop, monkeypatch):
    """Every setting at the ends of its range, one at a time; what is accepted is trained for a step."""
    monkeypatch.setattr("vdt.bounds.free_bytes", lambda: 2**30)  # however large the machine is
    changes = [
        ("lr = 3e-3", f"lr = {value}") for value in ("0.0", "1e-300", "1e300", "-1.0", "inf")
    ] + [
        ("batch = 2", f"batch = {value}") for value in ("1", "0", "-3", "65536000")
    ] + [
        ("[run]", f"{line}\n[run]")
        for line in ("betas = [0.0, 0.0]", "betas = [1.0, 1.0]", "decay = 1.0", "decay = 0.0", "clip_norm = 1e-12",
                     "clip_norm = 0.0", "ema = 0.0", "ema = 1.0", "weight_decay = 1e300", "precision = 'int8'")
    ] + [
        ("warmup = 2", f"warmup = {value}") for value in ("0", "1000000000", "-1")
    ] + [
        ("num_frames = 4\n[optim]", f"{line}\n[optim]")
        for line in ("num_frames = 1", "num_frames = 1000000", "num_frames = 4\nat_start = 1.0",
                     "num_frames = 4\nfps = 1e-3",
                     "num_frames = 4\nclips = 8\nfps = 1000.0", "num_frames = 4\nclips = 1")
    ] + [
        ("size = 32", f"size = {value}") for value in ("8", "1", "16384")
    ]  # fmt: skip
    trained = 0
    for before, after in changes:
        assert VDT_RECIPE.count(before) == 1, before
        try:
            train(workshop, VDT_RECIPE.replace(before, after), "vdt", 1, resume=False)
        except ValueError as error:
            assert "\n" not in str(error) and len(str(error)) < 500, after
        else:
            trained += 1
    assert trained >= 15
