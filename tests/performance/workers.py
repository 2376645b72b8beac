"""What a second worker gains: one run with one worker and with two, by local processes and by Dask.

Usage: python tests/performance/workers.py [--models scribbleprompt] [--images 2] [--repeats 3]

Commands take turns, each from its start to its end, on the embedded phantoms, one thread to a worker. The
first is then given again when all is finished, which tells what does not depend on workers: imports, plan,
summary. Seconds are printed as each ends, then the medians and, of the whole command and of the rest
alone, how many times faster than with one worker. A round takes about two minutes on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from statistics import median

CASES = [("local", 1), ("local", 2), ("dask", 1), ("dask", 2)]


def seconds(what: str, *words: str) -> float:
    """Of a run from its start to its end; printed, too."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmark", "run", *words], check=True, capture_output=True)
    took = time.perf_counter() - began
    print(f"{what}: {took:.1f} s", flush=True)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="scribbleprompt")
    parser.add_argument("--images", default="2")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    shared = ["--datasets", "phantoms", "--models", options.models, "--images", options.images]
    shared += ["--device", "cpu", "--precision", "float32"]
    times, fixed = defaultdict(list), []
    for _ in range(options.repeats):
        for backend, workers in CASES:
            with tempfile.TemporaryDirectory() as folder:
                words = [*shared, "--backend", backend, "--workers", str(workers), "--output", folder]
                times[backend, workers].append(seconds(f"{backend}, {workers}", *words))
                if (backend, workers) == CASES[0]:
                    fixed.append(seconds("the same again", *words))
    alone, rest = median(times[CASES[0]]), median(fixed)
    print(f"{rest:.1f} s do not depend on workers")
    print(f"{'backend':8}{'workers':>8}{'seconds':>9}{'times faster':>14}{'without the fixed part':>24}")
    for (backend, workers), found in times.items():
        took = median(found)
        gain, own = alone / took, (alone - rest) / (took - rest)
        print(f"{backend:8}{workers:8}{took:9.1f}{gain:14.2f}{own:24.2f}")


if __name__ == "__main__":
    main()
