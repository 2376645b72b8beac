"""Time that a worker of another environment adds to a query, and its cold start.

Usage: python tests/performance/worker_overhead.py [--python PATH] [--side 128] [--context 0] [--queries 2000]

The model returns the image, which takes no time: what is measured are the messages. Benchmark and worker
share one core. A query has interactions, a box and previous logits, and so many context entries.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import psutil
import torch

from segbench.models import create_model
from segbench.models.registry import MODELS
from segbench.protocols.adapter import Box, Click, Context, Interactions, ModelAdapter, Query
from segbench.randomness import keyed_generator

MODEL = """
class Echo:
    capabilities = {"interactive": True, "in_context": True}
    arrays = "numpy"

    def predict(self, query):
        return query.image
"""


def query(side: int, context: int) -> Query:
    draw = keyed_generator(0, "worker overhead")
    maps = torch.from_numpy(draw.random((5, 1, 1, side, side), np.float32))
    entries = torch.from_numpy(draw.random((2, 1, context, 1, side, side), np.float32))
    drawn = Interactions(*maps[1:4], ((Click(1, 2, True),) * 5,), (Box(1, 2, 3, 4),))
    return Query(maps[0], drawn, maps[4], Context(*entries) if context else None)


def timed(model: ModelAdapter, asked: Query, count: int) -> str:
    """Time queries in milliseconds; time of the processor does not depend on what else the machine does."""
    times, processes = [], [psutil.Process(), *psutil.Process().children()]
    before = processor_time(processes)
    for _ in range(count):
        started = perf_counter()
        model.predict(asked)
        times.append(1000 * (perf_counter() - started))
    used = 1000 * (processor_time(processes) - before) / count
    low, middle, high = np.quantile(times, [0, 0.5, 0.95])
    return f"{low:.2f} minimum, {middle:.2f} median, {high:.2f} 95th percentile, {used:.2f} of the processor"


def processor_time(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--queries", type=int, default=2000)
    options = parser.parse_args()
    python = Path(options.python).absolute()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        Path("echo.py").write_text(MODEL)
        name = f"echo:Echo@{python}"
        started = perf_counter()
        MODELS.get(name)
        outside = create_model(name)
        print(f"cold start: {perf_counter() - started:.2f} s")
        asked = query(options.side, options.context)
        print("milliseconds of a query")
        print(f"in a worker:  {timed(outside, asked, options.queries)}")
        print(f"in process:   {timed(create_model('echo:Echo'), asked, options.queries)}")


if __name__ == "__main__":
    main()
