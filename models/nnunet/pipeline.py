"""One task from its images to a trained network, by steps of which none is done twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from datasets.task import Task, TaskData
from models.nnunet.raw import NAME, export
from models.nnunet.schedule import Schedule
from models.training.checkpointed import TrainingError
from models.weights import trained_folder, training_of

AUGMENTERS = 12  # processes that augment for a GPU at most, nnU-Net's own number
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
        counter = self.folder / "epochs"  # which the trainer writes
        return int(counter.read_text() or 0) if counter.is_file() else 0

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
            return self.weights
        self._begin(about)
        environment = self._environment(device, threads)
        self._step("export", lambda log: self._export(data))
        self._step("plan", lambda log: _run(log, environment, "plan"))
        augmenters = 0 if device == "cpu" else min(AUGMENTERS, threads)
        training = environment | {"nnUNet_n_proc_DA": str(augmenters)}
        self._step("train", lambda log: _run(log, training, "train", device.partition(":")[0]))
        _run(self.folder / "pack.log", environment, "pack", json.dumps(about), str(self.weights))
        self._tidy()
        return self.weights

    def _about(self, data: TaskData, device: str) -> dict[str, Any]:
        """All that decides the outcome, and how long it was trained in words."""
        return {
            "task": self.task.name,
            "fingerprint": data.fingerprint,
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

    def _step(self, name: str, do: Callable[[Path], None]) -> None:
        """Do a step unless its mark says that it is done."""
        done = self.folder / f"{name}.done"
        if not done.exists():
            try:
                do(self.folder / f"{name}.log")
            except ChildFailed as error:
                raise TrainingError(f"nnU-Net failed to {name} {self.task} ({error})") from error
            done.touch()

    def _export(self, data: TaskData) -> None:
        """The raw data set, and our split where nnU-Net looks for one."""
        shutil.rmtree(self.folder / "raw", ignore_errors=True)
        splits = export(data, self.folder / "raw" / NAME)
        preprocessed = self.folder / "preprocessed" / NAME
        preprocessed.mkdir(parents=True, exist_ok=True)
        (preprocessed / "splits_final.json").write_text(json.dumps(splits))

    def _environment(self, device: str, threads: int) -> dict[str, str]:
        """Of the child processes; this one's own stays as it is."""
        environment = {
            **os.environ,
            **{f"nnUNet_{name}": str(self.folder / name) for name in ("raw", "preprocessed", "results")},
            "nnUNet_extTrainer": str(Path(__file__).parent / "trainer"),
            "nnUNet_def_n_proc": str(threads),
            "nnUNet_n_proc_DA": str(threads),
            "SEGBENCH_TRAINING": json.dumps(
                asdict(self.schedule)
                | {"seed": self.seed, "precision": self.precision, "counter": str(self.folder / "epochs")}
            ),
        }
        return environment | visible(device)

    def _tidy(self) -> None:
        """Keep logs, plans and curves; images and checkpoints take half a gigabyte."""
        for name in ("raw", "preprocessed"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for checkpoint in self.folder.rglob("*.pth"):
            checkpoint.unlink()


class ChildFailed(RuntimeError):
    """A child process has failed; the message is the last line of its log, and the log's name."""


def require_nnunet() -> None:
    """Raise TrainingError where nnunetv2 is not installed."""
    if find_spec("nnunetv2") is None:
        raise TrainingError("nnU-Net is not installed: pip install -c constraints.txt 'segbench[nnunet]'")


def visible(device: str) -> dict[str, str]:
    """What makes a device the only one of a child process, for its environment."""
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": "", "nnUNet_compile": "f"}
    number = int(device.partition(":")[2] or 0)
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"CUDA_VISIBLE_DEVICES": allowed.split(",")[number] if allowed else str(number)}


def child(*words: str) -> list[str]:
    """The command of a child process."""
    return [sys.executable, "-m", "models.nnunet.child", *words]


def last_line(log: str) -> str:
    """What a log ends with: the exception, if it is that of a failure."""
    return next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "no message")


def _run(log: Path, environment: dict[str, str], *words: str) -> None:
    with log.open("a") as stream:
        done = subprocess.run(child(*words), env=environment, stdout=stream, stderr=subprocess.STDOUT)
    if done.returncode:
        raise ChildFailed(f"{last_line(log.read_text(errors='replace'))}; log: {log}")
