"""A data set of discs with names that try to be markup, and runs on it whose every mask is known."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from segbench.datasets.task import Task, TaskData
from segbench.results import Results
from segbench.results.schema import IDENTITY, IMAGES, PICTURES, STEPS, typed

HEIGHT, WIDTH, COUNT = 24, 34, 14
EVIL = """<img src=x onerror=alert(1)>"'</script><script>alert(2)</script>"""
PLUGIN = f"mine:{EVIL}"  # a model's name
CLICKS, SCRIBBLES = "center-clicks", "centerline-scribbles"
# Cohorts, and how many interactions more than elsewhere MultiverSeg needs there.
COHORTS = {"hard": 5, EVIL: 0, "usual": 2}


class Discs:
    """Bright discs, 14 to a task, the first two for training; used by name as ``drawn:Discs``."""

    name = "discs"
    cohorts = tuple(COHORTS)

    def installed(self, root):
        return True

    def tasks(self, root):
        return [Task(self.name, cohort, "drawing", "0", f"disc {EVIL}") for cohort in self.cohorts]

    def load(self, task, root):
        rows, columns = np.indices((HEIGHT, WIDTH))
        shift = np.arange(COUNT)[:, None, None]
        labels = ((rows - 11) ** 2 + (columns - 8 - shift) ** 2 <= 49)[:, None]
        images = np.where(labels, np.float32(0.8), np.float32(0.2))
        split = np.array(["train"] * 2 + ["test"] * (COUNT - 2))
        return TaskData(task, images, labels, np.array([f"s{i}" for i in range(COUNT)]), split)


class OtherDiscs(Discs):
    """The same tasks with other images."""

    def load(self, task, root):
        data = super().load(task, root)
        return TaskData(task, 1 - data.images, data.labels, data.subjects, data.split)


class FewerDiscs(Discs):
    """Without the first task."""

    cohorts = tuple(COHORTS)[1:]


def prediction(label: np.ndarray, missing: int) -> np.ndarray:
    """The label without its first columns, two for each interaction that is still to come."""
    left = np.flatnonzero(label.any(0))[0]
    return label & (np.arange(WIDTH) >= left + 2 * missing)


def dice(mask: np.ndarray, label: np.ndarray) -> float:
    return 2 * float((mask & label).sum()) / float(mask.sum() + label.sum())


def needed(model: str, cohort: str, position: int) -> int:
    """Interactions until nothing is missing; ScribblePrompt segments the seed image at position 0."""
    return max(0, 4 + COHORTS[cohort] - position // 2) if model == "multiverseg" and position else 3


def trace(identity: dict, label: np.ndarray) -> list[dict]:
    """The frames of one image: a mark at each step, and two columns more of the disc."""
    first = 0 if identity["context_size"] else 1
    last = needed(identity["model"], identity["cohort"], identity["position"])
    clicks, rows = identity["protocol"] == CLICKS, []
    for step in range(first, last + 1):
        mask = prediction(label, last - step)
        mark = np.zeros_like(label)
        mark[11, 2 * step : 2 * step + (1 if clicks else 4)] = True
        row, column = (11, 2 * step) if clicks and step else (-1, -1)
        drawn = np.packbits(mark).tobytes() if step else b""
        rows.append(
            {"step": step, "kind": ("click+" if clicks else "scribble+") if step else "none"}
            | {"row": row, "column": column, "dice": dice(mask, label), "height": HEIGHT, "width": WIDTH}
            | {"prediction": np.packbits(mask).tobytes(), "positive": drawn, "negative": b""}
        )
    return [identity | row for row in rows]


def play(
    models=("scribbleprompt", "multiverseg"),
    protocols=(CLICKS, SCRIBBLES),
    positions=range(11),
    source="drawn:Discs",
    fingerprint="",
    split="test",
    context="binary",
) -> Results:
    """Simulation 0 of every task, with text as categories, as `results.load` gives it."""
    pictures, images, tasks = [], [], {}
    for task in Discs().tasks(None):
        data = Discs().load(task, None)
        tasks[task.name] = {"source": source, "fingerprint": fingerprint or data.fingerprint}
        for protocol in protocols:
            for model in models:
                aware = model == "multiverseg"
                for position in positions if aware else [p for p in positions if p]:
                    identity = {"protocol": protocol, "model": model, **asdict(task), "task": task.name}
                    identity |= {"simulation": 0, "position": position, "image": position + 1}
                    identity |= {"subject": f"s{position + 1}", "context_size": position if aware else 0}
                    identity |= {"context": context if aware else "none", "split": split}
                    frames = trace(identity, data.labels[position + 1, 0])
                    pictures += frames
                    if position:
                        done = {"interactions": frames[-1]["step"], "reached": True, "dice": 1.0}
                        images.append(identity | done | {"hd95": 0.0, "seconds": 0.1})
    tables = {
        "images": typed(images, IMAGES),
        "steps": typed([], STEPS),
        "pictures": typed(pictures, PICTURES),
    }
    for table in tables.values():
        for name in [name for name, kind in IDENTITY.items() if kind == "string"]:
            table[name] = table[name].astype("category")
    manifest = {"tasks": tasks, "settings": {"target_dice": 0.9}, "images": 10, "command": f"run {EVIL}"}
    manifest |= {"models": {name: {"weights": "bundled", "checksum": "a" * 64} for name in models}}
    manifest |= {"seed_model": {"name": "scribbleprompt", "weights": "bundled"}}
    manifest |= {"left_out": [{"kind": "model", "name": EVIL, "reason": "of its name"}]}
    return Results(tables["images"], [manifest], lambda table, _: tables[table])


def together(*runs: Results) -> Results:
    """Several runs as one."""
    import pandas as pd

    frames = {
        name: pd.concat([getattr(run, name) for run in runs], ignore_index=True)
        for name in ("images", "steps", "pictures")
    }
    return Results(frames["images"], runs[0].manifests, lambda table, _: frames[table])
