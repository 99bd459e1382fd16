"""A group of several processes, each of which holds a share of weights, gradients and optimizer (FSDP2).

torch's `fully_shard` gathers the weights of a block when it is computed and frees them afterwards, the idea of ZeRO
(arXiv 1910.02054, stage 3). Losses are normalised by all trained tokens beforehand, so gradients are summed over the
processes and not averaged. All processes make the same calls in the same order, or they would wait for each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MethodType
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from core.types import TrainingRow
from training import batches
from training import model as models
from training.group import Group

_BLOCK = re.compile(r"model\.(language_model\.)?layers\.\d+")


class Shards(Group):
    """This process among those of the initialised process group."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.rank = dist.get_rank()
        self._size = dist.get_world_size()
        self._mesh = init_device_mesh(device.type, (self._size,))

    def place(self, model: Any, *, half: bool) -> None:
        """Shard block by block, so that no device ever holds the whole model."""
        # What autocast would round for each product travels rounded. The residual stream stays float32, as in one
        # process, since the embedding does.
        rounded = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if half else None, reduce_dtype=torch.float32, cast_forward_inputs=False
        )
        for name, module in list(model.named_modules()):
            if _BLOCK.fullmatch(name):
                fully_shard(module, mesh=self._mesh, mp_policy=rounded)
        fully_shard(model, mesh=self._mesh)
        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.set_gradient_divide_factor(1.0)
                module.set_force_sum_reduction_for_comms(True)  # gloo has no other
        # An expert that no token of one process went to must not keep the others waiting.
        model.set_reduce_scatter_unused_params(True)
        # The weights of the root are gathered for its forward methods alone.
        model.token_statistics = MethodType(models.token_statistics, model)
        register_fsdp_forward_method(model, "token_statistics")

    def portion(self, rows: Sequence[TrainingRow], budget: int, *, share: bool) -> Iterator[tuple[batches.Batch, bool]]:
        for batch, counts in batches.portion(rows, budget, self.rank, self._size, share=share):
            yield batch.shown(self.pictures).to(self.device), counts

    def statistics(self, model: Any, batch: batches.Batch, *, entropy_gradient: bool = False) -> models.TokenStatistics:
        found: models.TokenStatistics = model.token_statistics(batch, entropy_gradient=entropy_gradient)
        return found

    def joined(self, values: list[list[float]]) -> list[list[float]]:
        flat = self._reduced([value for row in values for value in row], dist.ReduceOp.SUM)
        found = iter(flat)
        return [[next(found) for _ in row] for row in values]

    def totals(self, sums: Mapping[str, float]) -> dict[str, float]:
        totals: dict[str, float] = {}
        for largest, operation in ((False, dist.ReduceOp.SUM), (True, dist.ReduceOp.MAX)):
            names = [name for name in sorted(sums) if name.endswith("_max") == largest]
            totals |= zip(names, self._reduced([sums[name] for name in names], operation), strict=True)
        return totals

    def _reduced(self, values: list[float], operation: Any) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor, operation)
        reduced: list[float] = tensor.tolist()
        return reduced

    def clip(self, parameters: Iterable[torch.nn.Parameter], limit: float) -> float:
        norm: Any = torch.nn.utils.clip_grad_norm_(parameters, limit)
        return float(norm.full_tensor().item())

    def weights(self, module: Any, *, only: str = "") -> dict[str, Any] | None:
        wholes: dict[int, Any] = {}  # tied weights stay one tensor under several names, as they are in the module
        found: dict[str, Any] = {}
        for name, value in module.state_dict(keep_vars=True).items():
            if only in name:
                if id(value) not in wholes:
                    wholes[id(value)] = self._whole(value.detach())
                found[name] = wholes[id(value)]
        return found

    def taken(self, weights: dict[str, torch.Tensor], *, but: Iterable[str] = ()) -> dict[str, Any]:
        left = set(but)
        return {name: value if name in left else self._share(value) for name, value in weights.items()}

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        state = optimizer.state_dict()
        wholes = {
            index: {name: self._whole(value) for name, value in values.items()}
            for index, values in state["state"].items()
        }
        return {**state, "state": wholes}

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        shares = {
            index: {name: self._share(value) if value.ndim else value for name, value in values.items()}
            for index, values in state["state"].items()
        }
        optimizer.load_state_dict({**state, "state": shares})

    def _whole(self, value: Any) -> Any:
        """In the first process on the CPU; the others need not keep what they helped to gather."""
        whole = value.full_tensor() if isinstance(value, DTensor) else value
        return whole.cpu() if self.rank == 0 else None

    def _share(self, value: torch.Tensor) -> DTensor:
        """Cut from this process's own copy: every one has read the same file."""
        return distribute_tensor(value, self._mesh, [Shard(0)], src_data_rank=None)
