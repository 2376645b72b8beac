"""What belongs to the whole process: random generators, and how torch computes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generators() -> list[object]:
    """The state of each global random generator, as values that can be compared."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    _, keys, *rest = np.random.get_state()  # noqa: NPY002  the global one is what must stay as it is
    drawn = [state.numpy().tobytes() for state in (torch.get_rng_state(), *cuda)]
    return [random.getstate(), (np.asarray(keys).tobytes(), rest), *drawn]


def modes() -> tuple[torch.dtype, bool, int, int]:
    """How torch computes: `segbench.benchmark.conformance.findings.MODES`."""
    return (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
    )


@contextmanager
def same_modes() -> Iterator[None]:
    """Torch's modes are afterwards as they were before."""
    dtype, grad, threads, determinism = modes()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(determinism)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global random generators with a seed of their own, and afterwards as they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)
