"""Who is in which split, as one number."""

from __future__ import annotations

import numpy as np

from segbench.datasets.splits import digest

SUBJECTS, SPLIT = np.array(["a", "b", "c"]), np.array(["train", "val", "test"])


def test_it_tells_splits_apart_and_nothing_else():
    same = digest(np.array(["c", "a", "b", "a"]), np.array(["test", "train", "val", "train"]))
    assert digest(SUBJECTS, SPLIT) == same
    assert digest(SUBJECTS, SPLIT[::-1]) != same
    assert digest(np.array(["a", "b", "d"]), SPLIT) != same
