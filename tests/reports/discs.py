"""A data set of discs whose names try to be markup, and runs on it in which every mask is known."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from segbench.datasets.task import Task, TaskData
from segbench.results import Results
from segbench.results.schema import IDENTITY, IMAGES, PICTURES, STEPS, UNTIMED, typed

HEIGHT, WIDTH, COUNT = 24, 34, 14
EVIL = """<img src=x onerror=alert(1)>"'</script><script>alert(2)</script>"""
PLUGIN = f"mine:{EVIL}"  # name of a model
CLICKS, SCRIBBLES = "center-clicks", "centerline-scribbles"
BOXES, BOX_THEN_CLICKS = "boxes", "box-then-clicks"
BOX = (3, 5, 20, 28)  # top, left, bottom, right
# Cohorts, and the additional interactions that MultiverSeg needs there.
COHORTS = {"hard": 5, EVIL: 0, "usual": 2}


class Discs:
    """Bright discs, 14 per task, the first two for training; as a data set named ``discs:Discs``."""

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


class NamedDiscs(Discs):
    """The same discs with the names of their files."""

    def load(self, task, root):
        names = np.array([f"disc-{i}-{EVIL}.png" for i in range(COUNT)])
        return replace(super().load(task, root), names=names)


class FewerDiscs(Discs):
    """The discs without the first task."""

    cohorts = tuple(COHORTS)[1:]


def prediction(label: np.ndarray, missing: int) -> np.ndarray:
    """Return the label without its first columns, two for each missing interaction."""
    left = np.flatnonzero(label.any(0))[0]
    return label & (np.arange(WIDTH) >= left + 2 * missing)


def dice(mask: np.ndarray, label: np.ndarray) -> float:
    return 2 * float((mask & label).sum()) / float(mask.sum() + label.sum())


def needed(model: str, cohort: str, position: int) -> int:
    """Return the interactions to a perfect mask; position 0 is the seed image, by ScribblePrompt."""
    return max(0, 4 + COHORTS[cohort] - position // 2) if model == "multiverseg" and position else 3


def packed(mask: np.ndarray) -> bytes:
    return np.packbits(mask).tobytes() if mask.any() else b""


def frames_of(identity: dict, label: np.ndarray) -> list[dict]:
    """Return the frames of one image; each step has an interaction and adds two columns of the disc.

    A box is the first interaction, without a prediction before it.
    """
    boxed, scribbled = identity["protocol"] in (BOXES, BOX_THEN_CLICKS), identity["protocol"] == SCRIBBLES
    first = 0 if identity["context_size"] and not boxed else 1
    last = max(first, needed(identity["model"], identity["cohort"], identity["position"]))
    rows = []
    for step in range(first, 2 if identity["protocol"] == BOXES else last + 1):
        mask = prediction(label, last - step)
        kind = (
            "none" if not step else "box" if boxed and step == 1 else "scribble+" if scribbled else "click+"
        )
        row, column = (11, 2 * step) if kind == "click+" else (-1, -1)
        interaction, box = np.zeros_like(label), np.zeros_like(label)
        interaction[11, 2 * step : 2 * step + (4 if scribbled else 1)] = kind in ("click+", "scribble+")
        box[BOX[0] : BOX[2], BOX[1] : BOX[3]] = kind == "box"
        rows.append(
            {"step": step, "kind": kind, "row": row, "column": column, "dice": dice(mask, label)}
            | {"height": HEIGHT, "width": WIDTH, "prediction": np.packbits(mask).tobytes()}
            | {"positive": packed(interaction), "negative": b"", "box": packed(box)}
        )
    return [identity | row for row in rows]


def disc_run(
    models=("scribbleprompt", "multiverseg"),
    protocols=(CLICKS, SCRIBBLES),
    positions=range(11),
    source="discs:Discs",
    fingerprint="",
    split="test",
    context="binary",
) -> Results:
    """Return simulation 0 of every task."""
    pictures, images, tasks = [], [], {}
    for task in Discs().tasks(None):
        data = Discs().load(task, None)
        tasks[task.name] = {"source": source, "fingerprint": fingerprint or data.fingerprint}
        for protocol in protocols:
            for model in models:
                aware = model == "multiverseg"
                for position in positions if aware else [p for p in positions if p]:
                    identity = {"protocol": protocol, "model": model, **asdict(task), "task": task.name}
                    identity |= {"split": split, "context": context if aware else "none"}
                    identity |= {"annotator": protocol, "training": 0, "simulation": 0, "person": -1}
                    identity |= {"position": position, "image": position + 1, "subject": f"s{position + 1}"}
                    identity |= {"context_size": position if aware else 0, "set_size": 1}
                    frames = frames_of(identity, data.labels[position + 1, 0])
                    pictures += frames
                    if position:
                        done = {"interactions": frames[-1]["step"], "dice": frames[-1]["dice"]}
                        done["reached"] = done["dice"] >= 0.9
                        rest = {"hd95": 0.0, "hd95_imputed": False, "nsd_1px": 1.0, "nsd_2px": 1.0}
                        images.append(identity | done | rest | {"empty_scribbles": 0, "seconds": 0.1})
    manifest = {"tasks": tasks, "settings": {"target_dice": 0.9}, "images": 10}
    manifest |= {"arguments": {"protocol": EVIL}, "all_arguments": [{"protocol": EVIL}]}
    manifest |= {"models": {name: {"weights": "bundled", "checksum": "a" * 64} for name in models}}
    manifest |= {"seed_model": {"name": "scribbleprompt", "weights": "bundled"}}
    manifest |= {"left_out": [{"kind": "model", "name": EVIL, "reason": "of its name"}]}
    return as_loaded(images, [], pictures, manifest)


def as_loaded(images: list[dict], steps: list[dict], pictures: list[dict], manifest: dict) -> Results:
    """Return records as `segbench.results.load` does, with text as categories."""
    tables = {"images": typed(images, IMAGES), "steps": typed(steps, STEPS)}
    tables |= {"pictures": typed(pictures, PICTURES), "seeds": typed([], UNTIMED)}
    text = [name for name, kind in IDENTITY.items() if kind == "string"]
    tables = {name: table.astype(dict.fromkeys(text, "category")) for name, table in tables.items()}

    def read(name: str, protocols) -> pd.DataFrame:
        table = tables[name]
        return table if protocols is None else table[table.protocol.isin(protocols)]

    return Results(tables["images"], [manifest], read)


def joined_runs(*runs: Results) -> Results:
    """Return several runs as one."""
    tables = {
        name: pd.concat([getattr(run, name) for run in runs], ignore_index=True)
        for name in ("images", "steps", "pictures", "seeds")
    }
    return Results(tables["images"], runs[0].manifests, lambda table, _: tables[table])
