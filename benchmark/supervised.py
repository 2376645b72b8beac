"""``train nnunet``: a network for every task, several at once through the execution layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.benchmark.execution.run_units import execute
from segbench.benchmark.settings import resolve_workers
from segbench.errors import describe
from segbench.models.nnunet.pipeline import Training


@dataclass(frozen=True)
class TaskTraining:
    """A training, and the data set that its task comes from."""

    source: str
    training: Training

    @property
    def cost(self) -> int:
        return self.training.schedule.epochs


@dataclass(frozen=True)
class Trainer:
    """Trains on a task; a failure is an answer like another, as the other tasks go on.

    Attributes
    ----------
    root : Path
        Folder that holds the data sets.
    threads : int
        Processor cores for each training.
    """

    root: Path
    threads: int

    def __call__(self, item: TaskTraining, device: str) -> str | None:
        """What went wrong, as a sentence, or None."""
        from segbench.datasets.registry import open_dataset

        try:
            data = open_dataset(item.source, self.root).load(item.training.task)
            item.training.run(data, device, self.threads)
        except Exception as error:
            return describe(error)[0]
        return None


def train_on_tasks(items: Sequence[TaskTraining], root: Path, device: str, workers: int | None) -> list[str]:
    """Train a network for each task, or go on where it was stopped.

    Parameters
    ----------
    items : in the order in which they start
    root : Path
        Folder that holds the data sets.
    device : {"cpu", "cuda"}
    workers : int or None
        Trainings at once; None makes it one per core, or per GPU.

    Returns
    -------
    list of str
        Of each training that failed why, and where its log is.
    """
    workers = min(resolve_workers(workers, device), len(items))
    threads = max(1, resolve_workers(None, "cpu") // workers)

    def epochs() -> int:
        return sum(item.training.epochs for item in items)

    reasons = execute(items, Trainer(root, threads), device, workers, "tasks", passed=epochs)
    return [reason for reason in reasons if reason]
