"""The processes of one run under `torchrun`: who this one is, and the few words that they exchange.

Without `torchrun` there is one process, and every function here returns at once. What control needs (when to stop, how
much time is spent, what others found) goes through CPU tensors, gradients through the device's own backend.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Value = TypeVar("Value")

LONGEST_WAIT = datetime.timedelta(hours=2)  # for another process; one that is gone is noticed at once
LOST = ("connection closed by peer", "connection reset by peer", "broken pipe", "connection refused", "socket timeout")


class LostProcessError(ValueError):
    """Another process of the run is gone; the message is one sentence for the user."""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which process of how many this is, and its number on this machine, which is that of its GPU."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that logs, draws and writes what all of them share."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """The part of `count` things in a row that is this process's; the parts differ in size by 1 at most."""
        return slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)


def current() -> Ranks:
    """Who this process is, as `torchrun` tells it."""
    rank, world, local = (
        _number(name, default) for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    return Ranks(rank=rank, world=world, local=local) if world > 1 else Ranks()


def device_of(ranks: Ranks, device: str) -> str:
    """The device of this process: "cuda" is a GPU for each; ValueError where this machine has too few."""
    if ranks.world == 1 or device != "cuda":
        return device
    count = torch.cuda.device_count()
    if ranks.local >= count:
        raise ValueError(f"process {ranks.local} of this machine has no GPU, there are {count}: lower --nproc-per-node")
    return f"cuda:{ranks.local}"


def join(device: str) -> Ranks:
    """Meet the other processes, once for as long as this one lives: a second meeting place may be mistaken for it."""
    ranks = current()
    if ranks.world == 1 or torch.distributed.is_initialized():
        return ranks
    if torch.device(device).type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if torch.device(device).type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    return ranks


def leave() -> None:
    """Part from the other processes, when all is done; not after an error, where one that is gone is waited for."""
    if is_joined():
        torch.distributed.destroy_process_group()


def is_joined() -> bool:
    """Whether there are other processes to talk to."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def wait() -> None:
    """Go on when every process has come here."""
    if is_joined():
        torch.distributed.all_reduce(torch.zeros(1))


def largest(*values: float) -> list[float]:
    """The largest of what each process has, value by value: all of them go on with the same numbers."""
    return _reduced(values, "MAX")


def mean(*values: float) -> list[float]:
    """The mean of what each process has, value by value."""
    count = torch.distributed.get_world_size() if is_joined() else 1
    return [value / count for value in _reduced(values, "SUM")]


def gather(value: Value) -> list[Value]:
    """What every process has, in their order."""
    if not is_joined():
        return [value]
    found: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, value)
    return found


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process is gone."""
    if not is_joined() or not isinstance(error, RuntimeError):
        return False
    named = type(error).__name__ in ("DistBackendError", "DistNetworkError")
    return named or any(words in str(error).lower() for words in LOST)


def speaks_first(what: str) -> bool:
    """Whether this process is the first of its run to say something that all of them find, such as a bad recipe."""
    ranks = current()
    if ranks.world == 1 or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return True
    try:
        store = torch.distributed.TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=datetime.timedelta(seconds=10)
        )
        return store.add(f"vdt/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{what}", 1) == 1
    except (RuntimeError, KeyError, ValueError):
        return True  # better twice than never


def _reduced(values: tuple[float, ...], how: str) -> list[float]:
    if not is_joined():
        return [*values]
    tensor = torch.tensor(values, dtype=torch.float64)
    torch.distributed.all_reduce(tensor, getattr(torch.distributed.ReduceOp, how))
    return [float(value) for value in tensor]


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default
