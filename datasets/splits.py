"""Splits: by subject (MultiverSeg, appendix B.1; InterConv, Table 3), and those of public code by image."""

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


def split_as_scribbleprompt(count: int) -> np.ndarray:
    """Split images as ScribblePrompt's release does: 60/20/20 by scikit-learn's ``train_test_split``.

    Each of its two calls has a generator of its own with seed 42. The number drawn is rounded up.

    Parameters
    ----------
    count : int
        Number of images, sorted by the names of their files.

    Returns
    -------
    str array (count,)
    """
    split = np.full(count, "train", dtype="<U12")
    rest = np.arange(count)
    for name, parts in (("test", 5), ("val", 4)):  # a fifth of all, then a quarter of the rest
        order = np.random.RandomState(42).permutation(len(rest))
        drawn = -(-len(rest) // parts)
        split[rest[order[:drawn]]] = name
        rest = rest[order[drawn:]]
    return split


def split_as_universeg(count: int) -> np.ndarray:
    """Split images as UniverSeg's example does: 70% train (its support), 30% test; nothing is ``val``.

    Parameters
    ----------
    count : int
        Number of images, sorted by the names of their files.

    Returns
    -------
    str array (count,)
    """
    split = np.full(count, "train", dtype="<U12")
    first = int(0.7 * count)  # in floating point, as there: 62 of 90
    split[np.random.default_rng(42).permutation(count)[first:]] = "test"
    return split


MIN_CONTEXT_SUBJECTS = 3  # fewer in the train split show a model hardly any variation


def dominant_subject(counts: Mapping[str, int]) -> str | None:
    """The subject with most train images of a task, if contexts drawn from these show hardly any other.

    So it is if several images are of one subject, and it has more than half of all, or there are fewer than
    `MIN_CONTEXT_SUBJECTS`.

    Parameters
    ----------
    counts : mapping of each subject to its number of train images
    """
    most = max(counts, key=lambda subject: counts[subject], default=None)
    if most is None or counts[most] < 2:
        return None
    dominated = 2 * counts[most] > sum(counts.values()) or len(counts) < MIN_CONTEXT_SUBJECTS
    return most if dominated else None


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
