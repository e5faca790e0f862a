"""Where weights lie in a checkpoint of somebody else: any nesting of entries, any prefix before the names of tensors.

Trainers and wrappers (DDP, compile, Lightning, DeepSpeed, FSDP, Accelerate, EMA classes) each put them elsewhere.
A network is known by one of its keys; whatever stands before it in a mapping is its prefix, such as "model.dit.".
Names that wrappers put before or within keys, such as "_orig_mod", are left out first. Averaged weights are preferred:
they are what an author means to be used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

MAX_NESTING = 16
DOTLESS = "model_ema."  # where LDM's LitEma keeps averaged weights, under names without dots
# Words in names of averaged weights, apart ("model_ema", "ema0.99", "avg_model") or in camel case ("netEMA").
AVERAGED = re.compile(
    r"(?:^|[\W_])(?:ema|swa|avg|averaged?|shadow|polyak)(?:$|[\W_\d])|emamodel|modelema"
    r"|(?-i:(?<=[a-z])E(?:MA|ma)(?:$|[\W_\dA-Z])|(?:^|[\W_])(?:ema|EMA)(?=[A-Z][a-z]))",
    re.IGNORECASE,
)
LIVE_COPY = re.compile(r"collected|backup|stored", re.IGNORECASE)  # put aside while averaged ones are in place
NO_WEIGHTS = re.compile(r"(?:^|[\W_])(?:optim|opt(?:$|\W)|exp_avg|grads?(?:$|\W)|scheduler)", re.IGNORECASE)
# What DDP, compile, FSDP, activation checkpoints and Fabric put before or within names: it says nothing of the weights.
TRANSPARENT = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
INNER = re.compile(rf"\.(?:(?:{'|'.join(TRANSPARENT)})\.)+")
NAMED_ENTRIES = 10  # how many entries an error lists


@dataclass(frozen=True, kw_only=True)
class Found:
    """Weights in a file: the entries that lead to their mapping, the prefix of their keys, and the keys themselves."""

    path: tuple[str, ...]
    prefix: str
    tensors: Mapping[str, Any]  # without the prefix
    averaged: bool

    @property
    def name(self) -> str:
        """Such as "ema", "state_dict.model", or "bare state dict"."""
        parts = [*self.path, *filter(None, self.prefix.split("."))]
        told = ".".join(part for part in parts if part not in TRANSPARENT)
        return told or ".".join(self.path) or "bare state dict"


def plain_names(keys: Iterable[str]) -> dict[str, str]:
    """Keys by their names without those of wrappers within them; all as they are where two would have one name."""
    keys = list(keys)
    plain = {INNER.sub(".", key): key for key in keys}
    return plain if len(plain) == len(keys) else {key: key for key in keys}


def prefixes(keys: Iterable[str], first_key: str, favoured: Sequence[str] = ()) -> list[str]:
    """What stands before `first_key` in these keys, best first: averaged weights, none, favoured ones, the shortest."""
    found = {key.removesuffix(first_key) for key in keys if key.endswith(first_key)}
    found = {prefix for prefix in found if not prefix or prefix.endswith(".")}
    rank = {prefix: place for place, prefix in enumerate(("", *favoured))}

    def order(prefix: str) -> tuple[bool, int, int, str]:
        return not AVERAGED.search(prefix.strip(".")), rank.get(prefix, len(rank)), len(prefix), prefix

    return sorted(found, key=order)


def under(keys: Iterable[str], prefix: str, others: Iterable[str] = ()) -> Iterator[str]:
    """The keys of one prefix, without those of another network under a longer one."""
    longer = tuple(other for other in others if other.startswith(prefix) and other != prefix)
    return (key for key in keys if key.startswith(prefix) and not (longer and key.startswith(longer)))


def find_networks(content: Any, first_key: str) -> list[Found]:
    """Every network in what a file held that has `first_key`, best first; parameters without names are not among them.

    A file that has the parts of keys as nested entries, and so no whole key anywhere, is read as if it were flat.
    """
    found = [network for path, mapping in _mappings(content) for network in _networks(path, mapping, first_key)]
    if not found:
        nested = {
            ".".join([*path, str(key)]): value for path, each in _mappings(content) for key, value in each.items()
        }
        found = _networks((), nested, first_key)
    return sorted(found, key=lambda each: (not each.averaged, len(each.path)))


def _networks(path: tuple[str, ...], mapping: Mapping[Any, Any], first_key: str) -> list[Found]:
    """The networks in one mapping, and the averaged twins that LDM trainers keep in it under names without dots."""
    tensors = {str(key): value for key, value in mapping.items() if isinstance(value, Tensor)}
    if not any(key.endswith(first_key.rpartition(".")[2]) for key in tensors):
        return []
    plain = {name: tensors[key] for name, key in plain_names(tensors).items()}
    found = []
    own = prefixes(plain, first_key)
    for prefix in own:
        if NO_WEIGHTS.search(prefix):
            continue
        kept = {key[len(prefix) :]: plain[key] for key in under(plain, prefix, [*own, DOTLESS])}
        averaged = bool(AVERAGED.search(".".join([*path, prefix.strip(".")])))
        found.append(Found(path=path, prefix=prefix, tensors=kept, averaged=averaged))
        twin = {} if averaged else _dotless_twin(plain, prefix, kept)
        if twin:
            found.append(Found(path=path, prefix=DOTLESS, tensors={**kept, **twin}, averaged=True))
    return found


def _dotless_twin(tensors: Mapping[str, Any], prefix: str, names: Iterable[str]) -> dict[str, Any]:
    """Averaged weights of a network by its own names; {} where there are none."""
    stored = {key.removeprefix(DOTLESS): value for key, value in tensors.items() if key.startswith(DOTLESS)}
    tails = [prefix[start:].replace(".", "") for start in range(len(prefix) + 1)] if stored else []
    for tail in dict.fromkeys(tails):
        twin = {name: stored[key] for name in names if (key := tail + name.replace(".", "")) in stored}
        if len(twin) > 1:
            return twin
    return {}


def find_shadows(content: Any) -> list[tuple[tuple[str, ...], list[Tensor]]]:
    """Lists of averaged parameters without names (of diffusers, timm, Lightning), with the entries that lead there."""
    lists = [((*path, str(key)), value) for path, each in _mappings(content) for key, value in each.items()]
    return [
        (path, list(value))
        for path, value in lists
        if isinstance(value, (list, tuple)) and value and all(isinstance(each, Tensor) for each in value)
        if AVERAGED.search(".".join(path)) and not LIVE_COPY.search(path[-1])
    ]


def find_tensor(content: Any, key: str, ndim: int) -> Tensor | None:
    """The first tensor of that name and so many axes anywhere in a file, whatever its prefix."""
    for _, mapping in _mappings(content):
        for name, value in mapping.items():
            named = str(name) == key or str(name).endswith(f".{key}")
            if named and isinstance(value, Tensor) and value.ndim == ndim:
                return value
    return None


def list_entries(content: Any) -> str:
    """What a file holds at its top, such as "model (a dict of 3), epoch (an int)"."""
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    entries = [f"{str(key)[:60]} ({_kind(value)})" for key, value in content.items()]
    return ", ".join(entries[:NAMED_ENTRIES]) + (", ..." if len(entries) > NAMED_ENTRIES else "") or "nothing"


def _mappings(content: Any) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """The mappings in a file that may hold weights, outer ones first and each once, with the entries leading there."""
    level: list[tuple[tuple[str, ...], Any]] = [((), content)]
    seen: set[int] = set()  # a file may hold a mapping that holds itself
    for _ in range(MAX_NESTING):
        below: list[tuple[tuple[str, ...], Any]] = []
        for path, each in level:
            if id(each) in seen or NO_WEIGHTS.search(".".join(path)):
                continue
            seen.add(id(each))
            if isinstance(each, Mapping):
                yield path, each
                below += [((*path, str(key)), value) for key, value in each.items()]
            elif isinstance(each, (list, tuple)):
                below += [((*path, str(number)), value) for number, value in enumerate(each)]
        level = [(path, each) for path, each in below if isinstance(each, (Mapping, list, tuple))]


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, (Mapping, list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    return "empty" if value is None else type(value).__name__
