"""Batches of units that are computed together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segbench.benchmark.execution.batches import BATCH_SIZE, MAX_IMAGES, make_batches
from segbench.benchmark.plan import Unit
from segbench.datasets.task import Task
from segbench.protocols.config import Config

TASKS = [Task("toys", "drawn", "synthetic", "0", label) for label in ("one", "two")]


@pytest.fixture
def make_units():
    """``make_units(model, cost, count, **attributes)``: units of two tasks in turn."""

    def make(model, cost, count, **attributes):
        unit = Unit("clicks", model, "toys", TASKS[0], (0,), Config(), "bundled", False, {}, cost, "")
        return [replace(unit, task=TASKS[i % 2], key=f"{model} {i}", **attributes) for i in range(count)]

    return make


def keys(found):
    return sorted(unit.key for batch in found for unit in batch)


def test_a_cpu_computes_one_unit_of_each_kind_then_the_largest_first(make_units):
    units = make_units("cheap", 1, 2) + make_units("dear", 5, 4) + make_units("other", 5, 2)
    found = make_batches(units, "cpu", workers=2)
    assert [len(batch) for batch in found] == [1] * 8 and keys(found) == sorted(u.key for u in units)
    order = [(batch[0].model, batch.cost, batch[0].task.label) for batch in found]
    assert order[:3] == [("dear", 5, "one"), ("other", 5, "one"), ("cheap", 1, "two")]
    assert [entry[1:] for entry in order[3:]] == [(5, "one")] + [(5, "two")] * 3 + [(1, "one")]


def test_a_gpu_computes_units_of_one_model_and_configuration_together(make_units):
    longer = replace(Config(), images=30)
    units = make_units("a", 1, 300) + make_units("b", 2, 3) + make_units("b", 2, 3, config=longer)
    found = make_batches(units, "cuda", workers=1)
    assert keys(found) == sorted(unit.key for unit in units)
    assert sorted(map(len, found)) == [
        3,
        3,
        300 - 2 * BATCH_SIZE["cuda"],
        BATCH_SIZE["cuda"],
        BATCH_SIZE["cuda"],
    ]
    for batch in found:
        assert len({(unit.model, unit.config) for unit in batch}) == 1
        assert batch.cost == sum(unit.cost for unit in batch)


def test_no_gpu_is_left_without_work(make_units):
    found = make_batches(make_units("a", 1, 20), "cuda", workers=8)
    assert sorted(map(len, found)) == [2, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("images", [None, MAX_IMAGES + 1])
def test_long_simulations_are_computed_unit_by_unit(make_units, images):
    found = make_batches(make_units("a", 1, 5, config=Config(images=images)), "cuda", workers=1)
    assert [len(batch) for batch in found] == [1] * 5
