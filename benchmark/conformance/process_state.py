"""State of the whole process: global random generators, and torch's modes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator_states() -> list[object]:
    """Return the state of each global random generator, as values that can be compared."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    _, keys, *rest = np.random.get_state()  # noqa: NPY002  the global generator is what is checked
    states = [state.numpy().tobytes() for state in (torch.get_rng_state(), *cuda)]
    return [random.getstate(), (np.asarray(keys).tobytes(), rest), *states]


def modes() -> tuple[torch.dtype, bool, int, int]:
    """Return torch's modes, see `segbench.benchmark.conformance.findings.MODES`."""
    return (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
    )


@contextmanager
def restored_modes() -> Iterator[None]:
    """Restore torch's modes at the end."""
    dtype, grad, threads, determinism = modes()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(determinism)


@contextmanager
def temporary_seed(seed: int) -> Iterator[None]:
    """Seed the global random generators, and restore their states at the end."""
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
