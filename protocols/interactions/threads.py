"""Batches in several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, TypeVar

import cv2

Result = TypeVar("Result")
SHARE = 16  # items per call: few calls, balanced threads, and the data fit into a core's cache


def in_threads(function: Callable[..., Sequence[Result]], *batches: Any) -> list[Result]:
    """Apply a function to one or more batches, in as many threads as OpenCV may use.

    Parameters
    ----------
    function : callable
        Takes slices of the batches and returns one result per item, which must not depend on the other items.
    *batches : sequences or arrays of one length

    Raises
    ------
    ValueError
        If the batches are of different lengths.
    """
    count = len(batches[0])
    if any(len(batch) != count for batch in batches):
        raise ValueError(f"batches of different lengths: {', '.join(str(len(batch)) for batch in batches)}")
    shares = [[batch[k : k + SHARE] for batch in batches] for k in range(0, count, SHARE)]
    threads = cv2.getNumThreads()
    if min(threads, len(shares)) <= 1:
        return list(chain.from_iterable(function(*share) for share in shares))
    cv2.setNumThreads(1)  # OpenCV's threads would compete with these
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(chain.from_iterable(pool.map(lambda share: function(*share), shares)))
    finally:
        cv2.setNumThreads(threads)
