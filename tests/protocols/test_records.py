"""Measures of the last predictions in the records."""

from __future__ import annotations

import numpy as np

from segbench.datasets.task import Task, TaskData
from segbench.protocols.metrics import hd95, nsd
from segbench.protocols.records import SampleKey, collect
from segbench.protocols.trajectory import Trajectory

HEIGHT, WIDTH = 12, 16


def finished(label: np.ndarray, *predictions: np.ndarray) -> Trajectory:
    """Return an image with these predictions, one after another."""
    trajectory = Trajectory(np.zeros(label.shape, np.float32), label, target_dice=0.9)
    for step, mask in enumerate(predictions, start=1):
        trajectory.receive(step, np.where(mask, 1, -1).astype(np.float32)[None], seconds=0.1)
    return trajectory


def test_the_last_predictions_are_measured_and_imputed_distances_marked():
    nothing, square, shifted = np.zeros((3, HEIGHT, WIDTH), bool)
    square[3:8, 3:8] = shifted[3:8, 5:10] = True
    pairs = [(square, shifted), (square, nothing), (nothing, square), (nothing, nothing), (square, square)]
    data = TaskData(
        Task("toy", "a", "m", "0", "x"),
        np.zeros((5, 1, HEIGHT, WIDTH), np.float32),
        np.stack([label for label, _ in pairs])[:, None],
        np.array(list("abcde")),
        np.full(5, "test"),
    )
    samples = [
        (SampleKey(number + 1, number), finished(label, ~last, last))
        for number, (label, last) in enumerate(pairs)
    ]
    rows = collect("center-clicks", "toy", data, "test", "none", samples).images
    assert [row["hd95_imputed"] for row in rows] == [False, True, True, False, False]
    for (label, last), row in zip(pairs, rows, strict=True):
        assert row["hd95"] == hd95(last, label)
        assert (row["nsd_1px"], row["nsd_2px"]) == (nsd(last, label, 1), nsd(last, label, 2))
    assert [row["nsd_2px"] for row in rows] == [1, 0, 0, 1, 1] and rows[0]["nsd_1px"] < 1
