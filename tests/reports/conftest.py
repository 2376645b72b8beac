"""A run as tables: what a model is likely to need, drawn from a keyed generator."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from results.schema import IMAGES, STEPS, typed

CLICKS, SCRIBBLES = "center-clicks", "centerline-scribbles"
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
MAXIMUM = {CLICKS: 20, SCRIBBLES: 10}
TASKS = [
    ("wbc", "cv", "microscopy", "0", "nucleus", 0.7),
    ("wbc", "cv", "microscopy", "0", "cytoplasm", 1.2),
    ("wbc", "jtsc", "microscopy", "0", "nucleus", 0.6),
    ("wbc", "jtsc", "microscopy", "0", "cytoplasm", 1.1),
    ("buid", "benign", "ultrasound", "0", "lesion", 1.2),
    ("buid", "malignant", "ultrasound", "0", "lesion", 1.6),
]
MANIFEST = {
    "version": "0.1.0",
    "created": "2026-03-14T09:26:53+00:00",
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
    "python": "3.11.9",
    "platform": "Linux-6.1-x86_64",
    "packages": {"numpy": "2.4.6", "torch": "2.13.0"},
    "command": "python -m benchmark run --protocol center-clicks,centerline-scribbles --models all "
    "--datasets wbc,buid --simulations 12",
    "settings": {
        "seed": 0,
        "target_dice": 0.9,
        "max_steps": None,
        "images": 18,
        "context": "binary",
        "weights": "bundled",
        "device": "cpu",
        "precision": "bfloat16",
    },
    "preset": "quick",
    "simulations": 12,
    "protocols": [CLICKS, SCRIBBLES],
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


def image_rows(protocol: str, model: str, task: tuple, simulation: int, count: int):
    """The image records of one simulation of one task; every model sees the same images in the same order."""
    first, last = EFFORT[protocol][model]
    *names, difficulty = task
    maximum = MAXIMUM[protocol]
    order = np.random.default_rng([TASKS.index(task), simulation]).permutation(60)[:count]
    rng = np.random.default_rng(
        [TASKS.index(task), simulation, sorted(EFFORT[protocol]).index(model), maximum]
    )
    for position, image in enumerate(order, start=1):
        hardness = np.random.default_rng([TASKS.index(task), int(image)]).gamma(3, 1 / 3)
        needed = int(
            rng.poisson(hardness * difficulty * (last + (first - last) * np.exp(-(position - 1) / 4)))
        )
        yield dict(zip(("dataset", "cohort", "modality", "axis", "label"), names, strict=True)) | {
            "protocol": protocol,
            "model": model,
            "task": "/".join(names),
            "simulation": simulation,
            "position": position,
            "image": int(image),
            "subject": f"s{int(image):03d}",
            "context_size": position if model in ("sp-uvs", "multiverseg") else 0,
            "interactions": min(needed, maximum),
            "reached": needed <= maximum,
            "dice": rng.uniform(0.9, 0.95) if needed <= maximum else rng.uniform(0.6, 0.9),
            "hd95": rng.gamma(4, 0.3),
            "seconds": rng.gamma(4, 0.01),
        }


def make_results(
    models=tuple(EFFORT[CLICKS]), protocols=(CLICKS, SCRIBBLES), tasks=TASKS, simulations=12, count=18
):
    """A run in the declared columns, the same for the same arguments."""
    rows = [
        row
        for protocol in protocols
        for model in models
        for task in tasks
        for simulation in range(simulations)
        for row in image_rows(protocol, model, task, simulation, count)
    ]
    return SimpleNamespace(steps=typed([], STEPS), images=typed(rows, IMAGES), manifests=[MANIFEST])


@pytest.fixture(scope="session")
def run() -> SimpleNamespace:
    """Two protocols, four models, six tasks of two data sets, 3 simulations of 4 images."""
    return make_results(simulations=3, count=4)


@pytest.fixture(scope="session")
def run_of():
    """A function that makes such a run of other models, protocols or sizes."""
    return make_results
