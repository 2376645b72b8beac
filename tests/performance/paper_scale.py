"""How long a report on a study of the paper's size takes, and how much memory.

59 tasks, 200 simulations of 18 images, 3 methods, 2 protocols: 1.27 million images and their steps, made up
by a generator instead of networks and written by the store.

    python tests/performance/paper_scale.py FOLDER [--tasks 59] [--simulations 200]
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from segbench.results import Run, load
from segbench.results.schema import IDENTITY, IMAGES, STEPS

IMAGES_EACH, TEST_IMAGES, BLOCK = 18, 40, 10
# Interactions on the first and on the last image, and the maximum.
EFFORT = {
    "center-clicks": ({"scribbleprompt": (7.6, 7.6), "sp-uvs": (7.6, 6.0), "multiverseg": (6.5, 4.0)}, 20),
    "centerline-scribbles": (
        {"scribbleprompt": (3.1, 3.1), "sp-uvs": (3.1, 2.1), "multiverseg": (2.4, 1.0)},
        10,
    ),
}
SETTINGS = {"seed": 0, "target_dice": 0.9, "max_steps": None, "images": IMAGES_EACH}


def unit(protocol: str, model: str, task: tuple[str, ...], number: int, simulations: range):
    """Steps and images of one unit, drawn from a generator keyed by its name."""
    efforts, most = EFFORT[protocol]
    first, last = efforts[model]
    rng = np.random.default_rng([number, sorted(efforts).index(model), most, simulations.start])
    count = len(simulations) * IMAGES_EACH
    position = np.tile(np.arange(1, IMAGES_EACH + 1), len(simulations))
    hardness = 0.5 + (number * 37 % 59) / 59
    needed = rng.poisson(hardness * (last + (first - last) * np.exp(-(position - 1) / 4)))
    images = pd.DataFrame(
        {
            "protocol": protocol,
            "model": model,
            **dict(zip(("dataset", "cohort", "modality", "axis", "label"), task, strict=True)),
            "task": "/".join(task),
            "simulation": np.repeat(list(simulations), IMAGES_EACH),
            "position": position,
            "image": np.concatenate([rng.permutation(TEST_IMAGES)[:IMAGES_EACH] for _ in simulations]),
            "context_size": 0 if model == "scribbleprompt" else position,
            "context": "none" if model == "scribbleprompt" else "binary",
            "split": "test",
            "interactions": np.minimum(needed, most),
            "reached": needed <= most,
            "dice": np.where(needed <= most, rng.uniform(0.9, 0.95, count), rng.uniform(0.6, 0.9, count)),
            "hd95": rng.gamma(4, 0.3, count),
            "nsd_1px": rng.uniform(0.5, 1, count),
            "nsd_2px": rng.uniform(0.7, 1, count),
            "seconds": rng.gamma(4, 0.01, count),
        }
    )
    images["subject"] = "s" + images.image.astype(str)
    images = images.assign(annotator=protocol, training=0, person=-1, set_size=1)
    images = images.assign(hd95_imputed=False, empty_scribbles=0)
    images = images[list(IMAGES)].astype(IMAGES)
    steps = images[list(IDENTITY)].loc[images.index.repeat(images.interactions + 1)]
    steps["step"] = steps.groupby(level=0).cumcount()
    steps = steps.assign(
        kind="click+", row=1, column=1, drawn=1, dice=rng.uniform(0.5, 0.95, len(steps)), tp=9, fp=1, fn=1
    )
    return steps[list(STEPS)].astype(STEPS), images


def write(folder: Path, tasks: int, simulations: int) -> None:
    run = Run.open_or_create(folder, SETTINGS)
    run.write_manifest({"command": "python -m benchmark run", "simulations": simulations})
    for number in range(tasks):
        task = (f"set{number % 7}", f"cohort{number % 3}", "MRI", "0", f"label{number:02d}")
        for protocol, (efforts, _) in EFFORT.items():
            for model in efforts:
                for start in range(0, simulations, BLOCK):
                    block = range(start, min(start + BLOCK, simulations))
                    key = f"{protocol}-{model}-{number:02d}-{start:03d}"
                    run.write(key, {"protocol": protocol}, *unit(protocol, model, task, number, block))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", type=int, default=59)
    parser.add_argument("--simulations", type=int, default=200)
    options = parser.parse_args()
    run = options.folder / "run"
    if not run.exists():
        began = time.perf_counter()
        write(run, options.tasks, options.simulations)
        print(f"written in {time.perf_counter() - began:.0f} s")
    from segbench.reports.build import build

    began = time.perf_counter()
    results = load(run)
    print(f"{len(results.images):,} images read in {time.perf_counter() - began:.1f} s")
    print(build(results, options.folder / "report"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"load and report: {time.perf_counter() - began:.1f} s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
