"""Train nnU-Net on one task: export, plan, train and pack, resumable after each step."""

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
from segbench.models.weights import trained_folder, training_metadata

WIDTH = 32  # nnU-Net's number of features in the first stage


@dataclass(frozen=True)
class Training:
    """A training of a network on a task.

    Attributes
    ----------
    task : Task
    output : Path
        Folder of weights. It receives ``<task>/nnunet-32-<seed>.safetensors``; logs and intermediate files
        are in ``<task>/nnunet-<seed>``.
    schedule : Schedule
    seed : int
        Not negative.
    precision : {"float32", "bfloat16"}
        Precision on a CPU. On a GPU nnU-Net uses float16 where that is safe.
    """

    task: Task
    output: Path
    schedule: Schedule
    seed: int
    precision: str

    @property
    def folder(self) -> Path:
        """Folder of logs and intermediate files."""
        return trained_folder(self.task.name, str(self.output)) / f"nnunet-{self.seed}"

    @property
    def weights(self) -> Path:
        """The file of the finished network."""
        return self.folder.with_name(f"nnunet-{WIDTH}-{self.seed}.safetensors")

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        if self.weights.is_file():
            return self.schedule.epochs
        return int(self.counter.read_text() or 0) if self.counter.is_file() else 0

    @property
    def counter(self) -> Path:
        """File in which the trainer counts finished epochs."""
        return self.folder / "epochs"

    def run(self, data: TaskData, device: str, threads: int) -> Path:
        """Do the steps that are not done: export, plan, train and pack.

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
            File of the finished network.

        Raises
        ------
        TrainingError
            If nnU-Net is not installed, the folder holds another training, or a step fails (the message names
            the log).
        DataError
            If the task has no train or no validation image.
        """
        require_nnunet()
        metadata = self._metadata(data, device)
        if self.weights.is_file():
            self._require_equal(training_metadata(self.weights), metadata)
            self._remove_intermediate_files()  # the process may have been stopped before
            return self.weights
        self._create_folder(metadata)
        environment = {"device": device, "threads": threads, "folder": str(self.folder)}
        kind = device.partition(":")[0]
        options = asdict(self.schedule) | {"seed": self.seed, "precision": self.precision}
        options["counter"] = str(self.counter)
        self._do_once("export", lambda log: self._export(data))
        self._do_once("plan", lambda log: _run(log, "plan", environment))
        self._do_once("train", lambda log: _run(log, "train", environment, kind=kind, options=options))
        self._do(
            "pack", lambda log: _run(log, "pack", environment, metadata=metadata, target=str(self.weights))
        )
        self._remove_intermediate_files()
        return self.weights

    def _metadata(self, data: TaskData, device: str) -> dict[str, Any]:
        """Values that determine the outcome, and the schedule in words."""
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

    def _create_folder(self, metadata: dict[str, Any]) -> None:
        """Create the folder, or check that it belongs to this training."""
        config = self.folder / "training.json"
        if config.is_file():
            self._require_equal(json.loads(config.read_text()), metadata)
        self.folder.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps(metadata, indent=2))

    def _require_equal(self, found: dict[str, Any], metadata: dict[str, Any]) -> None:
        differing = [name for name, value in metadata.items() if found.get(name) != value]
        if differing:
            name = differing[0]
            raise TrainingError(
                f"{self.folder.parent} holds a training of {self.task} with another {name} "
                f"({found.get(name)}, not {metadata[name]}); choose another --output or --seed"
            )

    def _do_once(self, name: str, step: Callable[[Path], None]) -> None:
        """Do a step unless its file ``<name>.done`` exists."""
        done = self.folder / f"{name}.done"
        if not done.exists():
            self._do(name, step)
            done.touch()

    def _do(self, name: str, step: Callable[[Path], None]) -> None:
        try:
            step(self.folder / f"{name}.log")
        except ChildFailed as error:
            raise TrainingError(f"nnU-Net failed to {name} {self.task} ({error})") from error

    def _export(self, data: TaskData) -> None:
        """Write the raw data set, and our split where nnU-Net reads it."""
        shutil.rmtree(self.folder / "raw", ignore_errors=True)
        splits = export(data, self.folder / "raw" / NAME)
        preprocessed = self.folder / "preprocessed" / NAME
        preprocessed.mkdir(parents=True, exist_ok=True)
        (preprocessed / "splits_final.json").write_text(json.dumps(splits))

    def _remove_intermediate_files(self) -> None:
        """Remove images, checkpoints (half a gigabyte) and ``.done`` files; logs, plans and curves stay."""
        for name in ("raw", "preprocessed"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in (*self.folder.rglob("*.pth"), *self.folder.glob("*.done")):
            path.unlink()


class ChildFailed(RuntimeError):
    """A child process failed; the message holds the last line of its log and the log's path."""


def require_nnunet() -> None:
    """Raise TrainingError unless nnunetv2 is installed."""
    if find_spec("nnunetv2") is None:
        raise TrainingError("nnU-Net is not installed: pip install -c constraints.txt 'segbench[nnunet]'")


def child_command(step: str, **arguments: Any) -> list[str]:
    """Command line of a child process that does one step."""
    return [sys.executable, "-m", "segbench.models.nnunet.child", step, json.dumps(arguments)]


def last_line(log: str) -> str:
    """Last line of a log that is not empty: the exception, if the process failed."""
    return next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "no message")


def _run(log: Path, step: str, environment: dict[str, Any], **arguments: Any) -> None:
    with log.open("a") as stream:
        command = child_command(step, **environment, **arguments)
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT)
    if done.returncode:
        killed = f"killed by signal {-done.returncode}, possibly for lack of memory"
        reason = killed if done.returncode < 0 else last_line(log.read_text(errors="replace"))
        raise ChildFailed(f"{reason}; log: {log}")
