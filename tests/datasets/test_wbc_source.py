from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.datasets import DataError, TaskData, load_dataset
from segbench.datasets.download import checksum
from segbench.datasets.registry import find_source
from segbench.datasets.sources.wbc import FOLDER, PATTERNS, SHA256


@pytest.fixture(scope="module")
def tasks(shared_data: Path) -> list[TaskData]:
    return load_dataset("wbc", shared_data)


def test_four_tasks_with_all_images(tasks: list[TaskData]) -> None:
    assert [(t.task.name, len(t)) for t in tasks] == [
        ("wbc/JTSC/Microscopy/0/nucleus", 300),
        ("wbc/JTSC/Microscopy/0/cytoplasm", 300),
        ("wbc/CV/Microscopy/0/nucleus", 100),
        ("wbc/CV/Microscopy/0/cytoplasm", 100),
    ]


def test_splits_are_60_20_20_and_shared_by_both_labels(tasks: list[TaskData]) -> None:
    for nucleus, cytoplasm in (tasks[:2], tasks[2:]):
        n = len(nucleus)
        sizes = [len(nucleus.indices(split)) for split in ("train", "val", "test")]  # type: ignore[arg-type]
        assert sizes == [0.6 * n, 0.2 * n, 0.2 * n]
        assert (nucleus.split == cytoplasm.split).all() and (nucleus.subjects == cytoplasm.subjects).all()
        assert len(set(nucleus.subjects)) == n


@pytest.mark.parametrize(
    ("variant", "sizes", "split", "some"),
    [
        ("scribbleprompt", (0.6, 0.2, 0.2), "test", {"JTSC-204", "JTSC-267", "CV-084", "CV-054"}),
        ("scribbleprompt", (0.6, 0.2, 0.2), "val", {"JTSC-080", "JTSC-023", "CV-025", "CV-056"}),
        ("universeg", (0.7, 0, 0.3), "test", {"JTSC-124", "JTSC-046", "CV-045", "CV-083"}),
    ],
)
def test_variants_have_the_splits_of_public_code(
    tasks: list[TaskData],
    shared_data: Path,
    variant: str,
    sizes: tuple[float, ...],
    split: str,
    some: set[str],
) -> None:
    """Some images that the public functions draw first, by number; everything else is as in wbc."""
    name, drawn = f"wbc@{variant}", set[str]()
    source = find_source(name)
    for task, ours in zip(source.tasks(shared_data), tasks, strict=True):
        if task.label == "cytoplasm":
            continue
        data = source.load(task, shared_data)
        assert data.task.name == ours.task.name.replace("wbc/", f"{name}/")
        np.testing.assert_array_equal(data.images, ours.images)
        np.testing.assert_array_equal(data.labels, ours.labels)
        counts = [len(data.indices(name)) for name in ("train", "val", "test")]
        assert counts == [round(share * len(data)) for share in sizes]
        drawn |= set(data.subjects[data.split == split])
    assert some < drawn


def test_cohorts_share_no_subject(tasks: list[TaskData]) -> None:
    assert not set(tasks[0].subjects) & set(tasks[2].subjects)


def test_nucleus_is_darker_than_cytoplasm_and_cytoplasm_than_the_rest(tasks: list[TaskData]) -> None:
    for nucleus, cytoplasm in (tasks[:2], tasks[2:]):
        np.testing.assert_array_equal(nucleus.images, cytoplasm.images)
        rest = ~(nucleus.labels | cytoplasm.labels)
        inside, around, outside = (nucleus.images[m].mean() for m in (nucleus.labels, cytoplasm.labels, rest))
        assert inside + 0.2 < around < outside


def test_labels_are_disjoint_but_for_ties_and_touch_no_stray_value(tasks: list[TaskData]) -> None:
    for nucleus, cytoplasm in (tasks[:2], tasks[2:]):
        assert (nucleus.labels & cytoplasm.labels).mean() < 2e-3
        assert nucleus.labels.any((1, 2, 3)).all() and cytoplasm.labels.any((1, 2, 3)).all()


def test_the_data_root_may_be_the_folder_itself(shared_data: Path) -> None:
    assert find_source("wbc").installed(shared_data / FOLDER)


def test_recorded_checksum_holds(shared_data: Path) -> None:
    assert checksum(shared_data / FOLDER, PATTERNS) == SHA256


@pytest.mark.parametrize("root", [None, Path("nowhere")])
def test_missing_images_name_the_command_that_fetches_them(root: Path | None) -> None:
    with pytest.raises(DataError, match=r"data fetch wbc.*--data-root"):
        find_source("wbc").tasks(root)


def test_an_image_without_its_mask_is_named(tmp_path: Path) -> None:
    for cohort in ("Dataset 1", "Dataset 2"):
        (tmp_path / FOLDER / cohort).mkdir(parents=True)
    (tmp_path / FOLDER / "Dataset 1" / "007.bmp").touch()
    wbc = find_source("wbc")
    jtsc, _, cv, _ = wbc.tasks(tmp_path)
    with pytest.raises(DataError, match=r"007\.bmp has no mask"):
        wbc.load(jtsc, tmp_path)
    with pytest.raises(DataError, match="empty"):
        wbc.load(cv, tmp_path)
