"""nnU-Net's training on this CPU in bfloat16 and float32, each in both ways of using its cores.

Usage: python tests/performance/nnunet_speed.py [--dataset NAME] [--data-root DIR] [--iterations N]

Trains the first task of a data set from nothing for three epochs with every precision and number of threads,
in a temporary folder, and prints seconds an iteration as the quickest epoch had it (validation and its plot
included), with the ratio to float32 on one thread. The rest of a training (plan, start, checkpoints) is
printed as it is for the first.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from itertools import product
from pathlib import Path

from segbench.benchmark.settings import resolve_root, resolve_workers
from segbench.datasets.registry import load_dataset
from segbench.models.nnunet.pipeline import Training
from segbench.models.nnunet.schedule import Schedule

EPOCHS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", default="phantoms")
    parser.add_argument("--data-root")
    parser.add_argument("--iterations", type=int, default=10)
    given = parser.parse_args()
    data = load_dataset(given.dataset, resolve_root(given.data_root))[0]
    schedule = Schedule(EPOCHS, given.iterations)
    print(f"{data.task}, {EPOCHS} epochs of {given.iterations} iterations")
    first = None
    for threads, precision in product((1, resolve_workers(None, "cpu")), ("float32", "bfloat16")):
        with tempfile.TemporaryDirectory() as folder:
            training = Training(data.task, Path(folder), schedule, 0, precision)
            began = time.perf_counter()
            training.run(data, "cpu", threads)
            whole = time.perf_counter() - began
            log = (training.folder / "train.log").read_text()
        epochs = [float(seconds) for seconds in re.findall(r"Epoch time: ([\d.]+) s", log)]
        each = min(epochs) / given.iterations
        first = first or each
        rest = f", rest of the training {whole - sum(epochs):.0f} s" if each == first else ""
        print(f"{threads} threads, {precision}: {each:.2f} s an iteration, {first / each:.2f} times{rest}")


if __name__ == "__main__":
    main()
