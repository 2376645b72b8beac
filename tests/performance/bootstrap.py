"""Time and memory of the bootstrap at the papers' scale: the figures of docs/statistics.md.

Usage: python tests/performance/bootstrap.py [--tasks 59] [--simulations 200] [--images 18] [--models 3]

The records are generated, with categorical columns as in a loaded run: every simulation of a task shows
other images of 60 subjects, three tasks share a cohort and three cohorts a data set. Each line is the
time of a call; the last line is the maximum memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from segbench.results import statistics
from segbench.results.statistics import UNITS

SUBJECTS = 60
PROTOCOLS = ("center-clicks", "centerline-scribbles")
GROUPS = {"means": ["protocol", "model"], "curves": ["protocol", "model", "position"]}


def records(tasks: int, simulations: int, images: int, models: int) -> pd.DataFrame:
    """Image records of two protocols, in which all models see the same images."""
    rng = np.random.default_rng(0)
    shape = (len(PROTOCOLS), models, tasks, simulations, images)
    protocol, model, task, simulation, position = (index.ravel() for index in np.indices(shape, np.int32))
    order = rng.permuted(np.tile(np.arange(SUBJECTS), (tasks * simulations, 1)), axis=1)[:, :images]
    image = np.broadcast_to(order.reshape(shape[2:]), shape).ravel().astype(np.int32)
    interactions = rng.integers(0, 21, protocol.size, dtype=np.int32)
    codes = {
        "protocol": protocol,
        "model": model,
        "dataset": task // 9,
        "cohort": task // 3,
        "modality": task // 9,
        "axis": 0 * task,
        "label": task,
        "task": task,
        "subject": image,
    }
    columns = {name: named(code, name) for name, code in codes.items()}
    columns |= {"simulation": simulation, "position": position + 1, "image": image}
    return pd.DataFrame(columns | {"interactions": interactions, "reached": interactions < 20})


def named(code: np.ndarray, name: str) -> pd.Categorical:
    """Codes as a categorical column of names."""
    values = PROTOCOLS if name == "protocol" else [f"{name}{i}" for i in range(int(code.max()) + 1)]
    return pd.Categorical.from_codes(code, values)


def timed(what: str, call: Callable[..., object], *arguments, **options) -> None:
    start = time.perf_counter()
    call(*arguments, **options)
    print(f"{what:70}{time.perf_counter() - start:7.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in (("tasks", 59), ("simulations", 200), ("images", 18), ("models", 3)):
        parser.add_argument(f"--{name}", type=int, default=size)
    both = records(**vars(parser.parse_args()))
    one = both[both.protocol == PROTOCOLS[0]]
    for frame, reps in ((one, 10_000), (both, 1000)):
        size = f"{reps:,} replicates of {len(frame):,} rows"
        for unit in UNITS:
            shared = {"unit": unit, "reps": reps}
            for what, by in GROUPS.items():
                call = partial(statistics.bootstrap, by=by, **shared)
                timed(f"{size}: {what} over {unit}s", call, frame, "interactions")
            timed(f"{size}: profiles over {unit}s", statistics.performance_profile, frame, 20, **shared)
    pair = (both, "model1", ["model0"])
    for unit in UNITS:
        timed(f"paired change over {unit}s", statistics.paired_change, *pair, unit=unit)
        timed(f"interquartile means over {unit}s", statistics.interquartile_difference, *pair, unit=unit)
    timed("probability that one needs less", statistics.probability_of_superiority, *pair)
    timed("convergence", statistics.convergence, both, "interactions", [5, 10, 20, 50, 100, 200])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory {peak / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
