"""The queue of runs: all of them once, none twice, failures named, and everything stopped with it."""

import json
import subprocess
import sys

import pytest

from vdt.ablations import queue, report
from vdt.ablations.grid import Grid, Variant
from vdt.ablations.records import RECORD, RunRecord, read_records
from vdt.ablations.report import comparable, flops_correlation, grid_table, plot_grid

METRICS = {"centroid_px": 2.0, "centroid_px_ci": [1.5, 2.5], "ball_iou": 0.6, "present": 0.9, "psnr": 30.0}


def record(name="a", seed=0, gflops=1.0, v_error=0.2, group="size"):
    return RunRecord(
        name=name,
        group=group,
        seed=seed,
        parameters=2_000_000,
        gflops=gflops,
        steps=100,
        clips=1600,
        seconds=60.0,
        v_error=v_error,
        metrics=METRICS,
        commit="0",
        machine="test",
    )


@pytest.fixture
def grid():
    variants = tuple(Variant(name=name) for name in ("a", "b", "c"))
    return Grid(title="Sizes", recipe="base.toml", minutes=1, variants=variants, seeds=(0, 1))


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Processes that write their record at once instead of training; run b-s1 fails."""
    names = []

    def start(path, run, folder, place):
        names.append(run.name)
        text = record(run.variant.name, run.seed).to_json()
        (folder / run.name).mkdir(parents=True, exist_ok=True)
        code = f"open({str(folder / run.name / RECORD)!r}, 'w').write({text!r})"
        if run.name == "b-s1":
            code = "raise SystemExit(2)"
        return subprocess.Popen([sys.executable, "-c", code])

    monkeypatch.setattr(queue, "_start", start)
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.01)
    return names


def test_all_runs_are_done_once_and_failures_are_named(grid, started, tmp_path):
    with pytest.raises(ValueError, match="1 runs failed: b-s1"):
        queue.run_grid(tmp_path / "grid.toml", grid, tmp_path, jobs=2, progress=False)
    assert sorted(started) == ["a-s0", "a-s1", "b-s0", "b-s1", "c-s0", "c-s1"]
    assert len(read_records(tmp_path)) == 5
    started.clear()
    with pytest.raises(ValueError, match="b-s1"):
        queue.run_grid(tmp_path / "grid.toml", grid, tmp_path, progress=False)
    assert started == ["b-s1"]  # the others are finished


def test_runs_that_work_are_stopped_with_the_queue(grid, monkeypatch, tmp_path):
    processes = []

    def start(path, run, folder, place):
        processes.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        if len(processes) == 2:
            raise KeyboardInterrupt
        return processes[-1]

    monkeypatch.setattr(queue, "_start", start)
    with pytest.raises(KeyboardInterrupt):
        queue.run_grid(tmp_path / "grid.toml", grid, tmp_path, jobs=2, progress=False)
    assert processes[0].poll() is not None
    processes[1].kill()
    processes[1].wait()


def test_cores_are_shared_among_jobs():
    for jobs in (1, 2, 64):
        places = queue.free_places("cpu", jobs)
        assert len(places) == jobs and all(place.threads >= 1 for place in places)
        assert places[0].environment()["OMP_NUM_THREADS"] == str(places[0].threads)


def test_the_table_has_the_best_first_and_intervals_over_seeds():
    records = [record("a", 0, v_error=0.3), record("b", 0, v_error=0.1), record("b", 1, v_error=0.2)]
    rows = grid_table(records).splitlines()[2:]
    assert rows[0].startswith(
        "| b | 2.0 | 1.00 | 1,600 | 0.150 ± 0.635 (n=2) | 2.00 (1.50 to 2.50) | 0.60 | 90% | 30.00 |"
    )
    assert rows[1].startswith("| a | 2.0 | 1.00 | 1,600 | 0.300 ± 0.898 (n=1) |")  # b's spread, one seed


def test_quality_and_operations_are_correlated_by_rank(tmp_path):
    falling = [record(name, gflops=g, v_error=v) for name, g, v in (("a", 1, 0.3), ("b", 2, 0.2), ("c", 9, 0.1))]
    assert flops_correlation(falling) == pytest.approx(-1)
    alone = record("epsilon", group="another target")
    assert comparable([*falling, alone]) == falling and comparable([alone]) == [alone]
    assert flops_correlation(falling[:2]) is None
    assert flops_correlation([record(name, gflops=1.0) for name in "abc"]) is None  # nothing differs
    pytest.importorskip("matplotlib")
    plot_grid(falling, tmp_path / "flops.png", "Sizes")
    assert (tmp_path / "flops.png").stat().st_size > 5000
    assert json.loads(falling[0].to_json())["gflops"] == 1


def test_variants_of_equal_operations_are_rows_with_their_names(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr(report, "save_figure", lambda figure, path: drawn.append(figure.axes[0]))
    equal = [record(name, gflops=1.0, v_error=v) for name, v in (("worse", 0.3), ("best", 0.1), ("middle", 0.2))]
    plot_grid(equal, tmp_path / "rows.png", "Loss")
    (axis,) = drawn
    rows = {label.get_text(): tick for label, tick in zip(axis.get_yticklabels(), axis.get_yticks(), strict=True)}
    assert sorted(rows, key=rows.get) == ["best", "middle", "worse"] and axis.yaxis_inverted()  # the best on top
