"""An adapter that is tried, how it is asked, and what is watched meanwhile."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from segbench.benchmark.conformance.findings import BREAKS, said
from segbench.benchmark.conformance.mock import Question, questions, task
from segbench.benchmark.conformance.state import generators, modes, same_modes
from segbench.datasets.task import TaskData
from segbench.protocols.adapter import Capabilities, ModelAdapter, Query
from segbench.protocols.inference import batch_size, query_of
from segbench.protocols.trajectory import Trajectory, device_of

# Of the largest logit: more than float32 differs by where networks round in another order.
TOLERANCE = 1e-3


class Wrong(Exception):
    """A model has returned something that is no valid answer."""


@dataclass(frozen=True)
class Asked:
    """A question, what came of it, and what the model did besides.

    Attributes
    ----------
    question : Question
    logits : float32 tensor (B, classes, H, W) on the CPU, or None if they are not valid
    problem : str or None
        Why not.
    inputs_changed, globals_changed, graph_kept : bool
    """

    question: Question
    logits: Tensor | None
    problem: str | None
    inputs_changed: bool
    globals_changed: bool
    graph_kept: bool


@dataclass(frozen=True)
class Subject:
    """An adapter, and how another one like it is made."""

    name: str
    adapter: ModelAdapter
    another: Callable[[], ModelAdapter]

    @property
    def able(self) -> Capabilities:
        return self.adapter.capabilities

    @cached_property
    def data(self) -> TaskData:
        """The mock task; a simulation must be longer than the smallest context."""
        return task(max(12, self.able.min_context + 4))

    @cached_property
    def asked(self) -> list[Asked]:
        """Every kind of question, asked once as the engine does."""
        return [self._observe(question) for question in questions(self.able)]

    @property
    def answered(self) -> list[tuple[Question, Tensor]]:
        """The questions that had a valid answer, with the logits."""
        return [(each.question, each.logits) for each in self.asked if each.logits is not None]

    def size(self, question: Question) -> int:
        """Sets, or images, for which the engine asks at once."""
        return batch_size(self.adapter, question.context or question.size)

    def few(self, about: Callable[[Question], bool] = lambda _: True) -> list[tuple[Question, Tensor]]:
        """One answered question with marks and one without, alone, with a context and in a set each."""
        found: dict[tuple, tuple[Question, Tensor]] = {}
        for question, logits in filter(lambda pair: about(pair[0]), self.answered):
            key = question.marks is None, question.context > 0, question.size > 1
            found.setdefault(key, (question, logits))
        return list(found.values())

    def usual(self, question: Question, **change: int) -> list[list[Trajectory]]:
        """As many different sets, or images, as the engine asks for at once; ``change`` as in `members`."""
        return [question.members(self.data, number, **change) for number in range(self.size(question))]

    def query(self, sets: Sequence[Sequence[Trajectory]], question: Question) -> Query:
        """The query that the engine makes of some sets."""
        query = query_of(sets, bare=question.marks is None, setwise=self.able.setwise)
        return query.to(device_of(self.adapter))

    def logits(
        self,
        question: Question,
        sets: Sequence[Sequence[Trajectory]] | None = None,
        adapter: ModelAdapter | None = None,
    ) -> Tensor:
        """Logits (B, classes, H, W), float32 on the CPU.

        Raises
        ------
        Wrong
            If the answer is not valid.
        """
        query = self.query(self.usual(question) if sets is None else sets, question)
        with torch.inference_mode():
            raw = (adapter or self.adapter).predict(query)
        return self._valid(raw, query)

    def _observe(self, question: Question) -> Asked:
        query = self.query(self.usual(question), question)
        before, outside = copy.deepcopy(query), (generators(), modes())
        raw, logits, problem = None, None, None
        with same_modes():
            try:
                with torch.inference_mode():
                    raw = self.adapter.predict(query)
                logits = self._valid(raw, query)
            except Wrong as error:
                problem = str(error)
            except BREAKS as error:
                problem = said(error)
            touched = (generators(), modes()) != outside
        changed = not _same(query, before)
        graph = isinstance(raw, Tensor) and raw.requires_grad
        return Asked(question, logits, problem, changed, touched, graph)

    def _valid(self, raw: Any, query: Query) -> Tensor:
        """The logits, if they are as `ModelAdapter.predict` has to return them."""
        if not isinstance(raw, Tensor):
            raise Wrong(f"it returned {type(raw).__name__} instead of a tensor")
        batch, _, *shape = query.image.shape
        found, classes = tuple(raw.shape), "classes" if self.able.automatic else "1"
        right = raw.ndim == 4 and (len(raw), *raw.shape[2:]) == (batch, *shape)
        if not right or not (raw.shape[1] > 1 if self.able.automatic else raw.shape[1] == 1):
            expected = ", ".join(map(str, (batch, classes, *shape)))
            raise Wrong(f"it returned shape {found} instead of ({expected})")
        if not raw.is_floating_point():
            raise Wrong(f"it returned {raw.dtype} instead of floating-point logits")
        if not torch.isfinite(raw).all():
            raise Wrong("it returned NaN or infinite logits")
        return raw.detach().float().cpu().clone()


def distance(one: Tensor, other: Tensor) -> float:
    """The largest difference of logits, as a share of the largest logit, which counts as 1 at least."""
    return float((one - other).abs().max() / max(1.0, float(one.abs().max())))


def _same(one: Query, other: Query) -> bool:
    pairs = zip(_tensors(one), _tensors(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def _tensors(query: Query) -> list[Tensor]:
    marks, context = query.interactions, query.context
    found = [query.image, query.previous_logits]
    found += [marks.positive, marks.negative, marks.box] if marks else []
    found += [context.images, context.labels] if context else []
    return [tensor for tensor in found if tensor is not None]
