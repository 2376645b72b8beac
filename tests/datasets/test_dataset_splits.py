from __future__ import annotations

import numpy as np
import pytest

from segbench.datasets.splits import (
    digest,
    split_as_scribbleprompt,
    split_as_universeg,
    split_by_subject,
)


def counts(split: np.ndarray) -> tuple[int, int, int]:
    return tuple(int((split == name).sum()) for name in ("train", "val", "test"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (300, (180, 60, 60)),
        (100, (60, 20, 20)),
        (8, (4, 2, 2)),
        (7, (5, 1, 1)),
        (3, (1, 1, 1)),
        (2, (2, 0, 0)),
        (1, (1, 0, 0)),
    ],
)
def test_sizes_follow_the_rounding_rule(n: int, expected: tuple[int, int, int]) -> None:
    assert counts(split_by_subject(np.array([f"s{i}" for i in range(n)]), "any")) == expected


def test_all_images_of_a_subject_share_one_split() -> None:
    subjects = np.array([f"s{i % 10}" for i in range(50)])
    split = split_by_subject(subjects, "any")
    assert all(len(set(split[subjects == s])) == 1 for s in set(subjects))
    assert counts(split) == (30, 10, 10)


def test_split_depends_on_subject_and_key_only_not_on_order() -> None:
    subjects = np.array([f"s{i}" for i in range(40)])
    backwards = split_by_subject(subjects[::-1], "wbc")[::-1]
    assert (split_by_subject(subjects, "wbc") == backwards).all()
    assert (split_by_subject(subjects, "wbc") != split_by_subject(subjects, "other")).any()


def test_split_is_the_same_on_every_machine() -> None:
    split = split_by_subject(np.array(list("abcdefghij")), "wbc")
    assert "".join(name[1] for name in split) == "rarrerrrea"


PAPER = {"train": 777, "stopping-val": 50, "val": 47, "test": 102}


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (976, (777, 50, 47, 102)),
        (1952, (1554, 100, 94, 204)),
        (100, (80, 5, 5, 10)),
        (4, (1, 1, 1, 1)),
        (3, (3, 0, 0, 0)),
    ],
)
def test_four_splits_keep_the_proportions(n: int, expected: tuple[int, ...]) -> None:
    split = split_by_subject(np.array([f"s{i}" for i in range(n)]), "any", PAPER)
    assert tuple(int((split == name).sum()) for name in PAPER) == expected


def test_four_splits_depend_on_subject_and_key_only() -> None:
    subjects = np.array([f"s{i % 40}" for i in range(90)])
    split = split_by_subject(subjects, "oasis", PAPER)
    assert all(len(set(split[subjects == s])) == 1 for s in set(subjects))
    assert (split[::-1] == split_by_subject(subjects[::-1], "oasis", PAPER)).all()
    assert (split != split_by_subject(subjects, "other", PAPER)).any()


def test_digest_depends_on_the_split_of_each_subject_only() -> None:
    subjects, split = np.array(["a", "b", "c"]), np.array(["train", "val", "test"])
    same = digest(np.array(["c", "a", "b", "a"]), np.array(["test", "train", "val", "train"]))
    assert digest(subjects, split) == same
    assert digest(subjects, split[::-1]) != same
    assert digest(np.array(["a", "b", "d"]), split) != same


@pytest.mark.parametrize("n", [5, 7, 33, 90, 100, 101, 300])
def test_the_split_of_scribbleprompts_release_is_that_of_scikit_learn(n: int) -> None:
    """The release asks for a fifth, then for 0.2 / (0.6 + 0.2) of the rest, each time with seed 42."""
    train_test_split = pytest.importorskip("sklearn.model_selection").train_test_split
    rest, test = train_test_split(range(n), test_size=0.2, random_state=42)
    train, val = train_test_split(rest, test_size=0.2 / (0.6 + 0.2), random_state=42)
    split = split_as_scribbleprompt(n)
    for name, images in (("train", train), ("val", val), ("test", test)):
        assert np.flatnonzero(split == name).tolist() == sorted(images)


@pytest.mark.parametrize(("n", "support"), [(300, 210), (100, 70), (90, 62), (3, 2)])
def test_the_split_of_universegs_example(n: int, support: int) -> None:
    """The first images of a permutation are its support; 70% of 90 are 62.99 in floating point."""
    split = split_as_universeg(n)
    order = np.random.default_rng(42).permutation(n)
    assert set(split[order[:support]]) == {"train"} and set(split[order[support:]]) == {"test"}
