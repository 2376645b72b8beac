"""``train``: train a model on synthetic tasks, on real ones, or on scans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmark.errors import Usage

TRAINING = Path("results/training")


def _train(model: str, preset: str, datasets: str | None, data_root: str | None, **options: Any) -> None:
    from benchmark.selection import names
    from benchmark.settings import resolve_device, resolve_precision, resolve_root
    from models.training.scans import SCAN_PRESETS

    device = options["device"] = resolve_device(options["device"])
    options["precision"] = resolve_precision(options["precision"], device)
    root = resolve_root(data_root)
    on_scans = model in SCAN_PRESETS["small"]
    begin = _on_scans if on_scans else _on_tasks
    for path in begin(model, preset, names(datasets) if datasets else [], root, options):
        click.echo(path)


def _on_tasks(
    model: str, preset: str, datasets: list[str], root: Path, options: dict[str, Any]
) -> Iterator[Path]:
    from datasets.lookup import UnknownName
    from datasets.registry import load
    from datasets.task import DataError, TaskData
    from models.training.loop import train
    from models.training.presets import PRESETS
    from models.training.scans import SCAN_PRESETS

    if preset in PRESETS and model not in PRESETS[preset]:
        raise UnknownName("model to train", model, [*PRESETS[preset], *SCAN_PRESETS["small"]])
    if options.pop("width") is not None:
        raise Usage(f"--width is for models that are trained on scans, and {model} is none")
    tasks = [data for name in datasets for data in load(name, root)]
    if not all(isinstance(data, TaskData) for data in tasks):
        raise DataError(f"{model} learns one label a task, and {', '.join(datasets)} has scans with many")
    where = Path(options.pop("output") or TRAINING / f"{model}-{preset}")
    yield train(model, preset, where, tasks=tasks, **options)


def _on_scans(
    model: str, preset: str, datasets: list[str], root: Path, options: dict[str, Any]
) -> Iterator[Path]:
    from datasets.registry import EMBEDDED, load
    from datasets.scans import ScanData
    from datasets.task import DataError
    from models.training.scans import train_on_scans

    if options.pop("start") is not None:
        raise Usage(f"--start is for models that are trained on tasks, and {model} is none")
    where = Path(options.pop("output") or TRAINING)
    for name in datasets or [EMBEDDED["scans"]]:
        for data in load(name, root):
            if not isinstance(data, ScanData):
                raise DataError(f"{model} learns from scans with all their structures, and {name} has none")
            yield train_on_scans(model, preset, data, where, **options)


command = click.Command(
    "train",
    callback=_train,
    help="Train a model: interactive and in-context ones on synthetic tasks, automatic ones on scans. The "
    "same command continues an interrupted training.",
    params=[
        click.Argument(["model"]),
        click.Option(
            ["--preset"], default="small", help="Schedule: small, paper, or smoke to see that it runs."
        ),
        click.Option(
            ["--start"],
            metavar="WEIGHTS",
            help="Begin with weights: bundled, official or a file; those of a narrower network are widened.",
        ),
        click.Option(
            ["--datasets"],
            metavar="NAMES",
            help="Learn from the train splits of real tasks instead, or from the scans of these data sets.",
        ),
        click.Option(["--width"], type=click.IntRange(1), help="Features of a network for scans."),
        click.Option(["--data-root"], metavar="DIR", help="Folder that holds the data sets."),
        click.Option(["--output"], metavar="DIR", help=f"[default: one in {TRAINING}]"),
        click.Option(
            ["--seed"],
            type=int,
            default=0,
            help="Root of all randomness; another one is another initialisation.",
        ),
        click.Option(
            ["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to compute."
        ),
        click.Option(
            ["--precision"],
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            help="How to compute.",
        ),
    ],
)
