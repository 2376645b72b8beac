"""Runs of InterConv's protocols whose every number is known, on toy scans and on the discs of `drawn`."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from drawn import HEIGHT, WIDTH

from segbench.datasets.registry import source
from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.task import Task
from segbench.results import Results
from segbench.results.schema import IDENTITY, IMAGES, PICTURES, STEPS, typed

MATCHED, INTERCONV = "scribbleprompt-matched", "scribbleprompt-interconv"
SCRIBBLES, CLICKS, AUTOMATIC = "set-scribbles", "set-clicks", "set-automatic"
SIZES = PROMPTS = (1, 2, 4, 8)
COUNT = 12
# Sessions of the subjects of each split.
SESSIONS = {"train": (3, 1), "stopping-val": (2,), "val": (1,), "test": (1, 2, 4, 2, 1)}


class ToyScans:
    """Two structures, left and right, that grow with the session; used by name as ``made_sets:ToyScans``."""

    name = "toy-scans"
    kind = "scans"

    def installed(self, root):
        return True

    def tasks(self, root):
        return [Task(self.name, "all", "MR", "coronal", ALL)]

    def load(self, task, root):
        labels, subjects, split = [], [], []
        for name, counts in SESSIONS.items():
            for subject, sessions in enumerate(counts):
                for session in range(sessions):
                    label = np.zeros((1, HEIGHT, WIDTH), np.uint8)
                    label[0, 4:20, 4 : 10 + session] = 1
                    label[0, 4:20, 20 : 26 + session] = 2
                    labels.append(label)
                    subjects.append(f"{name}-{subject}")
                    split.append(name)
        stack = np.stack(labels)
        images = (0.2 + 0.3 * stack).astype(np.float32)
        return ScanData(task, images, stack, np.array(subjects), np.array(split), ("left", "right"))


def gain(size: int, prompts: int, image: int) -> float:
    """Improvement of Dice: a hundredth for each image of the set and share of a prompt, give or take."""
    return 0.01 * size / prompts + (0.004 if image % 2 else -0.004)


def scores(mask: np.ndarray, dice: float) -> dict:
    """What step and image records hold besides their identity and Dice."""
    return {"row": -1, "column": -1, "tp": 0, "fp": 0, "fn": 0, "reached": dice >= 0.9, "hd95": 1.0} | {
        "seconds": 0.1,
        "height": mask.shape[0],
        "width": mask.shape[1],
        "prediction": np.packbits(mask).tobytes(),
        "positive": b"",
        "negative": b"",
    }


def interactive(
    name: str = "drawn:Discs", most: int = 2, simulations: int = 2
) -> tuple[list, list, list, dict]:
    """Steps, images and pictures of both protocols on the first tasks of a data set; and its manifest."""
    steps, images, pictures, tasks = [], [], [], {}
    for task in source(name).tasks(None)[:most]:
        data = source(name).load(task, None)
        tasks[task.name] = {"source": name, "fingerprint": data.fingerprint}
        chosen = data.indices("test")[:COUNT]
        for protocol in (SCRIBBLES, CLICKS):
            for simulation in range(simulations):
                for position, image in enumerate(map(int, chosen), start=1):
                    one = asdict(task) | {"task": task.name, "protocol": protocol, "simulation": simulation}
                    one |= {"position": position, "image": image, "split": "test"}
                    one |= {"subject": str(data.subjects[image])}
                    rows = _of_image(one, data.labels[image, 0])
                    steps += rows
                    images += [row | {"interactions": 8} for row in rows if row["step"] == 8]
                    if simulation == 0 and position <= 8:
                        pictures += [row for row in rows if row["context_size"] in (0, 3, 7)]
    return steps, images, pictures, tasks


def _of_image(one: dict, label: np.ndarray) -> list[dict]:
    """Records of both models with one image; the masks are random parts of the label."""
    kind = "click+-" if one["protocol"] == CLICKS else "scribble+-"
    rng = np.random.default_rng([one["simulation"], one["image"]])
    rows = []
    for model, sizes in ((MATCHED, (1,)), (INTERCONV, SIZES)):
        for size in sizes:
            context = {"context": "none", "context_size": 0} if model == MATCHED else {}
            context = context or {"context": "set", "context_size": size - 1}
            for prompts in PROMPTS:
                better = 0 if model == MATCHED else gain(size, prompts, one["image"])
                dice = 0.5 + 0.02 * np.log2(prompts) + 0.05 * one["simulation"] + better
                mask = label & (rng.random(label.shape) < dice)
                row = one | {"model": model, **context, "step": prompts, "kind": kind, "dice": dice}
                marks = {
                    name: np.packbits(_marks(rng, side, prompts, kind)).tobytes()
                    for name, side in (("positive", label), ("negative", ~label))
                }
                rows.append(row | scores(mask, dice) | marks)
    return rows


def _marks(rng: np.random.Generator, side: np.ndarray, prompts: int, kind: str) -> np.ndarray:
    """Random pixels of a side, each with its right neighbours where it is a scribble."""
    places = np.argwhere(side)
    marks = np.zeros_like(side)
    for row, column in places[rng.choice(len(places), prompts)]:
        marks[row, column : column + (1 if kind == "click+-" else side.shape[1] // 8)] = True
    return marks & side


def automatic(pairs, name: str = "made_sets:ToyScans", split: str = "test") -> tuple[list, list, list, dict]:
    """As `interactive`, for pairs of models: InterConv gains a hundredth of Dice for each scan of a set."""
    steps, images, pictures, tasks = [], [], [], {}
    task = source(name).tasks(None)[0]
    data = source(name).load(task, None)
    tasks[task.name] = {"source": name, "fingerprint": data.fingerprint}
    sets = data.sets(split)
    most = max(sets, key=len)
    for indices in sets:
        for position, image in enumerate(map(int, indices), start=1):
            for number, structure in enumerate(data.structures, start=1):
                label = data.labels[image, 0] == number
                one = asdict(task) | {"label": structure, "protocol": AUTOMATIC, "simulation": 0}
                one |= {"task": task.name.replace(ALL, structure), "position": position, "image": image}
                one |= {"subject": str(data.subjects[image]), "split": split, "step": 0, "kind": "none"}
                for model in (model for pair in pairs for model in pair):
                    aware = model.endswith("-interconv")
                    dice = 0.7 + 0.1 * (number == 2) + 0.001 * (image % 3) + 0.01 * aware * len(indices)
                    rng = np.random.default_rng([image, number, aware])
                    mask = label & (rng.random(label.shape) < dice)
                    row = one | {"model": model, "context": "set" if aware else "none", "dice": dice}
                    row |= {"context_size": len(indices) - 1 if aware else 0, **scores(mask, dice)}
                    steps.append(row)
                    images.append(row | {"interactions": 0, "reached": False})
                    pictures += [row] if indices is most else []
    return steps, images, pictures, tasks


def as_run(*parts: tuple[list, list, list, dict], **manifest) -> Results:
    """Records of several protocols as one run, with text as categories, as `results.load` gives it."""
    rows = [[row for part in parts for row in part[place]] for place in range(3)]
    columns = {"steps": STEPS, "images": IMAGES, "pictures": PICTURES}
    tables = {name: typed(these, columns[name]) for name, these in zip(columns, rows, strict=True)}
    for table in tables.values():
        for name in [name for name, kind in IDENTITY.items() if kind == "string"]:
            table[name] = table[name].astype("category")
    tasks = {name: entry for part in parts for name, entry in part[3].items()}
    models = sorted(map(str, tables["images"].model.unique()))
    entries = {name: {"weights": "bundled", "checksum": "a" * 64} for name in models}
    known = {"tasks": tasks, "settings": {}, "images": 4, "models": entries}
    known |= {"command": "python -m benchmark run --protocol set-clicks --datasets discs --simulations 2"}

    def read(name: str, protocols):
        table = tables[name]
        return table if protocols is None else table[table.protocol.isin(protocols)]

    return Results(tables["images"], [known | manifest], read)
