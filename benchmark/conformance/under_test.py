"""An adapter under test: its queries, its answers, and the side effects of its predictions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from segbench.benchmark.conformance.findings import one_line
from segbench.benchmark.conformance.mock import QueryKind, mock_task, query_kinds
from segbench.benchmark.conformance.process_state import generator_states, modes, restored_modes
from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter, Query
from segbench.protocols.inference import batch_size, build_query
from segbench.protocols.trajectory import Trajectory, device_of
from segbench.registry import no_exit

# As a share of the largest logit; float32 differs by less if networks round in another order.
TOLERANCE = 1e-3


class InvalidOutput(Exception):
    """The output of a model is not valid."""


@dataclass(frozen=True)
class Observation:
    """The answer of an adapter to a kind of query, and its side effects."""

    kind: QueryKind
    logits: Tensor | None  # float32 (B, classes, H, W) on the CPU; None if the output is not valid
    problem: str | None  # why it is not valid
    inputs_changed: bool
    globals_changed: bool
    graph_kept: bool


@dataclass(frozen=True)
class AdapterUnderTest:
    """An adapter, and a function that creates another instance of it."""

    name: str
    adapter: ModelAdapter
    create: Callable[[], ModelAdapter]

    @property
    def capabilities(self) -> Capabilities:
        return self.adapter.capabilities

    @cached_property
    def data(self) -> TaskData:
        """The mock task; it has more images than the smallest context."""
        return mock_task(max(12, self.capabilities.min_context + 4))

    @cached_property
    def observations(self) -> list[Observation]:
        """The answers to one query of every kind."""
        return [self._observe(kind) for kind in query_kinds(self.capabilities)]

    @property
    def answered(self) -> list[tuple[QueryKind, Tensor]]:
        """The kinds of query that had a valid answer, with the logits."""
        return [(seen.kind, seen.logits) for seen in self.observations if seen.logits is not None]

    def batch_size(self, kind: QueryKind) -> int:
        """Return the number of sets, or images, of a query in a run."""
        return batch_size(self.adapter, kind.context or kind.size)

    def examples(
        self, include: Callable[[QueryKind], bool] = lambda _: True
    ) -> list[tuple[QueryKind, Tensor]]:
        """Return an answered kind without interactions, one with a box and one with others, for each size."""
        chosen: dict[tuple, tuple[QueryKind, Tensor]] = {}
        for kind, logits in self.answered:
            if include(kind):
                drawn = kind.interactions is not None, kind.interactions == "boxes"
                group = *drawn, kind.context > 0, kind.size > 1
                chosen.setdefault(group, (kind, logits))
        return list(chosen.values())

    def full_batch(self, kind: QueryKind, **change: int) -> list[list[Trajectory]]:
        """Return as many different sets, or images, as a query of a run has; ``change`` as for `members`."""
        return [kind.members(self.data, number, **change) for number in range(self.batch_size(kind))]

    def query(self, kind: QueryKind, sets: Sequence[Sequence[Trajectory]] | None = None) -> Query:
        """Return the query of some sets, by default of a full batch."""
        sets = self.full_batch(kind) if sets is None else sets
        query = build_query(sets, kind.interactions is None, self.capabilities.setwise)
        return query.to(device_of(self.adapter))

    def predict(self, query: Query, adapter: ModelAdapter | None = None) -> Any:
        """Return what the adapter, or another one, answers to a query; an exit is a `PluginError`."""
        with no_exit("it"):
            return (adapter or self.adapter).predict(query)

    def logits(
        self,
        kind: QueryKind,
        sets: Sequence[Sequence[Trajectory]] | None = None,
        adapter: ModelAdapter | None = None,
    ) -> Tensor:
        """Return logits (B, classes, H, W), float32 on the CPU.

        Raises
        ------
        InvalidOutput
            If the output is not valid.
        """
        query = self.query(kind, sets)
        with torch.inference_mode():
            output = self.predict(query, adapter)
        return self._validated(output, query)

    def _observe(self, kind: QueryKind) -> Observation:
        query = self.query(kind)
        before, process_before = copy.deepcopy(query), (generator_states(), modes())
        output, logits, problem = None, None, None
        with restored_modes():
            try:
                with torch.inference_mode():
                    output = self.predict(query)
                logits = self._validated(output, query)
            except InvalidOutput as error:
                problem = str(error)
            except Exception as error:
                problem = one_line(error)
            globals_changed = (generator_states(), modes()) != process_before
        inputs_changed = not _equal(query, before)
        graph_kept = isinstance(output, Tensor) and output.requires_grad
        return Observation(kind, logits, problem, inputs_changed, globals_changed, graph_kept)

    def _validated(self, output: Any, query: Query) -> Tensor:
        """Return the logits if they are as `ModelAdapter.predict` has to return them."""
        if not isinstance(output, Tensor):
            raise InvalidOutput(f"it returned {type(output).__name__} instead of a tensor")
        batch, _, *size = query.image.shape
        automatic = self.capabilities.automatic
        valid = output.ndim == 4 and (len(output), *output.shape[2:]) == (batch, *size)
        if not valid or not (output.shape[1] > 1 if automatic else output.shape[1] == 1):
            expected = ", ".join(map(str, (batch, "classes" if automatic else "1", *size)))
            raise InvalidOutput(f"it returned shape {tuple(output.shape)} instead of ({expected})")
        if not output.is_floating_point():
            raise InvalidOutput(f"it returned {output.dtype} instead of floating-point logits")
        if not torch.isfinite(output).all():
            raise InvalidOutput("it returned NaN or infinite logits")
        return output.detach().float().cpu().clone()


def difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of logits as a share of the largest logit, which counts as 1 at least."""
    return float((one - other).abs().max() / max(1.0, float(one.abs().max())))


def _equal(one: Query, other: Query) -> bool:
    return all(torch.equal(a, b) for a, b in zip(_tensors(one), _tensors(other), strict=True))


def _tensors(query: Query) -> list[Tensor]:
    interactions, context = query.interactions, query.context
    tensors = [query.image, query.previous_logits]
    tensors += [interactions.positive, interactions.negative, interactions.box] if interactions else []
    tensors += [context.images, context.labels] if context else []
    return [tensor for tensor in tensors if tensor is not None]
