"""Invented runs as tables, drawn from keyed generators, with plausible efforts and qualities."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
import pytest

from segbench.reports.build import build
from segbench.results import Results
from segbench.results.schema import IMAGES, PICTURES, STEPS, TASK, UNTIMED, typed

CLICKS, SCRIBBLES = "center-clicks", "centerline-scribbles"
IN_CONTEXT = "in-context"
IN_CONTEXT_CLICKS, IN_CONTEXT_SCRIBBLES = "interactive-in-context-clicks", "interactive-in-context-scribbles"
# Mean interactions on the first and on the last image, and the maximum, by protocol.
EFFORT = {
    CLICKS: {
        "scribbleprompt": (7.2, 7.2),
        "sp-uvs": (7.2, 5.1),
        "multiverseg": (5.8, 3.1),
        "random-walker": (12.5, 12.5),
    },
    SCRIBBLES: {
        "scribbleprompt": (3.1, 3.1),
        "sp-uvs": (3.1, 2.0),
        "multiverseg": (2.4, 0.9),
        "random-walker": (6.0, 6.0),
    },
}
MODELS = ("scribbleprompt", "sp-uvs", "multiverseg", "random-walker")
CUTOFFS = {"sp-uvs-1": 1, "sp-uvs-2": 2, "sp-uvs": 5, "sp-uvs-10": 10}
MAXIMUM = {CLICKS: 20, SCRIBBLES: 10}
# How much more is needed with such a context, for a model that takes one.
QUALITY = {"binary": 1.0, "soft": 1.2, "ground-truth": 0.75}
# Columns without meaning in most of these records.
UNUSED = {"annotator": "none", "training": 0, "person": -1, "set_size": 1}
UNUSED |= {"hd95_imputed": False, "nsd_1px": 0.8, "nsd_2px": 0.9, "empty_scribbles": 0}
TASKS = [
    ("wbc", "cv", "microscopy", "0", "nucleus", 0.7),
    ("wbc", "cv", "microscopy", "0", "cytoplasm", 1.2),
    ("wbc", "jtsc", "microscopy", "0", "nucleus", 0.6),
    ("wbc", "jtsc", "microscopy", "0", "cytoplasm", 1.1),
    ("buid", "benign", "ultrasound", "0", "lesion", 1.2),
    ("buid", "malignant", "ultrasound", "0", "lesion", 1.6),
]
ORDERED = {"family": "sequential", "ordered": True}
MANIFEST = {
    "version": "0.1.0",
    "created": "2026-03-14T09:26:53+00:00",
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
    "python": "3.11.9",
    "platform": "Linux-6.1-x86_64",
    "packages": {"numpy": "2.4.6", "torch": "2.13.0"},
    "arguments": {
        "protocol": "center-clicks,centerline-scribbles",
        "models": "all",
        "datasets": "wbc,buid",
        "simulations": 12,
    },
    "settings": {
        "seed": 0,
        "target_dice": 0.9,
        "max_steps": None,
        "context": "binary",
        "weights": "bundled",
        "device": "cpu",
        "precision": "bfloat16",
    },
    "preset": "quick",
    "simulations": 12,
    "images": 18,
    "protocols": {
        CLICKS: {"version": 1, "title": "Center clicks", "unit": "clicks"} | ORDERED,
        SCRIBBLES: {"version": 1, "title": "Centerline scribbles", "unit": "scribble steps"} | ORDERED,
    },
    "models": {
        "scribbleprompt": {"weights": "bundled", "checksum": "a" * 64},
        "sp-uvs": {"weights": "bundled", "checksum": "b" * 64},
        "multiverseg": {"weights": "bundled", "checksum": "c" * 64},
        "random-walker": {"weights": None, "checksum": None},
    },
    "seed_model": {"name": "scribbleprompt", "weights": "bundled", "checksum": "a" * 64},
    "tasks": {
        "/".join(task[:5]): {"fingerprint": "f" * 64, "train": 180, "val": 60, "test": 60} for task in TASKS
    },
    "left_out": [{"kind": "model", "name": "universeg", "reason": "it takes no interactions"}],
}


def identity(protocol: str, model: str, task: tuple, simulation: int, position: int, image: int) -> dict:
    """Return the columns that identify an image, which has a subject of its own."""
    *names, _ = task
    return dict(zip(("dataset", "cohort", "modality", "axis", "label"), names, strict=True)) | {
        "protocol": protocol,
        "model": model,
        "task": "/".join(names),
        **UNUSED,
        "simulation": simulation,
        "position": position,
        "image": image,
        "subject": f"s{image:03d}",
        "split": "test",
    }


def generator(*names) -> np.random.Generator:
    """Return a generator keyed by names."""
    return np.random.default_rng(zlib.crc32(repr(names).encode()))


def effort(protocol: str, model: str, position: int, context: str) -> float:
    """Return the mean interactions on an image of mean difficulty."""
    first, last = EFFORT[protocol][model if model in MODELS else "sp-uvs"]
    if model in CUTOFFS and position < CUTOFFS[model]:
        return first
    return (last + (first - last) * np.exp(-(position - 1) / 4)) * QUALITY.get(context, 1)


def image_rows(protocol: str, model: str, task: tuple, simulation: int, count: int, context: str, split: str):
    """Make the image records of one simulation; every model sees the same images in the same order."""
    takes_context = model == "multiverseg" or model in CUTOFFS
    context, maximum = context if takes_context else "none", MAXIMUM[protocol]
    order = generator(task, simulation, split).permutation(60)[:count]
    rng = generator(task, simulation, model, protocol, context, split)
    for position, image in enumerate(order, start=1):
        hardness = generator(task, int(image)).gamma(3, 1 / 3)
        needed = int(rng.poisson(hardness * task[-1] * effort(protocol, model, position, context)))
        yield identity(protocol, model, task, simulation, position, int(image)) | {
            "context_size": position if takes_context else 0,
            "context": context,
            "split": split,
            "interactions": min(needed, maximum),
            "reached": needed <= maximum,
            "dice": rng.uniform(0.9, 0.95) if needed <= maximum else rng.uniform(0.6, 0.9),
            "hd95": rng.gamma(4, 0.3),
            "seconds": rng.gamma(4, 0.01),
        }


def reached(task: tuple, image: int, share: float, rng: np.random.Generator) -> float:
    """Return a Dice that is ``share`` of the way to 1 on an image of mean difficulty."""
    hardness = generator(task, image).gamma(9, 1 / 9)
    return float(np.clip(1 - (1 - share) * task[-1] ** 0.5 * hardness + rng.normal(0, 0.02), 0, 1))


def predicted(row: dict, context_size: int, context: str, dice: float, step: int = 0) -> dict:
    """Complete the record of an image that was predicted without a target."""
    return row | {
        "context_size": context_size,
        "context": context,
        "interactions": step,
        "reached": dice >= 0.9,
        "dice": dice,
        "hd95": 20 * (1 - dice),
        "seconds": 0.02,
    }


def bootstrapped_rows(tasks, simulations: int, count: int):
    """Make the image records of UniverSeg on its own predictions and of the oracle."""
    kinds = {
        ("universeg", "binary"): 0.5,
        ("universeg", "soft"): 0.55,
        ("universeg-oracle", "ground-truth"): 0.7,
    }
    for (model, context), share in kinds.items():
        for task in tasks:
            for simulation in range(simulations):
                rng = generator(model, context, task, simulation)
                order = generator(task, simulation, "test").permutation(60)[:count]
                for position, image in enumerate(order, start=1):
                    row = identity("bootstrapped-in-context", model, task, simulation, position, int(image))
                    better = share + (0.1 if context == "ground-truth" else -0.1) * np.log2(position) / 4
                    yield predicted(row, position, context, reached(task, int(image), better, rng))


def box_rows(tasks, simulations: int, count: int):
    """Make the image records of one prediction from a box."""
    for model, share in (("scribbleprompt", 0.8), ("multiverseg", 0.85)):
        for task in tasks:
            for simulation in range(simulations):
                rng = generator("boxes", model, task, simulation)
                order = generator(task, simulation, "test").permutation(60)[:count]
                for position, image in enumerate(order, start=1):
                    row = identity("boxes", model, task, simulation, position, int(image))
                    context = (position, "binary") if model == "multiverseg" else (0, "none")
                    yield predicted(row, *context, reached(task, int(image), share, rng), 1)


def in_context_rows(protocol: str, tasks, simulations: int, count: int, sizes, last: int):
    """Make image and step records of experiment 2 with ``last`` interactions."""
    models = ("multiverseg", "universeg") if protocol == IN_CONTEXT else ("multiverseg",)
    images, steps = [], []
    for model in models:
        for task in tasks:
            for simulation in range(simulations):
                rng = generator(protocol, model, task, simulation)
                for position in range(1, count + 1):
                    row = identity(protocol, model, task, simulation, position, position)
                    for size in sizes:
                        error = (0.4 if model == "multiverseg" else 0.5) * size**-0.25
                        dice = [
                            reached(task, position, 1 - error * 0.8**step, rng) for step in range(last + 1)
                        ]
                        given = row | {"context_size": size, "context": "ground-truth"}
                        images.append(predicted(row, size, "ground-truth", dice[-1], last))
                        steps += [given | step_of(step, value) for step, value in enumerate(dice)]
    return images, steps


def supervised_rows(tasks, runs: int, count: int, model: str = "nnunet"):
    """Make the records of networks trained on each task, on every image of its test split."""
    for task in tasks:
        for run in range(runs):
            rng = generator("supervised", model, task, run)
            for position in range(1, count + 1):
                row = identity("supervised", model, task, 0, position, position) | {"training": run}
                yield predicted(row, 0, "none", reached(task, position, 0.93, rng))


def schedule(epochs: int = 20, iterations: int = 20, shortened: bool = True) -> dict:
    """Return a manifest's entry for the training on one task."""
    return {
        "trainer": "nnUNetTrainerScheduled",
        "schedule": f"{epochs} epochs of {iterations} iterations",
        "shortened": shortened,
        "precision": "bfloat16",
        "runs": 2,
    }


def trained(names, **training) -> dict:
    """Return a manifest's entry for nnU-Net, trained on the named tasks."""
    return {
        "weights": "bundled",
        "checksum": None,
        "trained": dict.fromkeys(names, "d" * 64),
        "training": dict.fromkeys(names, schedule(**training)),
    }


def step_of(step: int, dice: float) -> dict:
    """Return the columns that only steps have, with counts of zero."""
    return {
        "step": step,
        "kind": "click+" if step else "none",
        "row": -1,
        "column": -1,
        "dice": dice,
        **dict.fromkeys(("drawn", "tp", "fp", "fn"), 0),
    }


def steps_of(images: list[dict]) -> list[dict]:
    """Return steps that lead evenly to the Dice of each image, below the target until then."""
    steps = []
    for row in images:
        last = row["interactions"]
        earlier = [row | step_of(step, min(0.89, row["dice"] * step / last)) for step in range(last)]
        steps += [*earlier, row | step_of(last, row["dice"])]
    return steps


def as_results(images: list[dict], steps: list[dict] | None = None, manifest: dict = MANIFEST) -> Results:
    """Make results of records, in the declared columns."""
    tables = {
        "steps": typed(steps or [], STEPS),
        "pictures": typed([], PICTURES),
        "seeds": typed([], UNTIMED),
    }

    def read(name: str, protocols) -> pd.DataFrame:
        table = tables[name]
        return table if protocols is None else table[table.protocol.isin(protocols)]

    return Results(typed(images, IMAGES), [manifest], read)


# The record of which hand-made ones are variants.
PLAIN = identity(CLICKS, "multiverseg", ("toy", "a", "m", "0", "x", 1), 0, 1, 1) | {
    "context_size": 1,
    "context": "binary",
    "interactions": 0,
    "reached": True,
    "dice": 0.95,
    "hd95": 1.0,
    "seconds": 0.1,
}


def by_hand(rows: list[dict], steps: list[dict] | None = None, /, images=None, **settings) -> Results:
    """Make results of records given by their differences from `PLAIN`; subjects and tasks are derived."""

    def complete(given: dict) -> dict:
        row = PLAIN | given
        row["task"] = "/".join(row[name] for name in TASK)
        return row | {"subject": f"{row['simulation']}-{row['position']}"} | given

    rows = [complete(row) for row in rows]
    steps = [complete(row | step_of(row["step"], row["dice"])) for row in steps or []]
    results = as_results(rows, steps, {"settings": settings, "images": images})
    results.papers = True
    return results


def sequential(
    models=MODELS,
    protocols=(CLICKS, SCRIBBLES),
    tasks=TASKS,
    simulations=12,
    count=18,
    contexts=("binary",),
    split="test",
) -> list[dict]:
    """Make the image records of experiment 1."""
    return [
        row
        for protocol in protocols
        for context in contexts
        for model in models
        for task in tasks
        for simulation in range(simulations)
        for row in image_rows(protocol, model, task, simulation, count, context, split)
    ]


def make_results(**what) -> Results:
    """Make a run of experiment 1; arguments as for `sequential`."""
    images = sequential(**what)
    return as_results(images, steps_of(images))


def make_whole(tasks=TASKS, simulations=2, count=4, longer=2, sizes=(1, 2, 4), last=3) -> Results:
    """Make a run of all protocols and variants; longer sets have ``longer`` more images than ``count``."""
    common = {"tasks": tasks, "simulations": simulations}
    images = sequential(count=count + longer, **common)
    for models, contexts in ((MODELS, ("binary",)), (("sp-uvs", "multiverseg"), ("soft", "ground-truth"))):
        images += sequential(models, count=count, contexts=contexts, split="val", **common)
    images += sequential(("sp-uvs-1", "sp-uvs-2", "sp-uvs-10"), count=count, split="val", **common)
    steps = steps_of(images)
    images += bootstrapped_rows(tasks, simulations, count)
    images += box_rows(tasks, simulations, count)
    for protocol in (IN_CONTEXT, IN_CONTEXT_CLICKS, IN_CONTEXT_SCRIBBLES):
        interactions = 0 if protocol == IN_CONTEXT else last
        more = in_context_rows(protocol, tasks, simulations, count, sizes, interactions)
        images, steps = images + more[0], steps + more[1]
    images += supervised_rows(tasks, simulations, 2 * count)
    models = MANIFEST["models"] | {"nnunet": trained(["/".join(task[:5]) for task in tasks])}
    return as_results(images, steps, MANIFEST | {"images": count, "models": models})


@pytest.fixture(scope="session")
def run() -> Results:
    """Two protocols, four models, six tasks of two data sets, 3 simulations of 4 images."""
    return make_results(simulations=3, count=4)


@pytest.fixture(scope="session")
def run_of():
    """Return the function that makes such runs; arguments as for `sequential`."""
    return make_results


@pytest.fixture(scope="session")
def records():
    """Return the function that makes results of hand-made records, see `by_hand`."""
    return by_hand


@pytest.fixture(scope="session")
def whole_run() -> Results:
    """All records that figures show, on the same six tasks: 2 simulations of 4 images, or of 6."""
    return make_whole()


@pytest.fixture(scope="session")
def report(run, tmp_path_factory):
    """Folder of the complete report on `run`, with figures in PNG only."""
    return build(run, tmp_path_factory.mktemp("report"), formats=["png"]).parent


@pytest.fixture(scope="session")
def whole_report(whole_run, tmp_path_factory):
    """Folder of the complete report on `whole_run`, with figures in PNG only."""
    return build(whole_run, tmp_path_factory.mktemp("whole"), formats=["png"]).parent
