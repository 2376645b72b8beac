"""Training of models: on synthetic tasks, on real tasks or on scans, and of nnU-Net on every task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from segbench.errors import Failure, UsageError, describe
from segbench.paths import TRAINING
from segbench.registry import UnknownName

if TYPE_CHECKING:
    from segbench.models.nnunet.pipeline import Training

SUPERVISED = "nnunet"
FOLDERS = "folders:"  # prefix of a folder of training sets among the names of data sets
# Options that only some models have.
ONLY_FOR = {
    "epochs": "nnunet",
    "workers": "nnunet",
    "width": "models that are trained on scans",
    "start": "models that are trained on synthetic tasks",
    "teacher": "multiverseg",
}


def train(
    model: str,
    *,
    preset: str = "small",
    start: str | None = None,
    teacher: str | None = None,
    datasets: str | None = None,
    width: int | None = None,
    epochs: int | None = None,
    data_root: str | None = None,
    output: str | None = None,
    seed: int = 0,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    workers: int | None = None,
    export: bool = False,
) -> Iterator[Path]:
    """Train a model, or continue an interrupted training, and yield the files of weights as they are written.

    nnU-Net yields no file: its networks are measured by the protocol ``supervised`` instead. With `export`,
    only the weights of the last checkpoint are written. The parameters are the options of
    ``python -m benchmark train``.

    Raises
    ------
    UsageError
        If the model does not have one of the options.
    Failure
        If a training of nnU-Net failed; the others are finished.
    """
    from segbench.benchmark.settings import resolve_device, resolve_precision, resolve_root
    from segbench.models.training.checkpointed import export_checkpoint
    from segbench.models.training.presets import SCAN_PRESETS

    if export:
        yield export_checkpoint(_task_folder(model, preset, output))
        return
    used = resolve_device(device)
    options: dict[str, Any] = {"seed": seed, "device": used, "precision": resolve_precision(precision, used)}
    root = resolve_root(data_root)
    if model == SUPERVISED:
        _reject(model, width=width, start=start, teacher=teacher)
        _train_nnunet(preset, datasets, root, output, epochs, workers, **options)
    elif model in SCAN_PRESETS["small"]:
        _reject(model, epochs=epochs, workers=workers, start=start, teacher=teacher)
        yield from _train_on_scans(model, preset, datasets, root, output, **options, width=width)
    else:
        _reject(model, epochs=epochs, workers=workers)
        _require_known(model, preset)
        _reject(model, width=width)
        if model != ONLY_FOR["teacher"]:
            _reject(model, teacher=teacher)
        options |= {"start": start, "teacher": teacher}
        yield _train_on_tasks(model, preset, datasets, root, output, **options)


def _reject(model: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"--{name} is for {ONLY_FOR[name]}, not for {model}")


def _task_folder(model: str, preset: str, output: str | None) -> Path:
    """Return the folder of a training on tasks."""
    return Path(output or TRAINING / f"{model}-{preset}")


def _require_known(model: str, preset: str) -> None:
    from segbench.models.training.presets import PRESETS, SCAN_PRESETS

    if preset in PRESETS and model not in PRESETS[preset]:
        raise UnknownName("model to train", model, [*PRESETS[preset], *SCAN_PRESETS["small"]])


def _train_on_tasks(
    model: str, preset: str, datasets: str | None, root: Path, output: str | None, **options: Any
) -> Path:
    from segbench.benchmark.dataset_choice import names
    from segbench.datasets.registry import load_dataset
    from segbench.datasets.task import DataError, TaskData
    from segbench.models.training.loop import train
    from segbench.models.training.real_tasks import read_training_sets

    chosen = names(datasets) if datasets else []
    folders = [Path(name.removeprefix(FOLDERS)) for name in chosen if name.startswith(FOLDERS)]
    sets = [training_set for folder in folders for training_set in read_training_sets(folder)]
    tasks = [data for training_set in sets for data in training_set.tasks]
    tasks += [data for name in chosen if not name.startswith(FOLDERS) for data in load_dataset(name, root)]
    if not all(isinstance(data, TaskData) for data in tasks):
        raise DataError(f"{model} learns one label per task, and {datasets} has scans with several labels")
    credits = [training_set.credit for training_set in sets]
    return train(model, preset, _task_folder(model, preset, output), tasks=tasks, credits=credits, **options)


def _train_on_scans(
    model: str, preset: str, datasets: str | None, root: Path, output: str | None, **options: Any
) -> Iterator[Path]:
    from segbench.benchmark.dataset_choice import names
    from segbench.datasets.registry import EMBEDDED, load_dataset
    from segbench.datasets.scans import ScanData
    from segbench.datasets.task import DataError
    from segbench.models.training.scans import train_on_scans

    for name in names(datasets) if datasets else [EMBEDDED["scans"]]:
        for data in load_dataset(name, root):
            if not isinstance(data, ScanData):
                raise DataError(f"{model} learns from scans with all their structures; {name} has no scans")
            yield train_on_scans(model, preset, data, Path(output or TRAINING), **options)


def _train_nnunet(
    preset: str,
    datasets: str | None,
    root: Path,
    output: str | None,
    epochs: int | None,
    workers: int | None,
    seed: int,
    device: Any,
    precision: Any,
) -> None:
    """Train nnU-Net on every task, then measure the finished networks."""
    from segbench.benchmark.api import run
    from segbench.benchmark.dataset_choice import choose_datasets
    from segbench.datasets.registry import open_dataset
    from segbench.models.nnunet.pipeline import Training, require_nnunet
    from segbench.models.nnunet.schedule import SCHEDULES

    require_nnunet()
    if preset not in SCHEDULES:
        raise UnknownName("preset", preset, list(SCHEDULES))
    schedule = SCHEDULES[preset] if epochs is None else replace(SCHEDULES[preset], epochs=epochs)
    chosen, line = choose_datasets(datasets, root)
    click.echo(line)
    opened = [(name, open_dataset(name, root)) for name in chosen]
    items = [
        TaskTraining(name, Training(task, Path(output or TRAINING), schedule, seed, precision))
        for name, dataset in opened
        if dataset.kind == "tasks"
        for task in dataset.tasks()
    ]
    if not items:
        raise Failure(f"{', '.join(chosen)} has no tasks with one label each, from which nnU-Net learns")
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
            f"{len(failures)} of {len(items)} trainings failed; the same command continues them: "
            + "; ".join(failures)
        )


@dataclass(frozen=True)
class TaskTraining:
    """A training, and the name of the data set that contains its task."""

    dataset: str
    training: Training

    @property
    def cost(self) -> int:
        return self.training.schedule.epochs


@dataclass(frozen=True)
class Trainer:
    """Trains on one task; a failure is returned, not raised, as the other tasks continue."""

    root: Path  # the data folder
    threads: int  # processor cores for each training

    def __call__(self, item: TaskTraining, device: str) -> str | None:
        """Return the reason of a failure as a sentence, or None."""
        from segbench.datasets.registry import open_dataset

        try:
            data = open_dataset(item.dataset, self.root).load(item.training.task)
            item.training.run(data, device, self.threads)
        except Exception as error:
            return describe(error)[0]
        return None


def train_on_tasks(items: Sequence[TaskTraining], root: Path, device: str, workers: int | None) -> list[str]:
    """Train nnU-Net on each task, or continue trainings that were interrupted.

    Parameters
    ----------
    items : sequence of TaskTraining
        In the order in which they start.
    root : Path
        Folder that contains the data sets.
    device : {"cpu", "cuda"}
    workers : int or None
        Simultaneous trainings; None takes one per core, or per GPU.

    Returns
    -------
    list of str
        A sentence for each training that failed: the reason and the log file.
    """
    from segbench.benchmark.execution import execute
    from segbench.benchmark.execution.progress import Progress
    from segbench.benchmark.settings import resolve_workers

    workers = min(resolve_workers(workers, device), len(items))
    threads = max(1, resolve_workers(None, "cpu") // workers)

    def finished_epochs() -> int:
        return sum(item.training.epochs for item in items)

    progress = Progress(items, finished_epochs)
    reasons = execute(items, Trainer(root, threads), device, workers, "tasks", progress=progress)
    return [reason for reason in reasons if reason]
