"""The library's own numbers and texts: frame lists, timelines, configurations, settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ..family import HypothesisFamily
from ..outcomes import check

# ---- Values ----------------------------------------------------------------------------------------------------------

small = st.integers(-3, 40)
numbers = st.one_of(small, st.integers(), st.sampled_from([10**6, 10**9, 2**31, 2**63, 2**64, 10**30, -(10**30)]))
reals = st.one_of(st.floats(), st.floats(-3, 3), st.integers(-3, 10))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=8), inner, max_size=5)),
    max_leaves=12,
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what belongs there."""
    return st.integers(0, 9).flatmap(lambda n: anything if n == 0 else good)


def nearly_always(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What belongs there, but for one of forty: records of many fields would else never be right."""
    return st.integers(0, 39).flatmap(lambda n: anything if n == 0 else good)


# ---- Frame lists and timelines ---------------------------------------------------------------------------------------

piece = st.one_of(
    small.map(str),
    st.tuples(small, small).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    numbers.map(str),
    st.text("0123456789-, +²", max_size=6),
)
frame_list = st.one_of(st.lists(piece, max_size=6).map(",".join), st.text(max_size=12))
fraction = nearly_always(st.floats(-0.5, 1.5, width=32))


@st.composite
def stroke(draw: Any) -> dict[str, Any]:
    ranges = st.tuples(st.integers(0, 5), st.integers(0, 8)).map(lambda pair: f"{pair[0]}-{sum(pair)}")
    mostly = nearly_always
    made: dict[str, Any] = {"on": draw(mostly(st.one_of(ranges, ranges, frame_list)))}
    kind = draw(st.sampled_from(["rect", "oval", "poly", "brush"]))
    length = draw(st.sampled_from({"rect": [4, 4, 4, 5], "oval": [4, 4, 4, 2]}.get(kind, [2, 6, 6, 8, 7])))
    outline = st.lists(fraction, min_size=length, max_size=length)
    made[kind] = draw(mostly(outline))
    if kind == "brush":
        made["r"] = draw(mostly(fraction))
        made["hard"] = draw(mostly(st.floats(0, 1)))
    if draw(st.booleans()):
        made["move"] = draw(mostly(st.lists(fraction, min_size=2, max_size=2)))
    elif draw(st.booleans()):
        key = st.tuples(st.integers(1, 12), outline).map(lambda pair: [pair[0], *pair[1]])
        made["keys"] = draw(mostly(st.lists(mostly(key), max_size=3).map(lambda keys: sorted(keys, key=str))))
    if draw(st.booleans()):
        made["erase"] = draw(mostly(st.booleans()))
    return made


timeline = st.fixed_dictionaries(
    {"v": nearly_always(st.sampled_from([1, 2, 2, 2]))},
    optional={"given": mostly(frame_list), "paint": nearly_always(st.lists(nearly_always(stroke()), max_size=3))},
).map(json.dumps) | st.text(max_size=30)


def try_frames(drawn: tuple[str, int]) -> None:
    from vdt.masks.frame_lists import format_frames, parse_frames

    text, count = drawn
    found = parse_frames(text, count)
    check(found == sorted(set(found)) and found[0] >= 0 and found[-1] < count, f"{text!r} names {found} of {count}")
    again = parse_frames(format_frames(found, most=10**9).replace("–", "-"), count)  # noqa: RUF001
    check(again == found, f"{found} is written so that {again} is read")


def try_timeline(drawn: tuple[str, tuple[int, int, int]]) -> None:
    import torch

    from vdt.masks.timeline import apply_timeline, frame_states, parse_timeline

    text, size = drawn
    read = parse_timeline(text)
    mask = apply_timeline(torch.ones(size, dtype=torch.bool), read)
    check(tuple(mask.shape) == size and mask.dtype == torch.bool, f"a mask of {size} became {tuple(mask.shape)}")
    check(len(frame_states(mask)) == size[0], "a digit for each frame")
    if read.given is not None and not read.strokes:
        given = {frame for frame in read.given if frame < size[0]}
        check({n for n in range(size[0]) if not mask[n].any()} == given, "the given frames are those of the timeline")


# ---- Configurations --------------------------------------------------------------------------------------------------


def _fields(name: str) -> st.SearchStrategy[Any]:
    from vdt.config import VAE_CONFIGS, VDT_CONFIGS

    configs = VDT_CONFIGS if name == "vdt" else VAE_CONFIGS
    bases = st.sampled_from([config.to_dict() for config in configs.values()])

    @st.composite
    def changed(draw: Any) -> dict[str, Any]:
        values = json.loads(json.dumps(draw(bases)))
        for _ in range(draw(st.integers(0, 3))):
            table = values
            if isinstance(values.get("diffusion"), dict) and draw(st.booleans()):
                table = values["diffusion"]
            key = draw(st.sampled_from([*table, "mask_embed", "unknown"]))
            table[key] = draw(st.one_of(numbers, reals, anything))
        return values

    return mostly(changed())


def try_config(drawn: tuple[str, Any]) -> None:
    from vdt.checkpoints.header import CONFIGS

    name, values = drawn
    cls = CONFIGS[name]
    config = cls.from_dict(values)
    check(cls.from_json(config.to_json()) == config, "a configuration survives being written")
    text = json.dumps(values)
    check(cls.from_json(text) == config, "text and table are the same configuration")


def try_record(drawn: tuple[str, dict[str, Any]]) -> None:
    from vdt.diffusion import SamplingConfig
    from vdt.inference.settings import CompositingConfig, WindowConfig
    from vdt.masks.outpaint import Sides

    name, values = drawn
    records: dict[str, Callable[..., Any]] = {
        "sampling": SamplingConfig,
        "named": lambda sampler="ddim", **more: SamplingConfig.named(sampler, **more),
        "window": WindowConfig,
        "compositing": CompositingConfig,
        "sides": Sides,
    }
    record = records[name](**values)
    if isinstance(record, SamplingConfig):
        from vdt.diffusion.schedule import Schedule  # noqa: F401 - the module must load

        check(bool(record.describe()), "a sampling describes itself")


_whole = mostly(small | numbers)
_real = mostly(reals)
records = st.one_of(
    st.tuples(
        st.just("sampling"),
        st.fixed_dictionaries(
            {},
            optional={
                "steps": _whole,
                "sampler": mostly(st.sampled_from(["ddim", "dpmpp_2m", "unipc", "ancestral", "x"])),
                "spacing": mostly(st.sampled_from(["quadratic", "even", "x"])),
                "guidance": _real,
                "guidance_below": _real,
                "step_cache": _real,
            },
        ),
    ),
    st.tuples(
        st.just("named"),
        st.fixed_dictionaries(
            {"sampler": mostly(st.sampled_from(["ddim", "dpmpp_2m_quad", "unipc_quad", "ancestral", "x", ""]))},
            optional={"steps": _whole, "guidance": _real, "step_cache": _real},
        ),
    ),
    st.tuples(
        st.just("window"),
        st.fixed_dictionaries({}, optional={"frames": _whole, "overlap": _whole, "tile": _whole}),
    ),
    st.tuples(
        st.just("compositing"),
        st.fixed_dictionaries({}, optional={"static_background": _real, "color_match": _real}),
    ),
    st.tuples(
        st.just("sides"),
        st.fixed_dictionaries({}, optional={side: _real for side in ("left", "top", "right", "bottom")}),
    ),
)

TARGETS: dict[str, Callable[[Any], None]] = {
    "frames": try_frames,
    "timeline": try_timeline,
    "config": try_config,
    "record": try_record,
}


class Library(HypothesisFamily):
    name = "library: lists, timelines, configs"
    small = 1500
    full = 12_000
    piece = 3000

    def prepare(self, folder: Path) -> Any:
        import vdt  # noqa: F401 - everything is loaded before the first case

        return {name: _fields(name) for name in ("vdt", "vae")}

    def strategy(self, shared: Any) -> Any:
        size = st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 20))
        configs = [st.tuples(st.just(name), fields) for name, fields in shared.items()]
        return st.one_of(
            st.tuples(st.just("frames"), st.tuples(frame_list, st.integers(1, 40))),
            st.tuples(st.just("timeline"), st.tuples(timeline, size)),
            st.tuples(st.just("config"), st.one_of(configs)),
            st.tuples(st.just("record"), records),
        )

    def example(self, shared: Any, drawn: Any) -> None:
        TARGETS[drawn[0]](drawn[1])
