"""Keyed generators."""

from __future__ import annotations

import numpy as np
import pytest

from segbench.protocols.interactions import keyed_generator


def draw(*key) -> int:
    return int(keyed_generator(*key).integers(2**62))


def test_a_key_gives_the_same_numbers_in_any_order_of_calls():
    keys = [(0, "task", simulation, step, "purpose") for simulation in range(5) for step in range(5)]
    forwards = {key: draw(*key) for key in keys}
    backwards = {key: draw(*key) for key in reversed(keys)}
    assert forwards == backwards
    assert len(set(forwards.values())) == len(keys)


def test_numbers_are_the_same_in_every_process():
    assert draw(0, "toy/task", 3, "purpose") == 1809645673396537697


def test_keys_are_unambiguous():
    keys = [
        (0, "ab", 1),
        (0, "a", "b", 1),
        (0, "ab", "1"),
        (0, "ab1"),
        (1, "ab", 1),
        (0, 1, "ab"),
        (0, "ab", 1, ""),
    ]
    assert len({draw(*key) for key in keys}) == len(keys)


def test_numpy_integers_are_integers():
    assert draw(0, np.int64(4)) == draw(0, 4)
    assert draw(-1, 2**80) != draw(1, 2**80)


@pytest.mark.parametrize("part", [1.5, None, ("a",)])
def test_other_types_are_refused(part):
    with pytest.raises(TypeError):
        keyed_generator(0, part)


def test_numbers_of_neighbouring_keys_are_independent():
    values = np.array([keyed_generator(0, "task", k).random() for k in range(4000)])
    assert values.mean() == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(values[:-1], values[1:])[0, 1] == pytest.approx(0, abs=0.06)
