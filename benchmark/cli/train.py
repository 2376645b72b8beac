"""``train``: train a model on synthetic tasks, on real tasks, or on scans."""

from __future__ import annotations

from typing import Any

import click

from segbench.benchmark.cli.options import FOLDER_TEXT, command_of, options_of
from segbench.benchmark.training import FOLDERS, train
from segbench.paths import TRAINING


def _train(model: str, **options: Any) -> None:
    for path in train(model, **options):
        click.echo(path)


TEXTS = {
    "preset": "Schedule: small, real (real and synthetic tasks), paper, or smoke for a test of seconds.",
    "start": "Initial weights: bundled, official or a file; those of a narrower network are widened; "
    "multiverseg takes a ScribblePrompt too.  [default: random]",
    "teacher": "Weights of the ScribblePrompt that teaches multiverseg: bundled, official or a file.  "
    "[default: bundled]",
    "datasets": "Data sets to learn from, comma-separated: their train splits instead of synthetic tasks (in "
    f"addition with the preset real), or their scans; {FOLDERS}DIR takes all training sets in a folder.  "
    "[default: synthetic tasks; brain-phantom for scans; all installed ones for nnunet]",
    "width": "Features of a network for scans.  [default: from the preset]",
    "epochs": "Epochs of nnunet.  [default: from the preset]",
    "data_root": FOLDER_TEXT,
    "output": f"Folder of the weights.  [default: a folder in {TRAINING}]",
    "seed": "Root seed of all random draws; another seed is another initialisation.",
    "device": "Device of the training; auto takes a GPU if there is one.",
    "precision": "Precision of the training; auto takes bfloat16 if the device computes in it.",
    "workers": "Simultaneous trainings of nnunet.  [default: one per core, or per GPU]",
    "export": "Only export the mean weights of the last checkpoint; the training may run meanwhile.",
}

command = command_of(
    "train",
    _train,
    "Train a model.\n\nInteractive and in-context models learn from synthetic tasks, automatic ones from "
    "scans, nnunet from every task. The same command continues an interrupted training.",
    "python -m benchmark train scribbleprompt --preset small --output results/training/mine",
    click.Argument(["model"]),
    *options_of(
        train,
        TEXTS,
        start={"metavar": "WEIGHTS"},
        teacher={"metavar": "WEIGHTS"},
        preset={"metavar": "NAME"},
        seed={"type": click.IntRange(0)},
    ),
)
