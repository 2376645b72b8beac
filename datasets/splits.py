"""Train, validation and test split by subject (MultiverSeg, appendix B.1; 60/20/20)."""

from __future__ import annotations

import hashlib

import numpy as np


def split_by_subject(subjects: np.ndarray, key: str) -> np.ndarray:
    """Assign every image to a split so that a subject is never in two.

    The distinct subjects, sorted, are permuted by a generator keyed by the SHA-256 of `key`. With n
    subjects, n/5 rounded half up are ``val``, as many are ``test`` and the rest is ``train``, so that three
    subjects or more fill all splits, and fewer are all ``train``.

    Parameters
    ----------
    subjects : str array (N,)
        The subject of each image of a cohort, including images without the label in question: then all
        labels of the cohort share one split.
    key : str
        Name of the data set.

    Returns
    -------
    str array (N,), each of ``train``, ``val``, ``test``
    """
    unique, of_image = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    held_out = (2 * len(unique) + 5) // 10
    split = np.full(len(unique), "train")
    order = np.random.default_rng(seed).permutation(len(unique))
    split[order[:held_out]] = "test"
    split[order[held_out : 2 * held_out]] = "val"
    return split[of_image]
