"""Batches: what is drawn for a step, the part of it that a process takes, and the thread that draws ahead."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

AHEAD = 2  # batches that lie ready


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Samples of one shape: every tensor has them along its first axis, what is no tensor holds for all of them."""

    def map(self, of: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        return dataclasses.replace(self, **{name: of(value) for name, value in tensors.items()})

    def part(self, index: int, count: int) -> Self:
        """The index-th of `count` equal parts."""
        rows = len(self) // count
        return self.map(lambda value: value[index * rows : (index + 1) * rows])

    def to(self, device: torch.device) -> Self:
        """On a device; a GPU copies while it computes."""
        if device.type != "cuda":
            return self.map(lambda value: value.to(device))
        return self.map(lambda value: value if value.is_cuda else value.pin_memory().to(device, non_blocking=True))

    def __len__(self) -> int:
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return next(len(value) for value in values if isinstance(value, Tensor))


Batch = Sequence[Samples]


def part_of(batch: Batch, index: int, count: int) -> Batch:
    """The index-th of `count` equal parts of a batch: the same part of all its shapes."""
    return [samples.part(index, count) for samples in batch] if count > 1 else batch


def draw_noise(shape: torch.Size, generator: torch.Generator, device: torch.device) -> Tensor:
    """Standard normal noise on a device, drawn there from a seed that the generator gives."""
    seed = int(torch.randint(2**62, (), generator=generator))
    there = torch.device("cpu") if device.type not in ("cpu", "cuda") else device
    return torch.randn(shape, generator=torch.Generator(there).manual_seed(seed), device=there).to(device)


class Batches:
    """Batches that a thread draws ahead, in the order and with the numbers of drawing each when it is needed.

    The generator that is handed in is always where it was left after the last batch that was taken: its state is what
    a checkpoint needs. On a GPU the thread works on a stream of its own, beside the steps.
    """

    def __init__(
        self,
        draw: Callable[[torch.Generator], Batch],
        generator: torch.Generator,
        device: torch.device = torch.device("cpu"),  # noqa: B008
    ) -> None:
        self._draw = draw
        self._stream = torch.cuda.Stream(device, priority=-1) if device.type == "cuda" else None
        self._generator = generator
        self._ahead = torch.Generator()
        self._ahead.set_state(generator.get_state())
        self._ready: queue.Queue[tuple[Batch, Tensor] | BaseException] = queue.Queue(AHEAD)
        self._next: tuple[Batch, Tensor] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="vdt batches", daemon=True)
        self._thread.start()

    def peek(self) -> Batch:
        """The next batch, which stays the next one."""
        if self._next is None:
            found = self._ready.get()
            if isinstance(found, BaseException):
                raise found
            self._next = found
        return self._next[0]

    def take(self) -> Batch:
        """The next batch; the generator moves on."""
        batch = self.peek()
        assert self._next is not None
        if self._stream is not None:
            for samples in batch:
                samples.map(_used_here)
        self._generator.set_state(self._next[1])
        self._next = None
        return batch

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        while self._thread.is_alive():
            try:
                self._ready.get(timeout=0.05)
            except queue.Empty:
                continue

    def _fill(self) -> None:
        while not self._closed.is_set():
            try:
                with torch.no_grad(), torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext():
                    found: tuple[Batch, Tensor] | BaseException = (self._draw(self._ahead), self._ahead.get_state())
                if self._stream:
                    self._stream.synchronize()  # what is in the queue is there
            except BaseException as error:  # whoever takes the batch raises it
                found = error
            self._ready.put(found)
            if isinstance(found, BaseException):
                return


def _used_here(value: Tensor) -> Tensor:
    """The tensor, whose memory is not given away before the current stream has read it."""
    value.record_stream(torch.cuda.current_stream(value.device))
    return value
