"""A batch on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, TypeVar

import cv2

Result = TypeVar("Result")
SHARE = 16  # items at a time: few calls, balanced threads, and the work fits a core's cache


def in_threads(function: Callable[..., Sequence[Result]], *batches: Any) -> list[Result]:
    """Results of a function that takes some items of one or more batches and answers for each of them.

    The work is split among as many threads as OpenCV may use; with one it is done in place. The function must
    give an item the same result in any company.

    Parameters
    ----------
    function : called with slices of the batches, returns one result for each item
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
    cv2.setNumThreads(1)  # OpenCV's own threads would only be in the way of ours
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(chain.from_iterable(pool.map(lambda share: function(*share), shares)))
    finally:
        cv2.setNumThreads(threads)
