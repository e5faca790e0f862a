"""The network of a run as it is trained: block by block compiled or run again, copied to or sharded over processes.

PyTorch's own engine does the work: DistributedDataParallel, or FSDP2 (`fully_shard`).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from ...models.block import VDTBlock
from ...models.build import build_autoencoder
from ...models.transformer import VDT
from ...ranks import Ranks
from ..data.batches import Batch
from ..objectives import Loss, Objective
from ..recipe import OptimRecipe, RunRecipe
from ..state import TrainState


def blocks(module: nn.Module) -> list[nn.Module]:
    """The parts of a network that are compiled, run again and sharded by themselves."""
    return [each for each in module.modules() if isinstance(each, VDTBlock)] or list(module.children())


def prepare(module: nn.Module, optim: OptimRecipe) -> None:
    """Have each block compiled, and run again in the backward pass, as the recipe says."""
    if next(module.parameters()).is_cuda and optim.precision == "bfloat16":
        torch.backends.cuda.enable_flash_sdp(False)  # for sequences of 16 it takes twice as long as the other kernels
        torch.backends.cuda.enable_cudnn_sdp(False)
    for block in blocks(module):
        if not optim.activation_checkpointing:
            if optim.compile:
                block.compile()
            continue
        forward = torch.compile(block.forward) if optim.compile else block.forward  # within: outside it runs uncompiled
        block.forward = partial(checkpoint, forward, use_reentrant=False)  # type: ignore[method-assign]


def without_temporal(module: nn.Module, *, fresh: bool) -> None:
    """Leave out and freeze the temporal branches; those of a fresh model begin as identity when they come back."""
    for block in (each for each in module.modules() if isinstance(each, VDTBlock) and "temporal" in each.layout):
        block.layout = tuple(branch for branch in block.layout if branch != "temporal")
        own = [value for name, value in block.named_parameters() if name.startswith("temporal_")]
        for value in own:
            value.requires_grad_(False)
        if fresh:
            nn.init.zeros_(block.temporal_fc.weight)
            nn.init.zeros_(block.temporal_fc.bias)


class _Scored(nn.Module):
    """An objective as one call, which is what the engines wrap."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.module = objective.module
        self._score = objective.score

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """What to minimise, and what to plot."""
        loss = self._score(batch)
        return loss.total, loss.scalars


class Network:
    """Calls an objective on this process's part of a batch, in one process or in one of several."""

    def __init__(self, objective: Objective, ranks: Ranks, optim: OptimRecipe, run: RunRecipe) -> None:
        self.objective, self.ranks = objective, ranks
        self.is_sharded = ranks.world > 1 and run.parallel == "fsdp"
        self._called: nn.Module = _Scored(objective)
        if self.is_sharded:
            _shard(self._called, ranks)
        elif ranks.world > 1:
            device = next(objective.module.parameters()).device
            gpu = [device] if device.type == "cuda" else None
            self._called = DistributedDataParallel(self._called, device_ids=gpu, **_ddp_options(objective))

    def __call__(self, batch: Batch) -> Loss:
        """Score a part of a batch."""
        total, scalars = self._called(batch)
        return Loss(total=total, scalars=scalars)

    def synchronised(self, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        """For both passes over a part of a batch: its `last` part brings the gradients of all processes together."""
        if self.is_sharded:
            cast(Any, self._called).set_requires_gradient_sync(last)
        if isinstance(self._called, DistributedDataParallel) and not last:
            return self._called.no_sync()
        return contextlib.nullcontext()

    @contextmanager
    def averaged(self, state: TrainState) -> Iterator[nn.Module | None]:
        """The network with the weights that the run would leave now, for the first process.

        None for the others, which must come here too.
        """
        average = whole(state.ema.state_dict())
        weights = self.objective.exported(average)
        if self.is_sharded or weights is not average:
            yield _plain(state.model, weights).eval() if self.ranks.is_first else None
            return
        if not self.ranks.is_first:
            yield None
            return
        state.model.eval()
        with state.ema.swapped():
            yield state.model
        state.model.train()


def _ddp_options(objective: Objective) -> dict[str, Any]:
    """Tables never change, so nobody sends them; without captions a model that reads text has parts that idle."""
    known = inspect.signature(DistributedDataParallel).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    idle = _reads_text(objective.module) and getattr(objective, "captions", None) is None
    return {name: False, "find_unused_parameters": idle}


def _reads_text(module: nn.Module) -> bool:
    """Whether parts of a network have nothing to do without a text."""
    return getattr(getattr(module, "config", None), "text", None) is not None


def whole(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights put together from all processes where they are sharded; every process must ask."""
    return {
        name: cast(Any, value).full_tensor() if hasattr(value, "full_tensor") else value
        for name, value in weights.items()
    }


def _plain(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """A network like a sharded one, whole."""
    config = cast(Any, model).config
    copy: nn.Module = VDT(config) if isinstance(model, VDT) else build_autoencoder(config)
    copy.load_state_dict(weights)
    return copy.to(next(iter(weights.values())).device)


def check_sharding(optim: OptimRecipe, run: RunRecipe, ranks: Ranks) -> None:
    """ValueError where a run is to be sharded, and its optimiser or this version of torch cannot do it."""
    if ranks.world == 1 or run.parallel != "fsdp":
        return
    if optim.optimizer == "muon":
        raise ValueError(
            'parallel = "fsdp" cuts matrices up and optimizer = "muon" needs them whole: use "adamw" or "ddp"'
        )
    if not can_shard():
        raise ValueError(
            f'parallel = "fsdp" needs torch 2.6 or newer, this is {torch.__version__}: update torch, or use "ddp"'
        )


def can_shard() -> bool:
    """Whether this torch has FSDP2's public function, which 2.6 brought."""
    from torch.distributed import fsdp

    return hasattr(fsdp, "fully_shard")


def _shard(called: nn.Module, ranks: Ranks) -> None:
    """FSDP2 on each block and on the whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    device = next(called.parameters()).device.type
    mesh = init_device_mesh(device, (ranks.world,))
    for block in blocks(cast(_Scored, called).module):
        fully_shard(block, mesh=mesh)
    fully_shard(called, mesh=mesh)
