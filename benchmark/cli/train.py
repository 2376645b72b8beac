"""``train``: train a model on synthetic tasks, on real ones, or on scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from segbench.benchmark.cli.options import POSITIVE
from segbench.errors import UsageError
from segbench.paths import TRAINING

SUPERVISED = "nnunet"
# Options that only some models have, and which.
ONLY_FOR = {
    "epochs": "nnunet",
    "workers": "nnunet",
    "width": "models that are trained on scans",
    "start": "models that are trained on synthetic tasks",
}


def _train(model: str, preset: str, datasets: str | None, data_root: str | None, **options: Any) -> None:
    from segbench.benchmark.selection import names
    from segbench.benchmark.settings import resolve_device, resolve_precision, resolve_root

    device = options["device"] = resolve_device(options["device"])
    options["precision"] = resolve_precision(options["precision"], device)
    root = resolve_root(data_root)
    if model == SUPERVISED:
        _refuse(model, options, "width", "start")
        _supervised(preset, datasets, root, **options)
        return
    _refuse(model, options, "epochs", "workers")
    from segbench.models.training.scans import SCAN_PRESETS

    on_scans = model in SCAN_PRESETS["small"]
    begin = _on_scans if on_scans else _on_tasks
    for path in begin(model, preset, names(datasets) if datasets else [], root, options):
        click.echo(path)


def _refuse(model: str, options: dict[str, Any], *names: str) -> None:
    """Take options away that a model does not have; Usage if one was given."""
    for name in names:
        if options.pop(name) is not None:
            raise UsageError(f"--{name} is for {ONLY_FOR[name]}, not for {model}")


def _supervised(
    preset: str,
    datasets: str | None,
    root: Path,
    output: str | None,
    seed: int,
    device: str,
    precision: str,
    epochs: int | None,
    workers: int | None,
) -> None:
    """Train nnU-Net on every task, then measure the networks there are."""
    from segbench.benchmark.cli.run import run
    from segbench.benchmark.selection import choose_datasets
    from segbench.benchmark.supervised import TaskTraining, train_on_tasks
    from segbench.datasets.registry import kind, source
    from segbench.errors import Failure
    from segbench.models.nnunet.pipeline import Training, require_nnunet
    from segbench.models.nnunet.schedule import SCHEDULES
    from segbench.registry import UnknownName

    require_nnunet()
    if preset not in SCHEDULES:
        raise UnknownName("preset", preset, list(SCHEDULES))
    schedule = SCHEDULES[preset] if epochs is None else replace(SCHEDULES[preset], epochs=epochs)
    chosen, line = choose_datasets(datasets, root)
    click.echo(line)
    items = [
        TaskTraining(name, Training(task, Path(output or TRAINING), schedule, seed, precision))
        for name in chosen
        if kind(name, root) == "tasks"
        for task in source(name, root).tasks(root)
    ]
    if not items:
        raise Failure(f"{', '.join(chosen)} has no task of one structure; nnU-Net learns one a network here")
    click.echo(f"{SUPERVISED}: {len(items)} tasks, {schedule}{' (shortened)' if schedule.shortened else ''}")
    failures = train_on_tasks(items, root, device, workers)
    if any(item.training.weights.is_file() for item in items):
        run(
            protocol="supervised",
            models=SUPERVISED,
            datasets=chosen,
            data_root=root,
            weights=output or "bundled",
            device=device,
            precision=precision,
            workers=workers,
        )
    if failures:
        raise Failure(
            f"{len(failures)} of {len(items)} trainings failed, and the same command goes on with them: "
            + "; ".join(failures)
        )


def _on_tasks(
    model: str, preset: str, datasets: list[str], root: Path, options: dict[str, Any]
) -> Iterator[Path]:
    from segbench.datasets.registry import load
    from segbench.datasets.task import DataError, TaskData
    from segbench.models.training.loop import train
    from segbench.models.training.presets import PRESETS
    from segbench.models.training.scans import SCAN_PRESETS
    from segbench.registry import UnknownName

    if preset in PRESETS and model not in PRESETS[preset]:
        raise UnknownName("model to train", model, [*PRESETS[preset], *SCAN_PRESETS["small"]])
    _refuse(model, options, "width")
    tasks = [data for name in datasets for data in load(name, root)]
    if not all(isinstance(data, TaskData) for data in tasks):
        raise DataError(f"{model} learns one label a task, and {', '.join(datasets)} has scans with many")
    where = Path(options.pop("output") or TRAINING / f"{model}-{preset}")
    yield train(model, preset, where, tasks=tasks, **options)


def _on_scans(
    model: str, preset: str, datasets: list[str], root: Path, options: dict[str, Any]
) -> Iterator[Path]:
    from segbench.datasets.registry import EMBEDDED, load
    from segbench.datasets.scans import ScanData
    from segbench.datasets.task import DataError
    from segbench.models.training.scans import train_on_scans

    _refuse(model, options, "start")
    where = Path(options.pop("output") or TRAINING)
    for name in datasets or [EMBEDDED["scans"]]:
        for data in load(name, root):
            if not isinstance(data, ScanData):
                raise DataError(f"{model} learns from scans with all their structures, and {name} has none")
            yield train_on_scans(model, preset, data, where, **options)


command = click.Command(
    "train",
    callback=_train,
    help="Train a model: interactive and in-context ones on synthetic tasks, automatic ones on scans, nnunet "
    "on every task. The same command continues an interrupted training.",
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
            help="Learn from the train splits of real tasks instead, or from the scans of these data sets; "
            "nnunet from the tasks of these  [default: the installed ones, or embedded].",
        ),
        click.Option(["--width"], type=click.IntRange(1), help="Features of a network for scans."),
        click.Option(["--epochs"], type=POSITIVE, help="Of nnunet, instead of those of the preset."),
        click.Option(["--data-root"], metavar="DIR", help="Folder that holds the data sets."),
        click.Option(["--output"], metavar="DIR", help=f"[default: one in {TRAINING}]"),
        click.Option(
            ["--seed"],
            type=click.IntRange(0),
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
        click.Option(
            ["--workers"],
            type=POSITIVE,
            help="Trainings of nnunet at once.  [default: one per core, or per GPU]",
        ),
    ],
)
