"""The embedded phantoms: equal on all machines, varied, and not solved by a threshold or a template."""

from __future__ import annotations

import hashlib
import importlib

import numpy as np
import pytest

from segbench.datasets.phantoms import COHORTS, VERSION, Phantoms, subject_generator
from segbench.datasets.registry import find_source
from segbench.datasets.task import DataError, Task

TASKS = Phantoms().tasks(None)


@pytest.fixture(scope="module", params=list(COHORTS))
def cohort(request):
    """The data of all labels of one cohort; every cohort is drawn once for all tests of it."""
    return [Phantoms().load(task, None) for task in TASKS if task.cohort == request.param]


def dice(prediction: np.ndarray, label: np.ndarray) -> float:
    return 2 * float((prediction & label).sum()) / max(float(prediction.sum() + label.sum()), 1.0)


def best_threshold_dice(image: np.ndarray, label: np.ndarray) -> float:
    """Dice of the best of 31 thresholds, above or below, chosen with the label known."""
    levels = np.unique(np.quantile(image, np.linspace(0, 1, 33)[1:-1]))
    return max(dice(mask, label) for t in levels for mask in (image >= t, image < t))


def template_dice(data) -> float:
    """Mean test Dice of one fixed mask: the training labels' mean, cut at its best level."""
    labels = data.labels[:, 0]
    train = labels[data.indices("train")]
    masks = [train.mean(0) >= level for level in np.linspace(0.1, 0.9, 9)]
    best = max(masks, key=lambda mask: float(np.mean([dice(mask, label) for label in train])))
    return float(np.mean([dice(best, labels[i]) for i in data.indices("test")]))


def test_tasks_cover_the_anatomies_of_the_paper():
    assert len(TASKS) == len(set(TASKS)) == 11
    assert {t.cohort for t in TASKS} == {"heart", "breast", "hip", "chest", "jaw", "retina", "blood", "spine"}
    assert TASKS[0].name == "phantoms/heart/cine-MRI/0/left-ventricle"


def test_they_need_no_files_and_have_a_registered_name(tmp_path):
    source = find_source("phantoms")
    assert source.installed(None) and source.installed(tmp_path)
    assert source.tasks(tmp_path) == TASKS


def test_unknown_task_is_one_sentence():
    with pytest.raises(DataError, match="no phantom task"):
        Phantoms().load(Task("phantoms", "heart", "cine-MRI", "0", "atrium"), None)


def test_counts_ranges_and_split(cohort):
    for data in cohort:
        assert data.images.shape == data.labels.shape == (120, 1, 128, 128)
        assert data.images.dtype == np.float32 and data.labels.dtype == np.bool_
        assert len(set(data.subjects)) == 120
        assert [len(data.indices(s)) for s in ("train", "val", "test")] == [72, 24, 24]
        assert (data.images.min(axis=(1, 2, 3)) == 0).all()
        assert (data.images.max(axis=(1, 2, 3)) == 1).all()
        levels = data.images.astype(float) * 255
        assert np.abs(levels - levels.round()).max() < 1e-4


def test_every_image_has_a_label_of_sane_size(cohort):
    for data in cohort:
        area = data.labels.mean(axis=(1, 2, 3))
        assert area.min() > 0.008, data.task
        assert area.max() < 0.45, data.task


def test_no_two_images_or_labels_are_equal(cohort):
    for data in cohort:
        for arrays in (data.images, data.labels):
            assert len({hashlib.sha256(a.tobytes()).digest() for a in arrays}) == 120


def test_labels_of_a_cohort_share_images_subjects_and_split_but_no_pixel(cohort):
    first, *others = cohort
    for other in others:
        assert np.array_equal(first.images, other.images)
        assert np.array_equal(first.subjects, other.subjects)
        assert np.array_equal(first.split, other.split)
        assert not (first.labels & other.labels).any()


def test_arrays_cannot_be_changed_by_accident(cohort):
    with pytest.raises(ValueError, match="read-only"):
        cohort[0].images[0] = 0


def test_neither_threshold_nor_template_solves_a_task(cohort):
    for data in cohort:
        sample = data.indices("test")[:8]
        threshold = np.mean([best_threshold_dice(data.images[i], data.labels[i]) for i in sample])
        assert threshold < 0.9, data.task
        assert template_dice(data) < 0.9, data.task


def test_a_subject_is_drawn_from_its_own_key(cohort):
    name = cohort[0].task.cohort
    draw = importlib.import_module(f"segbench.datasets.phantoms.{name}").draw
    image, masks = draw(subject_generator("phantoms", VERSION, name, 7))
    np.testing.assert_array_equal(image, cohort[0].images[7, 0])
    for data in cohort:
        np.testing.assert_array_equal(masks[data.task.label], data.labels[7, 0])
