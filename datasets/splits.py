"""Splits by subject: of tasks (MultiverSeg, appendix B.1; 60/20/20) and of scans (InterConv, Table 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

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
    held_out = (2 * len(unique) + 5) // 10
    split = np.full(len(unique), "train")
    order = _permutation(len(unique), key)
    split[order[:held_out]] = "test"
    split[order[held_out : 2 * held_out]] = "val"
    return split[of_image]


def split_scans_by_subject(subjects: np.ndarray, key: str, counts: Mapping[str, int]) -> np.ndarray:
    """Assign every scan to one of four splits so that a subject is never in two (InterConv, Table 3).

    The distinct subjects, sorted, are permuted as by `split_by_subject`. Of as many as `counts` adds up to,
    every split gets its count. Otherwise ``test``, ``val`` and ``stopping-val`` take their shares, rounded
    half up and at least one subject each, and the rest is ``train``; fewer than four are all ``train``.

    Parameters
    ----------
    subjects : str array (N,)
        The subject of each scan.
    key : str
        Name of the data set.
    counts : mapping of ``train``, ``stopping-val``, ``val`` and ``test`` to numbers of subjects

    Returns
    -------
    str array (N,), each a key of `counts`
    """
    unique, of_scan = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    total = sum(counts.values())
    split = np.full(len(unique), "train", dtype="<U12")
    order, first = _permutation(len(unique), key), 0
    for name in ("test", "val", "stopping-val") if len(unique) >= 4 else ():
        last = first + max(1, (2 * len(unique) * counts[name] + total) // (2 * total))
        split[order[first:last]] = name
        first = last
    return split[of_scan]


def digest(subjects: np.ndarray, split: np.ndarray) -> str:
    """SHA-256 of who is in which split, hexadecimal; images and their order do not matter.

    Parameters
    ----------
    subjects, split : str arrays (N,)
    """
    pairs = sorted(set(zip(map(str, subjects), map(str, split), strict=True)))
    return hashlib.sha256("\0".join("\0".join(pair) for pair in pairs).encode()).hexdigest()


def digest_of(split: Mapping[str, str]) -> str:
    """As `digest`, of a mapping of each subject to its split."""
    return digest(np.array(list(split)), np.array(list(split.values())))


def _permutation(count: int, key: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    return np.random.default_rng(seed).permutation(count)
