"""The records and tables of `vdt bench`, on models small enough to run here; times are never judged."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from vdt.benchmarks.clip import bench_clip, clip_table
from vdt.benchmarks.forward import PRECISIONS, bench_forward, forward_table
from vdt.benchmarks.learning import PowerLaw, bench_learning, fit_power_law, learning_table, plot_learning
from vdt.benchmarks.memory import bench_memory, memory_table
from vdt.benchmarks.predictions import TABLE_METRICS
from vdt.benchmarks.quality import bench_quality, plot_quality, quality_table
from vdt.benchmarks.scaling import attention_share, bench_scaling, even_reach, plot_scaling, scaling_table
from vdt.benchmarks.stream import bench_stream, plot_stream, relative_range, stream_table
from vdt.benchmarks.train import bench_train, train_table
from vdt.cli import main
from vdt.config import VAE_CONFIGS, VDT_CONFIGS
from vdt.diffusion import SamplingConfig
from vdt.inference.pipeline import Pipeline
from vdt.models.autoencoder import AutoencoderKL
from vdt.models.linear import has_products
from vdt.models.transformer import VDT
from vdt.physics.scenes import SceneClip

DDIM = SamplingConfig(steps=2, sampler="ddim", spacing="even")
TINY = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], input_size=64)


@pytest.fixture
def pipeline():
    config = dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], input_size=64, num_frames=6)
    return Pipeline(VDT(config, torch.Generator().manual_seed(0)), AutoencoderKL(VAE_CONFIGS["tiny"]).eval())


@pytest.fixture
def clips():
    """A red ball that crosses a grey picture, twice."""
    made = []
    for seed in (0, 1):
        centres = np.stack([10 + 8.0 * np.arange(6), np.full(6, 30.0 + seed)], axis=1)
        rows, columns = np.mgrid[:64, :64]
        frames = np.full((6, 64, 64, 3), 120, np.uint8)
        for frame, (x, y) in zip(frames, centres, strict=True):
            frame[np.hypot(columns - x, rows - y) < 6] = (220, 40, 30)
        made.append(
            SceneClip(
                frames=frames,
                family="projectile",
                seed=seed,
                split="val",
                names=("ball",),
                centres=centres[None].astype(np.float32),
                visible=np.ones((1, 6), np.float32),
                silhouettes=(frames[..., 0] == 220)[None],
                colours=np.array([[220, 40, 30]], np.uint8),
                radius=np.full(6, 6, np.float32),
                contact_frame=-1,
            )
        )
    return made


def test_forward_has_three_times_in_each_precision():
    pytest.importorskip("diffusers", reason="the peer is a model of it")
    record = bench_forward(TINY, num_frames=4, size=8, rounds=1)
    measured = ["fp32", *(["bf16"] if has_products(torch.bfloat16) else [])]  # an AVX2 CPU would take minutes for it
    assert [name for name in record if name in PRECISIONS] == measured
    for precision in measured:
        assert {"ours_s", "plain_s", "limit_s"} <= record[precision].keys()
        assert record[precision]["limit_s"] == pytest.approx(record["flops"] / record[precision]["peak_gflops"] / 1e9)
    assert record["peer"]["peer_s"] > 0  # the extra "test" has diffusers
    drawn = {name: {"ours_s": 2.0, "plain_s": 5.0, "limit_s": 1.6} for name in ("fp32", "bf16")}
    drawn["peer"] = {"ours_s": 2.0, "ours_limit_s": 1.6, "peer_s": 3.0, "peer_limit_s": 1.5}
    assert "| Latte of diffusers | 3.000 | 1.500 | 2.00 x |" in forward_table(drawn)
    assert "| fp32 | 2.000 | 5.000 | 1.600 | 2.50 x faster | 1.25 x |" in forward_table(drawn)


def test_a_clip_has_a_time_and_an_error_each_way(pipeline, clips):
    record = bench_clip(pipeline, clips, DDIM, student=pipeline, rounds=1, steps=3)
    assert record["clips"] == 2 and record["ours"]["steps"] == 2
    for name in ("ours", "student", "student1", "ancestral3"):
        assert record[f"{name}_s"] > 0 and record[f"{name}_centroid_px"] >= 0
    drawn = {**record, "ours_s": 2.0, "student_s": 1.0, "student1_s": 0.5, "ancestral3_s": 30.0}
    table = clip_table(drawn, steps=3)
    assert "| ours | 2.000 | 15.0 |" in table and "| student, 2 steps | 1.000 | 30.0 |" in table
    assert "| student, 1 step | 0.500 | 60.0 |" in table
    without = {key: value for key, value in drawn.items() if not key.startswith("student")}
    assert "student" not in clip_table(without, steps=3)


def test_a_step_of_training_learns_either_way():
    record = bench_train(dataclasses.replace(VDT_CONFIGS["VDT-Tiny/2"], learn_sigma=False), batch=2, rounds=1)
    assert record["ours_s"] > 0 and record["official_style_s"] > 0
    drawn = {**record, "ours_s": 1.0, "official_style_s": 1.75}
    assert "1.75 times as fast, 2 clips" in train_table(drawn)


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own():
    record = bench_memory(lengths=(16,))
    for stage in ("encode", "sample", "decode"):
        (growth,) = record[f"{stage}_mib"]
        assert 0 < growth < 1000
    assert memory_table(record).count("\n") == 5


@pytest.mark.slow
def test_a_long_video_is_read_extended_and_written_in_flat_memory(tmp_path):
    record = bench_stream(frames=160)
    assert record["frames"] == list(range(20, 161, 20)) and len(record["rss_mib"]) == 8
    low, high = relative_range(record)
    assert -0.05 < low <= 0 <= high < 0.05
    assert f"{low:+.1%} to {high:+.1%}" in stream_table(record)
    plot_stream(record, tmp_path / "memory.png")
    assert np.asarray(Image.open(tmp_path / "memory.png")).std() > 5


def test_scaling_says_how_much_of_it_is_attention(tmp_path):
    records = bench_scaling(TINY, ((4, 32), (16, 8), (16, 16)), rounds=1)
    assert [record["size"] for record in records] == [256, 64, 128]
    assert 0 < records[1]["attention_share"] < records[2]["attention_share"] < 1
    assert scaling_table(records, TINY).count("\n") == 7
    plot_scaling(records, TINY, tmp_path / "scaling.png")
    assert np.asarray(Image.open(tmp_path / "scaling.png")).std() > 5


def test_attention_is_half_of_the_blocks_where_the_table_says():
    config = VDT_CONFIGS["VDT-S/2"]
    side = 2 * round((even_reach(config) - 16) ** 0.5)
    assert attention_share(config, 16, side) == pytest.approx(0.5, abs=0.01)  # the ends of the model are the rest
    assert attention_share(config, 16, side // 2) < 0.25 < 0.75 < attention_share(config, 16, side * 2)


def test_what_is_timed_skips_the_steps_that_the_step_cache_skips(pipeline, clips, monkeypatch):
    passes = []
    transform = type(pipeline.model).transform
    monkeypatch.setattr(type(pipeline.model), "transform", lambda *a: passes.append(1) or transform(*a))
    monkeypatch.setattr("vdt.benchmarks.quality.predict_half", lambda *a, **k: {"model": dict.fromkeys(TABLE_METRICS)})
    counted = []
    for threshold in (0.0, 1e9):
        passes.clear()
        setting = dataclasses.replace(DDIM, steps=6, guidance=1.0, step_cache=threshold)
        bench_quality(pipeline, clips, [setting])
        counted.append(len(passes))
    assert counted[1] * 6 == counted[0]  # all but the first of each run


def test_quality_has_a_row_and_a_point_for_every_setting(pipeline, clips, tmp_path):
    settings = [DDIM, SamplingConfig.named("unipc_quad", steps=2, step_cache=0.1)]
    records = bench_quality(pipeline, clips, settings)
    names = [f"{name}, 2 steps, guidance 1.5, temperature 0.5" for name in ("ddim", "unipc_quad")]
    names[1] += ", step cache 0.1"
    assert [record["setting"] for record in records] == names
    assert all(record["seconds"] > 0 and record["centroid_px"] > 0 for record in records)
    assert f"| {names[1]} |" in quality_table(records)
    plot_quality(records, tmp_path / "quality.png")
    assert np.asarray(Image.open(tmp_path / "quality.png")).std() > 5


def test_the_command_writes_one_record_or_says_what_there_is(tmp_path, capsys):
    file = tmp_path / "forward.json"
    assert main(["bench", "forward", "--size", "VDT-Tiny/2", "--rounds", "1", "--json", str(file)]) == 0
    assert "fp32" in json.loads(file.read_text(encoding="utf-8"))
    assert "| fp32 |" in capsys.readouterr().out
    assert main(["bench", "forward", "--size", "VDT-XXL"]) == 2
    assert "VDT-S/2" in capsys.readouterr().err


def test_a_power_law_is_fitted_exactly():
    law = fit_power_law([(clips, 50 * clips**-0.25) for clips in (1000, 5000, 80_000)])
    assert law.exponent == pytest.approx(0.25) and law.first_px == pytest.approx(50)
    assert law.error(10_000) == pytest.approx(5) and law.clips_for(5) == pytest.approx(10_000)
    assert fit_power_law([(10, 1.0), (20, 1.5)]).clips_for(0.5) is None  # worse with more
    assert fit_power_law([(10, 1.0), (20, 1.0)]).clips_for(0.5) is None  # no better
    assert PowerLaw(first_px=27.0, exponent=5e-17).clips_for(21.0) is None  # but for rounding
    with pytest.raises(ValueError, match="different numbers"):
        fit_power_law([(10, 1.0), (10, 2.0)])


def test_a_learning_curve_evaluates_each_weight(pipeline, clips, tmp_path):
    other = VDT(pipeline.model.config, torch.Generator().manual_seed(1))
    record = bench_learning([(10, pipeline), (1000, Pipeline(other, pipeline.vae))], clips, DDIM)
    assert [point["clips_learned"] for point in record["points"]] == [10, 1000] and record["clips"] == 2
    assert record["target_px"] == 1.5 * record["vae_px"]
    drawn = {**record, "exponent": 1.0, "clips_for_target": 4e6, "target_px": 0.25}
    assert "Each doubling cuts the error by 50%; by this power law 0.25 px" in learning_table(drawn)
    assert "4.0e+06 clips" in learning_table(drawn)
    for name, shown in (("falls", drawn), ("rises", {**drawn, "clips_for_target": None})):
        plot_learning(shown, tmp_path / f"{name}.png")
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5
    assert "did not reduce" in learning_table({**drawn, "clips_for_target": None})


def test_scenes_are_drawn_in_two_ways(monkeypatch):
    pytest.importorskip("mujoco", reason="scenes need the extra 'train'")
    from vdt.benchmarks import scenes

    monkeypatch.setattr(scenes, "SCENES", 2)
    try:
        record = scenes.bench_scenes(size=32, num_frames=2, rounds=1)
    except OSError as error:
        pytest.skip(str(error))
    assert record["mean_difference"] < 2 and min(record[f"{name}_ms"] for name in ("simulate", "cast", "render")) > 0
    assert "rendered by OpenGL" in scenes.scenes_table(record)
