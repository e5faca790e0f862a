"""The whole evaluation on drawn clips with networks whose answers are known."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from vdt.config import VDT_CONFIGS
from vdt.diffusion import EVEN_DDIM
from vdt.inference.pipeline import GeneratedClip, Pipeline
from vdt.inference.settings import CompositingConfig, GenerationConfig
from vdt.masks.tasks import Frames, Interpolate, Predict
from vdt.media.frames import frames_to_pixels
from vdt.models.conditioning.record import NOTHING
from vdt.physics.evaluate import evaluate_scenes
from vdt.physics.object_report import objects_table
from vdt.physics.report import markdown_table, write_report

T = 8
HALF = Predict(given=4)
METHODS = ["model", "vae", "copy_last", "constant_velocity", "quadratic", "readout"]


def ddim(steps):
    return GenerationConfig(sampling=dataclasses.replace(EVEN_DDIM, steps=steps))


class Oracle(torch.nn.Module):
    """A model that knows the true latents and answers v = sqrt(abar) eps - sqrt(1 - abar) x0 for them."""

    def __init__(self, clips, vae):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(()))
        base = VDT_CONFIGS["VDT-Tiny/2"]
        diffusion = dataclasses.replace(base.diffusion, prediction="v", latent_scale=0.5, latent_shift=0.25)
        self.config = dataclasses.replace(base, diffusion=diffusion, in_channels=192, num_frames=T)
        latents = torch.stack([vae.encode(frames_to_pixels(clip.frames)).mean for clip in clips])
        self.truth = (latents - diffusion.latent_shift) * diffusion.latent_scale
        betas = torch.linspace(diffusion.beta_start, diffusion.beta_end, 1000, dtype=torch.float64)
        self.signal = torch.cumprod(1 - betas, 0)

    def forward(self, x, t, conditioning=NOTHING):
        given = (x - self.truth).abs().flatten(2).amax(-1) < 1e-5
        assert given.any(1).all() and not given.all(1).any()  # the ground truth is hidden
        assert (given == ~conditioning.mask.flatten(2).any(-1)).all()
        a = self.signal[t].sqrt()[:, None, None, None, None].float()
        s = (1 - self.signal[t]).sqrt()[:, None, None, None, None].float()
        return (a * x - self.truth) / s  # v of eps = (x - a x0) / s


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def oracle(clips, exact_vae):
    return Pipeline(Oracle(clips, exact_vae), exact_vae)


@pytest.fixture(scope="module")
def report(clips, oracle):
    return evaluate_scenes(oracle, clips, task=HALF, config=ddim(3), batch_size=4, samples_per_family=1)


def test_report_has_the_promised_shape(report):
    values = json.loads(report.to_json())
    assert values["count"] == 4 and values["given"] == 4 and values["split"] == "test" and values["size"] == [48, 48]
    assert values["known_frames"] == [0, 1, 2, 3]
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


def test_a_perfect_model_reaches_the_floor_of_the_tracker(report):
    for methods in report.values["families"].values():
        for name in ("model", "vae"):
            assert methods[name]["centroid_px"] == pytest.approx(methods["readout"]["centroid_px"], abs=0.02)
            assert methods[name]["present"] == 1
            assert methods[name]["psnr"] > 45
        assert methods["model"]["given_exact"] == 1
        assert methods["model"]["ball_iou"] == pytest.approx(1, abs=0.02) and methods["model"]["ball_delta_e"] < 0.5
        assert methods["readout"]["ball_iou"] == 1 and methods["readout"]["ball_levels"] == 0
        assert methods["copy_last"]["ball_iou_last"] < methods["copy_last"]["ball_iou"] < 0.9
        assert methods["readout"]["centroid_px"] < 0.15
        assert methods["copy_last"]["centroid_px"] > 2


def test_seams_are_compared_with_the_median_step(clips, report):
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


def test_contact_is_compared_with_the_majority(report):
    families = report.values["families"]
    assert families["projectile"]["model"]["contact_accuracy"] is None
    assert families["projectile"]["model"]["contact_majority"] is None
    for family in ("roll_collide", "all"):
        model = families[family]["model"]
        assert (model["contact_accuracy"], model["contact_majority"], model["contact_clips"]) == (1, 0.5, 2)
        assert families[family]["copy_last"]["contact_accuracy"] == 0.5


def test_given_exactness_is_measured(clips, oracle):
    @dataclasses.dataclass(frozen=True, eq=False)
    class Careless(Pipeline):
        """Changes given pixels."""

        def generate_batch(self, clips, mask, **records):
            changed = [np.where(frames == frames.max(), frames - 1, frames) for frames in clips]
            return [GeneratedClip(frames=frames, mask=mask.numpy(), latents=None) for frames in changed]

    values = evaluate_scenes(Careless(oracle.model, oracle.vae), clips, task=HALF).values
    assert values["families"]["all"]["model"]["given_exact"] == 0


def test_real_networks_do_not_depend_on_the_batch(tiny_model, tiny_vae, make_clip):
    for length, step in ((6, 3.0), (14, 2.0)):  # one window, and several
        times = np.arange(length)[:, None]
        clips = [make_clip(np.array([4.0, 10.0 + i]) + times * [step, 1.0]) for i in range(3)]
        records = {
            "task": Predict(given=3),
            "config": dataclasses.replace(ddim(2), compositing=CompositingConfig(static_background=0.0)),
        }
        pipeline = Pipeline(tiny_model, tiny_vae)
        runs = [evaluate_scenes(pipeline, clips, batch_size=size, **records) for size in (1, 3)]
        first, second = (run.values["families"]["all"]["model"] for run in runs)
        assert first["given_exact"] == second["given_exact"] == 1
        assert first["psnr"] == pytest.approx(second["psnr"], abs=0.02), length


def test_gaps_add_the_linear_blend(clips):
    for task in (Interpolate(every=4), Frames(given_frames="0,-1")):
        families = evaluate_scenes(None, clips, task=task).values["families"]
        assert list(families["all"]) == ["copy_last", "linear_blend", "constant_velocity", "quadratic", "readout"]
        assert families["all"]["copy_last"]["contact_accuracy"] is None


def test_bad_input_is_refused_with_a_sentence(clips):
    with pytest.raises(ValueError, match="given"):
        evaluate_scenes(None, clips, task=Predict(given=T))
    with pytest.raises(ValueError, match="at least one clip"):
        evaluate_scenes(None, [])
    longer = dataclasses.replace(clips[0], frames=clips[0].frames.repeat(2, axis=0))
    with pytest.raises(ValueError, match="one size and length"):
        evaluate_scenes(None, [clips[0], longer])


def test_report_files_are_written_whole(report, tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "new" / "report"
    write_report(report, folder)
    plots = ["centroid.png", "error_by_frame.png", "objects.png"]
    names = [*plots, "report.json", "samples.gif", "sheet.png", "table.md"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert json.loads((folder / "report.json").read_text()) == json.loads(report.to_json())


def test_objects_have_a_row_for_each_of_model_vae_and_baseline(report):
    rows = objects_table(report).splitlines()[2:8]
    assert [row.split(" | ")[0] for row in rows] == ["| ball"] * 3 + ["| target"] * 3
    assert "| ball | VDT | 1.00 (1.00 to 1.00) | 1.00 | 100.0% |" in rows[0]
    assert report.values["families"]["projectile"]["model"]["target_iou"] is None  # thrown balls have no target


def test_table_has_a_row_for_each_method_of_each_family(report):
    rows = [line for line in markdown_table(report).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3 * len(METHODS)
    assert len({row.count("|") for row in rows}) == 1
    assert any("roll collide (n=2) | VDT" in row and "100% (50%)" in row for row in rows)


def test_no_global_random_state_is_touched(clips, oracle):
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    evaluate_scenes(oracle, clips, task=HALF, config=ddim(2), batch_size=4)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
