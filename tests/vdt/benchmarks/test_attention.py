"""The table of attention's forms: operations by closed form, and what is not timed says so."""

from vdt.benchmarks import attention
from vdt.benchmarks.attention import attention_table, bench_attention, config_of
from vdt.models.cost import count_cost


def test_joint_attention_costs_what_its_tokens_say():
    """One attention over T·N tokens instead of N and T: 4·D·(T·N) operations a token instead of 4·D·(N + T)."""
    split, joint = (config_of("VDT-XS/2", form, 8) for form in ("factorized", "joint"))
    patches, frames, width, depth = 16, split.num_frames, split.hidden_size, split.depth
    found = count_cost(joint).flops - count_cost(split).flops
    tokens = patches * frames
    attended = 4 * width * tokens * (tokens - patches - frames)
    linear = 2 * tokens * width * width * 5  # qkv, projection and the layer after it, which joint attention lacks
    assert found == depth * (attended - linear) - depth * temporal_adaln(split)


def temporal_adaln(config):
    """Operations of the temporal branch's own modulation, once a clip and block."""
    return 2 * config.hidden_size * 3 * config.hidden_size if config.temporal_adaln else 0


def test_what_a_cpu_would_take_minutes_for_is_counted_only(monkeypatch):
    monkeypatch.setattr(attention, "MAX_FLOPS_CPU", 1e10)
    monkeypatch.setattr(
        attention, "in_own_process", lambda measure, *inputs: measure(*inputs)
    )  # a process takes seconds to start
    records = bench_attention([("VDT-Tiny/2", 4), ("VDT-S/2", 32)], rounds=1)
    assert [record["seconds"] is None for record in records] == [False, False, True, True]
    assert records[0]["seconds"] > 0 and records[0]["memory_mib"] >= 0
    rows = attention_table(records).splitlines()[2:]
    assert len(rows) == 4 and rows[0].startswith("| VDT-Tiny/2 | 6 frames of 32x32 | split |")
    assert rows[3].endswith("| - | - |")
