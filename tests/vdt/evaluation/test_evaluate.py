"""The whole evaluation on drawn clips with networks whose answers are known."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vdt.completion import decode_frames
from vdt.config import VDT_CONFIGS
from vdt.diffusion import derived_seed, sample_latents
from vdt.evaluation import contact_to_predict, evaluate, known_frames, markdown_table, write_report
from vdt.evaluation.networks import Sampling, network_frames
from vdt.evaluation.plots import frame_ticks
from vdt.frames import to_pixels
from vdt.masks import predict
from vdt.model import VDT
from vdt.rollout import complete_clip

T = 8
METHODS = ["model", "vae", "copy_last", "constant_velocity", "quadratic", "readout"]


class Oracle(torch.nn.Module):
    """A model that answers v = sqrt(abar) eps - sqrt(1 - abar) x0 for latents it was told."""

    def __init__(self, clips, vae):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(()))
        base = VDT_CONFIGS["VDT-Tiny/2"]
        diffusion = dataclasses.replace(base.diffusion, prediction="v", latent_scale=0.5, latent_shift=0.25)
        self.config = dataclasses.replace(base, diffusion=diffusion, in_channels=192, num_frames=T)
        frames = torch.from_numpy(np.stack([clip.frames for clip in clips])).permute(0, 1, 4, 2, 3) / 127.5 - 1
        self.truth = (vae.encode_video(frames) - diffusion.latent_shift) * diffusion.latent_scale
        betas = torch.linspace(diffusion.beta_start, diffusion.beta_end, 1000, dtype=torch.float64)
        self.signal = torch.cumprod(1 - betas, 0)

    def forward(self, x, t, mask=None):
        known = (x - self.truth).abs().flatten(2).amax(-1) < 1e-5
        assert known.any(1).all() and not known.all(1).any()  # sees what is given, and only that
        a = self.signal[t].sqrt()[:, None, None, None, None].float()
        s = (1 - self.signal[t]).sqrt()[:, None, None, None, None].float()
        return (a * x - self.truth) / s  # v of eps = (x - a x0) / s


@pytest.fixture
def clips(make_clip):
    times = np.arange(T)[:, None]
    flying = [np.array([6.0, 10.0 + i]) + times * [3.0, 0.5] + 0.3 * times**2 * [0, 1] for i in range(2)]
    hit = np.minimum(np.array([8.0, 24.0]) + times * [3.5, 0.0], [25.0, 24.0])
    pushed = np.array([35.0, 24.0]) + np.clip(times - 5, 0, None) * [1.5, 0.0]
    return [
        make_clip(flying[0], seed=1),
        make_clip(hit, pushed, contact_frame=5, family="roll_collide", seed=2),
        make_clip(flying[1], seed=3),
        make_clip(np.minimum(hit, [14.0, 24.0]), (35, 24), family="roll_collide", seed=4),
    ]


@pytest.fixture
def report(clips, exact_vae):
    return evaluate(Oracle(clips, exact_vae), exact_vae, clips, given=4, steps=3, batch_size=4, samples_per_family=1)


def test_report_has_the_promised_shape(report):
    values = json.loads(report.to_json())
    assert values["count"] == 4 and values["given"] == 4 and values["split"] == "test" and values["size"] == [48, 48]
    assert list(values["families"]) == ["projectile", "roll_collide", "all"]
    for methods in values["families"].values():
        assert sorted(methods) == sorted(METHODS)
        for record in methods.values():
            assert {"centroid_px", "centroid_px_ci", "present", "psnr", "ssim", "centroid_px_by_frame"} <= set(record)
            low, high = record["centroid_px_ci"]
            assert low <= record["centroid_px"] <= high
            assert len(record["centroid_px_by_frame"]) == T
            assert record["centroid_px_by_frame"][:4] == [None] * 4
        assert {"given_exact", "contact_accuracy", "contact_majority"} <= set(methods["model"])


def test_a_perfect_model_reaches_the_readout_floor(report):
    for methods in report.values["families"].values():
        for name in ("model", "vae"):
            assert methods[name]["centroid_px"] == pytest.approx(methods["readout"]["centroid_px"], abs=0.02)
            assert methods[name]["present"] == 1
            assert methods[name]["psnr"] > 45
        assert methods["model"]["given_exact"] == 1
        assert methods["readout"]["centroid_px"] < 0.15
        assert methods["copy_last"]["centroid_px"] > 2


def test_seams_stand_beside_the_median_step(clips, report):
    steps = [np.abs(np.diff(clip.frames.astype(int), axis=0)).mean((1, 2, 3)) for clip in clips]
    methods = report.values["families"]["all"]
    for name in ("model", "vae", "readout"):  # four given frames, so that the seam is the step from frame 3 to 4
        assert methods[name]["seam"] == pytest.approx(np.mean([step[3] for step in steps]), abs=0.05)
        assert methods[name]["step"] == pytest.approx(
            np.mean([np.median(np.delete(step, 3)) for step in steps]), abs=0.05
        )
    assert methods["copy_last"]["seam"] == 0


def test_baselines_are_right_where_their_law_holds(report):
    flying = report.values["families"]["projectile"]
    assert flying["quadratic"]["centroid_px"] < flying["constant_velocity"]["centroid_px"] < 6
    assert flying["constant_velocity"]["centroid_px"] < flying["copy_last"]["centroid_px"]


def test_contact_stands_beside_the_majority(report):
    families = report.values["families"]
    assert families["projectile"]["model"]["contact_accuracy"] is None
    assert families["projectile"]["model"]["contact_majority"] is None
    for family in ("roll_collide", "all"):
        model = families[family]["model"]
        assert (model["contact_accuracy"], model["contact_majority"], model["contact_clips"]) == (1, 0.5, 2)
        assert families[family]["copy_last"]["contact_accuracy"] == 0.5


def test_contact_counts_only_what_is_still_to_come(make_clip):
    known = np.arange(T) < 4
    ball = np.tile([[10.0, 24.0]], (T, 1))
    answers = [contact_to_predict(make_clip(ball, (35, 24), contact_frame=frame), known) for frame in (-1, 0, 3, 4, 7)]
    assert answers == [False, None, None, True, True]
    assert contact_to_predict(make_clip(ball), known) is None
    assert contact_to_predict(make_clip(ball, (35, 24)), ~known) is None


def test_given_exactness_is_measured(clips, exact_vae, monkeypatch):
    import importlib

    module = importlib.import_module("vdt.evaluation.evaluate")

    def careless(model, vae, frames, known, sampling, *, start):
        return {"model": [np.where(f == f.max(), f - 1, f) for f in frames], "vae": [f.copy() for f in frames]}

    monkeypatch.setattr(module, "network_frames", careless)
    values = evaluate(SimpleNamespace(), SimpleNamespace(), clips, given=4).values
    assert values["families"]["all"]["model"]["given_exact"] == 0


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_noise_belongs_to_the_clip(tiny_model, sampler):
    tiny_model.double()  # untrained, it answers in hundreds, of which float32 rounds more than the bound
    latents = torch.randn(2, 6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = predict(6, 8, 8, given=2)[None]
    settings = {"steps": 3, "sampler": sampler, "guidance_scale": 1.5}
    generators = [torch.Generator().manual_seed(derived_seed(0, index)) for index in range(2)]
    both = sample_latents(tiny_model, latents, mask, generator=generators, **settings)
    for index in range(2):
        clip, generator = latents[index : index + 1], torch.Generator().manual_seed(derived_seed(0, index))
        single = sample_latents(tiny_model, clip, mask, generator=generator, **settings)
        assert torch.allclose(both[index], single[0], atol=1e-4)
    assert not torch.allclose(both[0, 2:], both[1, 2:], atol=0.1)


def test_real_networks_do_not_depend_on_the_batch(tiny_model, tiny_vae, make_clip):
    times = np.arange(6)[:, None]
    clips = [make_clip(np.array([6.0, 10.0 + i]) + times * [3.0, 1.0]) for i in range(3)]
    runs = [evaluate(tiny_model, tiny_vae, clips, given=3, steps=2, batch_size=size) for size in (1, 3)]
    first, second = (run.values["families"]["all"]["model"] for run in runs)
    assert first["given_exact"] == second["given_exact"] == 1
    assert first["psnr"] == pytest.approx(second["psnr"], abs=0.01)


def test_clips_longer_than_the_models_are_rolled_out(tiny_model, tiny_vae, make_clip):
    times = np.arange(14)[:, None]
    clips = [make_clip(np.array([4.0, 10.0 + i]) + times * [2.0, 1.0]) for i in range(2)]
    runs = [evaluate(tiny_model, tiny_vae, clips, given=3, steps=1, batch_size=size) for size in (1, 2)]
    first, second = (run.values["families"]["all"]["model"] for run in runs)
    assert first["given_exact"] == 1 and first["psnr"] == pytest.approx(second["psnr"], abs=0.01)
    known = np.arange(14) < 3
    frames = torch.stack([to_pixels(clips[1].frames)])
    raw = torch.where(torch.from_numpy(known)[:, None, None, None], tiny_vae.encode_video(frames)[0].detach(), 0)
    made = complete_clip(tiny_model, raw, predict(14, *raw.shape[-2:], given=3), seed=derived_seed(0, 1), steps=1)
    mine = network_frames(tiny_model, tiny_vae, [clips[1].frames], known, Sampling(steps=1, still=0), start=1)["model"][
        0
    ]
    assert np.abs(mine[3:].astype(int) - decode_frames(tiny_vae, made)[3:]).max() <= 1


def test_tasks_give_their_frames():
    assert np.flatnonzero(known_frames("predict", 8, given=3)).tolist() == [0, 1, 2]
    assert np.flatnonzero(known_frames("backward", 8, given=3)).tolist() == [5, 6, 7]
    assert np.flatnonzero(known_frames("interpolate", 9, every=4)).tolist() == [0, 4, 8]
    assert np.flatnonzero(known_frames("frames", 9, listed="0-1,-1")).tolist() == [0, 1, 8]
    assert np.flatnonzero(known_frames("image_to_video", 8)).tolist() == [0]


@pytest.mark.parametrize("task", ["interpolate", "frames"])
def test_gaps_add_the_linear_blend(clips, task):
    families = evaluate(None, None, clips, task=task, every=4).values["families"]
    assert list(families["all"]) == ["copy_last", "linear_blend", "constant_velocity", "quadratic", "readout"]
    assert families["all"]["copy_last"]["contact_accuracy"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "dream"}, "dream"),
        ({"given": T}, "given"),
        ({"sampler": "euler"}, "euler"),
        ({"model": VDT(VDT_CONFIGS["VDT-Tiny/2"])}, "VAE"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(clips, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(options.pop("model", None), None, clips, **{"given": 4, **options})


def test_no_clips_is_refused():
    with pytest.raises(ValueError, match="at least one clip"):
        evaluate(None, None, [])


def test_report_files_are_written_whole(report, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "new" / "report"
    write_report(report, folder)
    names = ["centroid.png", "error_by_frame.png", "report.json", "samples.gif", "sheet.png", "table.md"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert json.loads((folder / "report.json").read_text()) == json.loads(report.to_json())


def test_frames_are_numbered_at_multiples_of_powers_of_two():
    assert frame_ticks(8, 15) == list(range(8, 16))
    assert frame_ticks(8, 63) == [8, 16, 24, 32, 40, 48, 56]
    assert frame_ticks(1, 14) == [2, 4, 6, 8, 10, 12, 14]
    assert frame_ticks(5, 5) == [5]


def test_table_has_a_row_for_each_method_of_each_family(report):
    rows = [line for line in markdown_table(report).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3 * len(METHODS)
    assert len({row.count("|") for row in rows}) == 1
    assert any("roll collide (n=2) | VDT" in row and "100% (50%)" in row for row in rows)


def test_no_global_random_state_is_touched(clips, exact_vae):
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    evaluate(Oracle(clips, exact_vae), exact_vae, clips, given=4, steps=2, batch_size=4)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
