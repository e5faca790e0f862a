"""Small damage to values, texts and bytes, drawn from a generator."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

NUMBERS = (0, -1, 1, 2, 3, 7, 16, 255, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**9, 10**30)
FLOATS = (0.0, -0.0, 0.5, -1.5, 1e-300, 1e30, 1e308, float("inf"), float("-inf"), float("nan"))
TEXTS = ("", " ", "x", "0", "-1", "é" * 40, "a" * 300, "../../etc/passwd", "\0", "\ud800", "none", "1e999", "{}", "[")
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    *NUMBERS,
    *FLOATS,
    *TEXTS,
    10**400,
    [],
    {},
    [[]],
    [1, 2],
    ["1", 0],
    {"a": 1},
    {"__value__": [1]},
)
Path = tuple[Any, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Paths to everything within nested lists and tables, the whole among it."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(entries):
        yield from places(item, (*path, key))


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def mutated(value: Any, rng: random.Random, *, most: int = 4) -> Any:
    """A copy with one to `most` changes anywhere in it."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, most)):
        value = _changed(value, rng)
    return value


def _changed(value: Any, rng: random.Random) -> Any:
    paths = list(places(value))
    path = rng.choice(paths)
    if not path:
        return value if rng.random() < 0.9 else copy.deepcopy(rng.choice(ODD))
    parent, key = at(value, path[:-1]), path[-1]
    kind = rng.randrange(8)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[rng.choice([str(key) + "x", "", "1", "inputs", "__value__"])] = parent.pop(key)
    elif kind == 1:
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == 2:
        parent[key] = copy.deepcopy(at(value, rng.choice(paths[: len(paths) // 2 + 1])))
    elif kind == 3:
        parent[key] = near(parent[key], rng)
    elif kind == 4:
        parent[key] = [parent[key]] if rng.random() < 0.5 else {"a": parent[key]}
    elif kind == 5 and isinstance(parent, list):
        rng.shuffle(parent)
    elif kind == 6:
        parent[key] = deep(rng)
    else:
        parent[key] = copy.deepcopy(rng.choice(ODD))
    return value


def near(value: Any, rng: random.Random) -> Any:
    """A value of the same type, a little off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((-2, -1, 1, 2, 100))
    if isinstance(value, float):
        return value * rng.choice((-1.0, 0.0, 0.5, 2.0, 1e6))
    if isinstance(value, str):
        return damaged_text(value, rng)
    return value


def deep(rng: random.Random) -> Any:
    """Lists or tables within each other."""
    made: Any = []
    for _ in range(rng.choice((3, 40, 70, 300))):
        made = [made] if rng.random() < 0.5 else {"a": made}
    return made


def damaged_text(text: str, rng: random.Random) -> str:
    """A text with a part of it cut, doubled, replaced or put in."""
    if not text:
        return rng.choice(TEXTS)
    start = rng.randrange(len(text))
    stop = min(len(text), start + rng.choice((1, 1, 2, 5, 40)))
    put = rng.choice(
        ("", text[start:stop] * 2, rng.choice(TEXTS), chr(rng.randrange(1, 0x2FF)), rng.choice('[]{}",:=-'))
    )
    return text[:start] + put + text[stop:]


def damaged_bytes(data: bytes, rng: random.Random, *, most: int = 6) -> bytes:
    """Bytes with bits turned, numbers made extreme, parts cut, doubled, zeroed or moved."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, most)):
        if not changed:
            return bytes(changed)
        place = rng.randrange(len(changed)) if rng.random() < 0.5 else rng.randrange(min(len(changed), 1024))
        length = rng.choice((1, 2, 4, 8, 16, 100, 1000))
        kind = rng.randrange(8)
        if kind <= 1:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            changed[place : place + 4] = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**24)).to_bytes(
                4, rng.choice(("big", "little"))
            )
        elif kind == 3:
            del changed[place : place + length]
        elif kind == 4:
            changed[place:place] = changed[place : place + length]
        elif kind == 5:
            changed[place : place + length] = bytes(min(length, len(changed) - place))
        elif kind == 6:
            changed[place : place + length] = rng.randbytes(min(length, len(changed) - place))
        else:
            del changed[rng.randrange(len(changed)) :]
    return bytes(changed)
