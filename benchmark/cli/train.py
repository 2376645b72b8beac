"""``train``: train a model on synthetic tasks, on real tasks, or on scans."""

from __future__ import annotations

from typing import Any

import click

from segbench.benchmark.cli.options import DATA_ROOT, DEVICES, POSITIVE, PRECISIONS, command_of, option
from segbench.benchmark.training import train
from segbench.paths import TRAINING


def _train(model: str, **options: Any) -> None:
    for path in train(model, **options):
        click.echo(path)


command = command_of(
    "train",
    _train,
    "Train a model.\n\nInteractive and in-context models learn from synthetic tasks, automatic ones from "
    "scans, nnunet from every task. The same command continues an interrupted training.",
    "python -m benchmark train scribbleprompt --preset small --output results/training/mine",
    click.Argument(["model"]),
    option(
        train,
        "--preset",
        "Schedule: small, paper, or smoke for a test of seconds.",
        metavar="smoke|small|paper",
    ),
    option(
        train,
        "--start",
        "Initial weights: bundled, official or a file; those of a narrower network are widened.  [default: "
        "random]",
        metavar="WEIGHTS",
    ),
    option(
        train,
        "--datasets",
        "Data sets to learn from, comma-separated: their train splits instead of synthetic tasks, or their "
        "scans.  [default: synthetic tasks; brain-phantom for scans; all installed ones for nnunet]",
        metavar="NAMES",
    ),
    option(
        train,
        "--width",
        "Features of a network for scans.  [default: from the preset]",
        type=click.IntRange(1),
    ),
    option(train, "--epochs", "Epochs of nnunet.  [default: from the preset]", type=POSITIVE),
    DATA_ROOT,
    option(train, "--output", f"Folder of the weights.  [default: one in {TRAINING}]", metavar="DIR"),
    option(
        train,
        "--seed",
        "Root seed of all random draws; another seed is another initialisation.",
        type=click.IntRange(0),
    ),
    option(train, "--device", "Device of the training; auto takes a GPU if there is one.", type=DEVICES),
    option(
        train,
        "--precision",
        "Precision of the training; auto takes bfloat16 if the device computes in it.",
        type=PRECISIONS,
    ),
    option(
        train,
        "--workers",
        "Simultaneous trainings of nnunet.  [default: one per core, or per GPU]",
        type=POSITIVE,
    ),
)
