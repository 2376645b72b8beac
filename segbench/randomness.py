"""Random generators that depend on a key and on nothing else."""

from __future__ import annotations

import hashlib
import json
import operator

import numpy as np


def keyed_generator(seed: int, *key: int | str) -> np.random.Generator:
    """Return the generator of one draw, such as (task, simulation, image, step, purpose).

    The same seed and key give the same numbers in any order of calls, any batch and any process.

    Parameters
    ----------
    seed : int
        Root seed of the run.
    *key : int or str
        Identifies the draw. Numbers and strings differ, and so do differently split keys: ``("ab", 1)``,
        ``("a", "b", 1)`` and ``("ab", "1")`` are three keys.

    Raises
    ------
    TypeError
        If a part of the key is neither an integer nor a string.
    """
    parts = [part if isinstance(part, str) else operator.index(part) for part in (seed, *key)]
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
