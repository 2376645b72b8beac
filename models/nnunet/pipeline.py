"""One task from its images to a trained network, by steps of which none is done twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segbench.datasets.splits import digest
from segbench.datasets.task import Task, TaskData
from segbench.models.nnunet.raw import NAME, export
from segbench.models.nnunet.schedule import Schedule
from segbench.models.training.checkpointed import TrainingError
from segbench.models.weights import trained_folder, training_of

WIDTH = 32  # features of the first stage of every network that nnU-Net plans


@dataclass(frozen=True)
class Training:
    """A training of a network on a task.

    Attributes
    ----------
    task : Task
    output : Path
        Folder of weights. The network becomes ``<task>/nnunet-32-<seed>.safetensors`` in it; logs, and while
        it is being made all the rest, are in the folder ``<task>/nnunet-<seed>``.
    schedule : Schedule
    seed : int
        0 or more; another one is another run.
    precision : {"float32", "bfloat16"}
        Of the CPU; on a GPU nnU-Net computes in float16 where that is safe.
    """

    task: Task
    output: Path
    schedule: Schedule
    seed: int
    precision: str

    @property
    def folder(self) -> Path:
        """Where it is made, and its logs stay."""
        return trained_folder(self.task.name, str(self.output)) / f"nnunet-{self.seed}"

    @property
    def weights(self) -> Path:
        """The file of the finished network."""
        return self.folder.with_name(f"nnunet-{WIDTH}-{self.seed}.safetensors")

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        if self.weights.is_file():
            return self.schedule.epochs
        return int(self.counter.read_text() or 0) if self.counter.is_file() else 0

    @property
    def counter(self) -> Path:
        """The file in which the trainer counts its epochs."""
        return self.folder / "epochs"

    def run(self, data: TaskData, device: str, threads: int) -> Path:
        """Export, plan, train and pack, or the steps of it that are left.

        Parameters
        ----------
        data : TaskData
            Images and labels of the task.
        device : str
            ``cpu``, ``cuda`` or ``cuda:N``.
        threads : int
            Processor cores to use.

        Returns
        -------
        Path
            The file of the network.

        Raises
        ------
        TrainingError
            If nnU-Net is not installed, the folder holds another training, or a step fails; the message
            names the log.
        DataError
            If the task has no train or no validation image.
        """
        require_nnunet()
        about = self._about(data, device)
        if self.weights.is_file():
            self._agree(training_of(self.weights), about)
            self._tidy()  # a stop may have come before it
            return self.weights
        self._begin(about)
        where = {"device": device, "threads": threads, "folder": str(self.folder)}
        kind = device.partition(":")[0]
        asked = asdict(self.schedule) | {"seed": self.seed, "precision": self.precision}
        asked["counter"] = str(self.counter)
        self._once("export", lambda log: self._export(data))
        self._once("plan", lambda log: _run(log, "plan", where))
        self._once("train", lambda log: _run(log, "train", where, kind=kind, asked=asked))
        self._step("pack", lambda log: _run(log, "pack", where, about=about, target=str(self.weights)))
        self._tidy()
        return self.weights

    def _about(self, data: TaskData, device: str) -> dict[str, Any]:
        """All that decides the outcome, and how long it was trained in words."""
        return {
            "task": self.task.name,
            "fingerprint": data.fingerprint,
            "splits": digest(data.subjects, data.split),
            "seed": self.seed,
            "precision": "float16" if device.startswith("cuda") else self.precision,
            **asdict(self.schedule),
            "schedule": str(self.schedule),
            "shortened": self.schedule.shortened,
        }

    def _begin(self, about: dict[str, Any]) -> None:
        """Make the folder, or see to it that it is of this training."""
        config = self.folder / "training.json"
        if config.is_file():
            self._agree(json.loads(config.read_text()), about)
        self.folder.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps(about, indent=2))

    def _agree(self, found: dict[str, Any], about: dict[str, Any]) -> None:
        differing = [name for name, value in about.items() if found.get(name) != value]
        if differing:
            name = differing[0]
            raise TrainingError(
                f"{self.folder.parent} holds a training of {self.task} with another {name} "
                f"({found.get(name)}, not {about[name]}); choose another --output or --seed"
            )

    def _once(self, name: str, do: Callable[[Path], None]) -> None:
        """Do a step unless its mark says that it is done."""
        done = self.folder / f"{name}.done"
        if not done.exists():
            self._step(name, do)
            done.touch()

    def _step(self, name: str, do: Callable[[Path], None]) -> None:
        try:
            do(self.folder / f"{name}.log")
        except ChildFailed as error:
            raise TrainingError(f"nnU-Net failed to {name} {self.task} ({error})") from error

    def _export(self, data: TaskData) -> None:
        """The raw data set, and our split where nnU-Net looks for one."""
        shutil.rmtree(self.folder / "raw", ignore_errors=True)
        splits = export(data, self.folder / "raw" / NAME)
        preprocessed = self.folder / "preprocessed" / NAME
        preprocessed.mkdir(parents=True, exist_ok=True)
        (preprocessed / "splits_final.json").write_text(json.dumps(splits))

    def _tidy(self) -> None:
        """Keep logs, plans and curves; images and checkpoints take half a gigabyte, and go with the marks."""
        for name in ("raw", "preprocessed"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in (*self.folder.rglob("*.pth"), *self.folder.glob("*.done")):
            path.unlink()


class ChildFailed(RuntimeError):
    """A child process has failed; the message is the last line of its log, and the log's name."""


def require_nnunet() -> None:
    """Raise TrainingError where nnunetv2 is not installed."""
    if find_spec("nnunetv2") is None:
        raise TrainingError("nnU-Net is not installed: pip install -c constraints.txt 'segbench[nnunet]'")


def child(step: str, **given: Any) -> list[str]:
    """The command of a child process, with the arguments of its step."""
    return [sys.executable, "-m", "segbench.models.nnunet.child", step, json.dumps(given)]


def last_line(log: str) -> str:
    """What a log ends with: the exception, if it is that of a failure."""
    return next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "no message")


def _run(log: Path, step: str, where: dict[str, Any], **given: Any) -> None:
    with log.open("a") as stream:
        done = subprocess.run(child(step, **where, **given), stdout=stream, stderr=subprocess.STDOUT)
    if done.returncode:
        killed = f"killed by signal {-done.returncode}, maybe for lack of memory"
        reason = killed if done.returncode < 0 else last_line(log.read_text(errors="replace"))
        raise ChildFailed(f"{reason}; log: {log}")
