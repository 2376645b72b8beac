"""The longitudinal brain: the same everywhere, hard in one scan, easier in several."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from segbench.datasets.phantoms import BRAIN_SUBJECTS, VERSION, subject_generator
from segbench.datasets.phantoms.brain import draw
from segbench.datasets.registry import find_source, open_dataset
from segbench.datasets.scans import STRUCTURES, ScanData
from segbench.datasets.task import DataError, Task


@pytest.fixture(scope="module")
def brain() -> ScanData:
    source = find_source("brain-phantom")
    return source.load(source.tasks(None)[0], None)


@pytest.fixture(scope="module")
def long_sets(brain: ScanData) -> list[np.ndarray]:
    """The scans of every subject with eight or more."""
    return [s for split in ScanData.SPLITS for s in brain.sets(split) if len(s) >= 8]  # type: ignore[arg-type]


def number(name: str) -> int:
    return STRUCTURES.index(name) + 1


def mean_dice(prediction: np.ndarray, label: np.ndarray) -> float:
    """Over the twenty structures."""
    both = [(prediction == k, label == k) for k in range(1, 21)]
    return float(np.mean([2 * (p & y).sum() / (p.sum() + y.sum()) for p, y in both]))


def explained(image: np.ndarray, label: np.ndarray) -> float:
    """Share of the variance within the structures that the label map explains."""
    values, labels = image[label > 0].astype(float), label[label > 0]
    level = np.array([values[labels == k].mean() for k in range(1, 21)])
    return 1 - float(((values - level[labels - 1]) ** 2).mean() / values.var())


def test_it_is_one_task_of_scans_that_needs_nothing_on_disk(tmp_path) -> None:
    source = find_source("brain-phantom")
    assert open_dataset("brain-phantom").kind == "scans"
    assert source.installed(None) and source.installed(tmp_path)
    assert [t.name for t in source.tasks(tmp_path)] == [
        "brain-phantom/longitudinal/MR/coronal/all-structures"
    ]


def test_unknown_task_is_one_sentence() -> None:
    with pytest.raises(DataError, match="no task of brain-phantom"):
        find_source("brain-phantom").load(
            Task("brain-phantom", "longitudinal", "CT", "coronal", "skull"), None
        )


def test_counts_ranges_and_splits(brain: ScanData) -> None:
    assert brain.images.shape[1:] == (1, 80, 96) and brain.structures == STRUCTURES and brain.classes == 21
    assert {split: len(brain.sets(split)) for split in ScanData.SPLITS} == BRAIN_SUBJECTS  # type: ignore[arg-type]
    assert (brain.images.min((1, 2, 3)) == 0).all() and (brain.images.max((1, 2, 3)) == 1).all()
    levels = brain.images.astype(float) * 255
    assert np.abs(levels - levels.round()).max() < 1e-4


def test_one_to_twelve_sessions_fewer_subjects_with_many(brain: ScanData) -> None:
    sessions = np.unique(brain.subjects, return_counts=True)[1]
    assert sessions.min() == 1 and sessions.max() == 12 and 3.5 < sessions.mean() < 4.5
    assert (sessions <= 3).mean() > 0.45 and 0.05 < (sessions >= 9).mean() < 0.2


def test_every_scan_shows_every_structure(brain: ScanData) -> None:
    areas = np.stack([(brain.labels == k).sum((1, 2, 3)) for k in range(1, 21)], 1)
    assert areas.min() >= 12


def test_the_left_is_on_the_right_and_the_stem_below(brain: ScanData) -> None:
    def centre(name: str) -> np.ndarray:
        return np.argwhere(brain.labels[0, 0] == number(name)).mean(0)

    for name in ("thalamus", "hippocampus", "cerebral-cortex"):
        assert centre(f"left-{name}")[1] > centre(f"right-{name}")[1] + 8
    assert centre("brain-stem")[0] > centre("3rd-ventricle")[0] > centre("left-lateral-ventricle")[0]


def test_a_subject_is_drawn_from_its_own_key(brain: ScanData) -> None:
    chosen = brain.subjects == "brain-007"
    rng = subject_generator("brain-phantom", VERSION, 7)
    rng.random()  # the number of sessions
    images, labels = draw(rng, int(chosen.sum()))
    np.testing.assert_array_equal(images, brain.images[chosen, 0])
    np.testing.assert_array_equal(labels, brain.labels[chosen, 0])


def test_arrays_cannot_be_changed_by_accident(brain: ScanData) -> None:
    with pytest.raises(ValueError, match="read-only"):
        brain.labels[0] = 0


def test_the_anatomy_is_the_subjects_own_and_ages(brain: ScanData, long_sets: list[np.ndarray]) -> None:
    labels = brain.labels[:, 0]
    own = np.mean([mean_dice(labels[s[0]], labels[s[1]]) for s in long_sets])
    other = np.mean([mean_dice(labels[a[0]], labels[b[0]]) for a, b in pairwise(long_sets)])
    assert own > 0.85 and other < 0.65
    ventricles = np.isin(labels, [number("left-lateral-ventricle"), number("right-lateral-ventricle")])
    growth = [ventricles[s[-1]].sum() / ventricles[s[0]].sum() for s in long_sets]
    assert 1.05 < np.mean(growth) < 1.3


def test_slices_are_thick(brain: ScanData) -> None:
    image = brain.images[:50, 0]
    down, across = (np.abs(np.diff(image, axis=axis))[:, 20:60, 20:75].mean() for axis in (1, 2))
    assert down < 0.6 * across


def test_more_sessions_show_more_of_the_anatomy(brain: ScanData, long_sets: list[np.ndarray]) -> None:
    shown = [
        np.mean([explained(brain.images[s[:k], 0].mean(0), brain.labels[s[0], 0]) for s in long_sets])
        for k in (1, 2, 4, 8)
    ]
    assert shown[0] < 0.35
    assert (np.diff(shown) > 0.05).all(), shown


def test_no_template_solves_it(brain: ScanData) -> None:
    train = brain.labels[brain.indices("train"), 0]
    template = np.argmax([(train == k).sum(0) for k in range(21)], axis=0)
    assert np.mean([mean_dice(template, brain.labels[i, 0]) for i in brain.indices("test")]) < 0.7
