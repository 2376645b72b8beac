"""Time of a simulation and memory, by number of simulations, from the command to the finished run.

Usage: python tests/performance/scaling.py [--numbers 1,10,50,200] [--protocol center-clicks]
       [--models scribbleprompt,sp-uvs,multiverseg] [--images 18] [--tasks 1] [--device auto]

Every number is a run in a new process with one worker, on the first tasks of the phantoms. Time is that of
``segbench.run`` without imports; memory is the maximum of the process.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def measure(
    models: str, number: int, protocol: str, images: int, tasks: int, device: str
) -> tuple[float, float]:
    """Seconds of a run, and GiB."""
    from segbench.benchmark import run
    from segbench.benchmark.settings import PRESETS, Preset

    PRESETS["scaling"] = Preset(number, images, tasks=tasks)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        began = time.perf_counter()
        chosen = {"protocol": protocol, "models": models, "datasets": "phantoms"}
        run(**chosen, preset="scaling", device=device, workers=1, output=Path(folder) / "run")
        seconds = time.perf_counter() - began
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", default="1,10,50,200")
    parser.add_argument("--models", default="scribbleprompt,sp-uvs,multiverseg")
    parser.add_argument("--protocol", default="center-clicks")
    parser.add_argument("--images", type=int, default=18)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    print(f"{'model':16}{'simulations':>12}{'seconds':>9}{'a simulation':>14}{'GiB':>7}")
    for model in options.models.split(","):
        for number in map(int, options.numbers.split(",")):
            given = model, number, options.protocol, options.images, options.tasks, options.device
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                seconds, memory = pool.submit(measure, *given).result()
            print(f"{model:16}{number:12}{seconds:9.1f}{seconds / number:14.2f}{memory:7.2f}", flush=True)


if __name__ == "__main__":
    main()
