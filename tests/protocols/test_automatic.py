"""Automatic segmentation of toy scans, whose Dice can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.task import Task
from segbench.protocols.adapter import Capabilities, Query
from segbench.protocols.automatic import SET_AUTOMATIC
from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.registry import PROTOCOLS
from segbench.results.schema import IMAGES, PICTURES, STEPS, typed
from segbench.results.store import Run

STRUCTURES = ("left", "right", "rare")
SCANS = {"a": 1, "b": 3, "c": 2, "d": 3}  # of each test subject
NAME = "toy/toy/MR/coronal/"


@pytest.fixture
def scans() -> ScanData:
    """Nine test scans of 8 x 10 pixels: 'left' fills 4 columns, 'right' 2; 'rare' a pixel of a's scan alone.

    A pixel's value is its label / 4, but the first scan of b and d shows nothing. Subject e validates.
    """
    subjects = np.array([name for name, number in SCANS.items() for _ in range(number)] + ["e"])
    labels = np.zeros((len(subjects), 1, 8, 10), np.uint8)
    labels[..., :4], labels[..., 4:6] = 1, 2
    labels[0, 0, 0, 9] = 3
    images = (labels / 4).astype(np.float32)
    images[[1, 6]] = 0
    split = np.where(subjects == "e", "val", "test")
    return ScanData(Task("toy", "toy", "MR", "coronal", ALL), images, labels, subjects, split, STRUCTURES)


class Reader:
    """Labels every pixel by its value, in a set by the largest value that any image has there."""

    def __init__(self, setwise: bool, classes: int = 4, micro_batch: int = 1) -> None:
        self.capabilities = Capabilities(automatic=True, needs_training=True, setwise=setwise)
        self.classes, self.micro_batch = classes, micro_batch
        self.queries: list[Query] = []

    def predict(self, query: Query) -> torch.Tensor:
        self.queries.append(query)
        image = query.image
        if query.sets is not None:
            parts = image.split(list(query.sets))
            image = torch.cat([part.amax(dim=0, keepdim=True).expand_as(part) for part in parts])
        return -(image * 4 - torch.arange(self.classes).reshape(1, -1, 1, 1)).abs()


def run(data, model, **config):
    return SET_AUTOMATIC.run(data, model, (0,), Config(**config), None, "toy")


def scores(records):
    """Dice by subject, number of the scan among all scans, and structure."""
    return {(row["subject"], row["position"], row["label"]): row["dice"] for row in records.images}


def positions():
    """The subject of each position: scans are numbered over all subjects."""
    return enumerate((name for name, number in SCANS.items() for _ in range(number)), start=1)


def rows_without_clock(records):
    return records.steps, [{k: v for k, v in row.items() if k != "seconds"} for row in records.images]


def test_one_row_per_scan_and_structure(scans):
    records = run(scans, Reader(setwise=True))
    expected = {(name, position, label): 1.0 for position, name in positions() for label in STRUCTURES[:2]}
    assert scores(records) == expected | {("a", 1, "rare"): 1.0}
    assert len(records.images) == len(records.steps) == len(expected) + 1
    assert {row["task"] for row in records.images} == {NAME + label for label in STRUCTURES}
    for row in records.images:
        assert (row["set_size"], row["context_size"]) == (SCANS[row["subject"]], 0)
        assert (row["interactions"], row["reached"], row["hd95"], row["context"]) == (0, True, 0.0, "none")
        assert (row["split"], row["simulation"], row["annotator"]) == ("test", 0, "none")
        assert scans.subjects[row["image"]] == row["subject"] and row["seconds"] > 0
    assert {(row["step"], row["kind"], row["row"], row["column"]) for row in records.steps} == {
        (0, "none", -1, -1)
    }
    assert set(records.steps[0]) == set(STEPS) and set(records.images[0]) == set(IMAGES)


def test_a_set_is_all_scans_of_a_subject(scans):
    model = Reader(setwise=True)
    run(scans, model)
    assert sorted(query.sets for query in model.queries) == [(1,), (2,), (3,), (3,)]
    assert all(
        query.interactions is query.context is query.previous_logits is None for query in model.queries
    )
    np.testing.assert_array_equal(model.queries[1].image, scans.images[1:4])


def test_a_model_that_is_not_setwise_gets_single_scans(scans):
    model = Reader(setwise=False)
    records = run(scans, model)
    assert [(query.sets, len(query.image)) for query in model.queries] == [(None, 1)] * 9
    assert {(row["set_size"], row["context"]) for row in records.images} == {(1, "none")}
    dice_values = scores(records)
    blank = {key: value for key, value in dice_values.items() if value < 1}
    assert blank == {(*scan, label): 0.0 for scan in (("b", 2), ("d", 7)) for label in STRUCTURES[:2]}
    row = next(row for row in records.steps if (row["subject"], row["position"]) == ("b", 2))
    assert (row["tp"], row["fp"], row["fn"]) == (0, 0, 32)
    assert sum(value == 1 for value in dice_values.values()) == 7 * 2 + 1


def test_absent_structures_have_no_row_unless_they_are_predicted(scans):
    scans.labels[scans.labels == 3] = 0  # now the image alone shows it
    records = run(scans, Reader(setwise=False))
    rare = [row for row in records.images if row["label"] == "rare"]
    assert [(row["subject"], row["dice"], row["hd95"]) for row in rare] == [("a", 0.0, np.hypot(8, 10))]


def test_records_do_not_depend_on_the_micro_batch(scans):
    for setwise in (False, True):
        alone, larger = Reader(setwise), Reader(setwise, micro_batch=6)
        assert rows_without_clock(run(scans, alone)) == rows_without_clock(run(scans, larger))
        assert {len(query.image) for query in larger.queries} == {6}
        assert all(len(set(query.sets)) == 1 for query in larger.queries if query.sets)


def test_pictures_are_of_the_first_subject_with_the_most_scans(scans):
    pictures = run(scans, Reader(setwise=True)).pictures
    assert [(row["subject"], row["label"], row["position"]) for row in pictures] == [
        ("b", label, position) for label in STRUCTURES[:2] for position in (2, 3, 4)
    ]
    bits = np.unpackbits(np.frombuffer(pictures[0]["prediction"], "u1"))[:80].reshape(8, 10) > 0
    np.testing.assert_array_equal(bits, scans.labels[1, 0] == 1)
    assert {(row["positive"], row["negative"], row["set_size"]) for row in pictures} == {(b"", b"", 3)}
    assert set(pictures[0]) == set(PICTURES)


def test_the_validation_split(scans):
    records = run(scans, Reader(setwise=True), split="val")
    assert {(row["subject"], row["split"]) for row in records.images} == {("e", "val")}


def test_records_of_all_subjects_come_back_from_disk(scans, tmp_path):
    """Scans of several subjects have equal set sizes; the store keeps them separate."""
    from segbench.results import load

    records = run(scans, Reader(setwise=True))
    store = Run.open_or_create(tmp_path / "run", {})
    store.write("unit", {}, *(typed(getattr(records, name), columns) for name, columns in TABLES.items()))
    stored = load(tmp_path / "run")
    assert len(stored.images) == len(records.images) and len(stored.steps) == len(records.steps)
    assert len(stored.pictures) == 6


TABLES = {"steps": STEPS, "images": IMAGES, "pictures": PICTURES}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda logits: logits[:, :3], "predicts 3 classes, but the task has 4; train it on that task"),
        (lambda logits: logits / 0, "returned NaN or infinite logits"),
        (lambda logits: logits[:, 0], r"returned logits of shape \(1, 8, 10\) instead of \(1, 4, 8, 10\)"),
        (lambda logits: logits.numpy(), "returned ndarray"),
    ],
)
def test_invalid_predictions_name_the_model(scans, spoil, message):
    class Broken(Reader):
        def predict(self, query):
            return spoil(super().predict(query))

    with pytest.raises(ProtocolError, match=f"model Broken {message}"):
        run(scans, Broken(setwise=False))


def test_unsupported_models_and_tasks(scans, toy_task, obedient):
    assert PROTOCOLS.get("set-automatic") is SET_AUTOMATIC
    assert (
        SET_AUTOMATIC.unsupported_model(Capabilities(automatic=True, setwise=True, needs_training=True))
        is None
    )
    assert "one structure" in (SET_AUTOMATIC.unsupported_model(Capabilities(interactive=True)) or "")
    assert SET_AUTOMATIC.unsupported_task(scans, Config()) is None
    scans.split[-1] = "test"
    with pytest.raises(ProtocolError, match="all-structures has no val scan"):
        run(scans, Reader(setwise=True), split="val")
    with pytest.raises(ProtocolError, match="disc has one structure"):
        run(toy_task, Reader(setwise=True))
    with pytest.raises(ProtocolError, match="not all of them at once"):
        run(scans, obedient)
