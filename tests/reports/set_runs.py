"""Runs of InterConv's protocols whose every number is known, on toy scans and on the discs of `discs`."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from discs import HEIGHT, WIDTH, as_loaded

from segbench.datasets.registry import open_dataset
from segbench.datasets.scans import ALL, ScanData
from segbench.datasets.task import Task
from segbench.results import Results

MATCHED, INTERCONV = "scribbleprompt-matched", "scribbleprompt-interconv"
SCRIBBLES, CLICKS, AUTOMATIC = "set-scribbles", "set-clicks", "set-automatic"
SIZES = PROMPTS = (1, 2, 4, 8)
COUNT = 12
ANNOTATORS = {SCRIBBLES: "line-scribbles", CLICKS: "random-clicks"}
UNUSED = {"context": "none", "context_size": 0, "training": 0, "person": -1}
# Sessions of the subjects of each split.
SESSIONS = {"train": (3, 1), "stopping-val": (2,), "val": (1,), "test": (1, 2, 4, 2, 1)}


class ToyScans:
    """Two structures, left and right, that grow with the session; named ``set_runs:ToyScans``."""

    name = "toy-scans"
    data_type = ScanData

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
    """Return the improvement of Dice: size / prompts hundredths, with a small alternating deviation."""
    return 0.01 * size / prompts + (0.004 if image % 2 else -0.004)


def scores(mask: np.ndarray, dice: float) -> dict:
    """Return the columns of step, image and picture records besides identity and Dice."""
    return {"row": -1, "column": -1, "tp": 0, "fp": 0, "fn": 0, "reached": dice >= 0.9, "hd95": 1.0} | {
        **{"hd95_imputed": False, "nsd_1px": 0.9, "nsd_2px": 0.9, "empty_scribbles": 0, "drawn": 2},
        "seconds": 0.1,
        "height": mask.shape[0],
        "width": mask.shape[1],
        "prediction": np.packbits(mask).tobytes(),
        "positive": b"",
        "negative": b"",
        "box": b"",
    }


def interactive(
    name: str = "discs:Discs", most: int = 2, simulations: int = 2
) -> tuple[list, list, list, dict]:
    """Return images, steps, pictures and manifest entries of both protocols on the first tasks."""
    steps, images, pictures, tasks = [], [], [], {}
    dataset = open_dataset(name)
    for task in dataset.tasks()[:most]:
        data = dataset.load(task)
        tasks[task.name] = {"source": name, "fingerprint": data.fingerprint}
        chosen = data.indices("test")[:COUNT]
        for protocol in (SCRIBBLES, CLICKS):
            for simulation in range(simulations):
                for position, image in enumerate(map(int, chosen), start=1):
                    one = asdict(task) | {"task": task.name, "protocol": protocol, "split": "test"}
                    one |= {"annotator": ANNOTATORS[protocol], "simulation": simulation} | UNUSED
                    one |= {"position": position, "image": image, "subject": str(data.subjects[image])}
                    rows = _of_image(one, data.labels[image, 0])
                    steps += rows
                    images += [row | {"interactions": 8} for row in rows if row["step"] == 8]
                    if simulation == 0 and position <= 8:
                        pictures += [row for row in rows if row["set_size"] in (1, 4, 8)]
    return images, steps, pictures, tasks


def _of_image(one: dict, label: np.ndarray) -> list[dict]:
    """Return the records of both models for one image; the masks are random parts of the label."""
    kind = "click+-" if one["protocol"] == CLICKS else "scribble+-"
    rng = np.random.default_rng([one["simulation"], one["image"]])
    rows = []
    for model, sizes in ((MATCHED, (1,)), (INTERCONV, SIZES)):
        for size in sizes:
            for prompts in PROMPTS:
                better = 0 if model == MATCHED else gain(size, prompts, one["image"])
                dice = 0.5 + 0.02 * np.log2(prompts) + 0.05 * one["simulation"] + better
                mask = label & (rng.random(label.shape) < dice)
                row = one | {"model": model, "set_size": size, "step": prompts, "kind": kind, "dice": dice}
                drawings = {
                    name: np.packbits(_prompts(rng, side, prompts, kind)).tobytes()
                    for name, side in (("positive", label), ("negative", ~label))
                }
                rows.append(row | scores(mask, dice) | drawings)
    return rows


def _prompts(rng: np.random.Generator, side: np.ndarray, prompts: int, kind: str) -> np.ndarray:
    """Return random pixels of a side; scribbles also have their right neighbours."""
    places = np.argwhere(side)
    drawing = np.zeros_like(side)
    for row, column in places[rng.choice(len(places), prompts)]:
        drawing[row, column : column + (1 if kind == "click+-" else side.shape[1] // 8)] = True
    return drawing & side


def automatic(pairs, name: str = "set_runs:ToyScans", split: str = "test") -> tuple[list, list, list, dict]:
    """Return the same for pairs of models; InterConv gains a hundredth of Dice for each scan of a set."""
    steps, images, pictures, tasks = [], [], [], {}
    dataset = open_dataset(name)
    task = dataset.tasks()[0]
    data = dataset.load(task)
    tasks[task.name] = {"source": name, "fingerprint": data.fingerprint}
    sets = data.sets(split)
    most, position = max(sets, key=len), 0
    for indices in sets:
        for image in map(int, indices):
            position += 1
            for number, structure in enumerate(data.structures, start=1):
                label = data.labels[image, 0] == number
                one = asdict(task) | {"label": structure, "protocol": AUTOMATIC, "annotator": "none"} | UNUSED
                one |= {
                    "simulation": 0,
                    "task": task.name.replace(ALL, structure),
                    "position": position,
                    "image": image,
                }
                one |= {"subject": str(data.subjects[image]), "split": split, "step": 0, "kind": "none"}
                for model in (model for pair in pairs for model in pair):
                    aware = model.endswith("-interconv")
                    dice = 0.7 + 0.1 * (number == 2) + 0.001 * (image % 3) + 0.01 * aware * len(indices)
                    rng = np.random.default_rng([image, number, aware])
                    mask = label & (rng.random(label.shape) < dice)
                    row = one | {"model": model, "set_size": len(indices) if aware else 1, "dice": dice}
                    row |= scores(mask, dice)
                    steps.append(row)
                    images.append(row | {"interactions": 0, "reached": False})
                    pictures += [row] if indices is most else []
    return images, steps, pictures, tasks


def as_run(*parts: tuple[list, list, list, dict], **manifest) -> Results:
    """Return records of several protocols as one run, beside the papers."""
    images, steps, pictures = ([row for part in parts for row in part[place]] for place in range(3))
    models = sorted({row["model"] for row in images})
    known = {
        "tasks": {name: entry for part in parts for name, entry in part[3].items()},
        "settings": {},
        "images": 4,
        "models": {name: {"weights": "bundled", "checksum": "a" * 64} for name in models},
        "arguments": {"protocol": "set-clicks", "datasets": "discs", "simulations": 2},
    }
    results = as_loaded(images, steps, pictures, known | manifest)
    results.papers = True
    return results
