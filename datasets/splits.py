"""Splits by subject: of tasks (MultiverSeg, appendix B.1; 60/20/20) and of scans (InterConv, Table 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

SHARES = {"train": 3, "val": 1, "test": 1}
"""Relative numbers of subjects in the splits of a task."""


def split_by_subject(subjects: np.ndarray, key: str, shares: Mapping[str, int] = SHARES) -> np.ndarray:
    """Assign every image to a split so that no subject is in two.

    The distinct subjects, sorted, are permuted by a generator keyed by the SHA-256 of `key`. The splits
    ``test``, ``val`` and ``stopping-val`` get their shares of the subjects, rounded half up and at least one,
    and the rest is ``train``. If there are fewer subjects than splits, all are ``train``.

    Parameters
    ----------
    subjects : str array (N,)
        The subject of each image of a cohort, including images without the label in question: all labels of
        the cohort then have the same split.
    key : str
        Name of the data set.
    shares : mapping of each split to its relative number of subjects
        By default 60/20/20. If the number of subjects is their sum, every split gets exactly its share.

    Returns
    -------
    str array (N,), each a key of `shares`
    """
    unique, subject_of = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    total = sum(shares.values())
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    order, first = np.random.default_rng(seed).permutation(len(unique)), 0
    split = np.full(len(unique), "train", dtype="<U12")
    for name in ("test", "val", "stopping-val") if len(unique) >= len(shares) else ():
        share = shares.get(name, 0)
        last = first + max(share > 0, (2 * len(unique) * share + total) // (2 * total))
        split[order[first:last]] = name
        first = last
    return split[subject_of]


def digest(subjects: np.ndarray, split: np.ndarray) -> str:
    """SHA-256 of the split of each subject, hexadecimal; independent of images and their order.

    Parameters
    ----------
    subjects, split : str arrays (N,)
    """
    pairs = sorted(set(zip(map(str, subjects), map(str, split), strict=True)))
    return hashlib.sha256("\0".join("\0".join(pair) for pair in pairs).encode()).hexdigest()


def digest_of(split: Mapping[str, str]) -> str:
    """As `digest`, for a mapping of each subject to its split."""
    return digest(np.array(list(split)), np.array(list(split.values())))
