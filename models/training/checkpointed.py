"""Base of all trainings: updates, a log, and checkpoints from which a training continues."""

from __future__ import annotations

import csv
import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from segbench.errors import SegbenchError
from segbench.files import require_regular
from segbench.text import significant

SAVE_INTERVAL = 60.0  # seconds between checkpoints
HORIZON = 300  # updates that the running mean of the weights covers by default


class TrainingError(SegbenchError, RuntimeError):
    """A training cannot continue."""


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions (He et al., 2015) and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.1, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def running_mean(network: nn.Module, horizon: int) -> AveragedModel:
    """Running mean of a network's weights: the plain mean at first, exponential after `horizon` updates.

    Small batches make the weights noisy. At a high learning rate, their mean segments far better.
    """

    def update(means: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        share = max(1 / horizon, 1 / (float(count) + 1))  # read once: reading from a GPU waits for it
        for mean, value in zip(means, values, strict=True):
            mean.lerp_(value, share)

    return AveragedModel(network, multi_avg_fn=update)


class CheckpointedTraining:
    """A training, new or resumed: network, optimiser, checkpoint and log.

    A subclass defines `batch`. It may extend the checkpoint (`extra_state`, `load_extra_state`), stop early
    (`should_stop`) and export other weights (`final_weights`) or metadata (`metadata`).

    Parameters
    ----------
    exported : Path
        File of the final weights, ``<name>.safetensors``.
    output : Path
        Folder of ``checkpoint.pt`` and ``log.csv``.
    configuration : dict
        Everything that decides the outcome; a checkpoint with another configuration is refused.
    network : nn.Module
        In training mode, on its device.
    optimizer : torch.optim.Optimizer
    columns : sequence of str
        Columns of the log after ``batch``.
    total : int
        Largest number of batches.
    horizon : int
        Updates that the running mean of the weights covers.

    Raises
    ------
    TrainingError
        If the folder holds another training or a damaged checkpoint.
    """

    def __init__(
        self,
        exported: Path,
        output: Path,
        configuration: dict[str, Any],
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        columns: Sequence[str],
        total: int,
        horizon: int = HORIZON,
    ) -> None:
        self.exported, self.output, self.configuration = exported, output, configuration
        self.network, self.optimizer, self.total = network, optimizer, total
        self.mean = running_mean(network, horizon)
        self.columns = ["batch", *columns]
        output.mkdir(parents=True, exist_ok=True)
        self.checkpoint, self.log_file = output / "checkpoint.pt", output / "log.csv"
        self.done = self._resume()

    def batch(self, index: int) -> dict[str, float]:
        """Learn from one batch; return the row of the log."""
        raise NotImplementedError

    def extra_state(self) -> dict[str, Any]:
        """State of the subclass for the checkpoint."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore `extra_state` from a checkpoint."""

    def should_stop(self) -> bool:
        """Whether the training ends before all batches."""
        return False

    def final_weights(self) -> dict[str, Tensor]:
        """Weights for the export: their running mean."""
        return self.mean.module.state_dict()

    def metadata(self) -> dict[str, Any]:
        """Description of the training for the header of the exported file."""
        return self.configuration

    def save(self, done: int) -> None:
        """Replace the checkpoint by one after `done` batches.

        Raises
        ------
        TrainingError
            If it cannot be written, for example to a full disk; the last checkpoint is kept.
        """
        state = {
            "configuration": self.configuration,
            "batch": done,
            "network": self.network.state_dict(),
            "average": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **self.extra_state(),
        }
        with atomic_write(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def log(self, row: dict[str, float]) -> None:
        """Append a row to ``log.csv``; columns without a value stay empty."""
        new = not (self.log_file.is_file() and self.log_file.stat().st_size)
        with _write_errors(self.log_file), self.log_file.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns)
            if new:
                writer.writeheader()
            writer.writerow({name: significant(value, 6) for name, value in row.items()})

    def export(self) -> Path:
        """Write the final weights."""
        return write_weights(self.exported, self.final_weights(), self.metadata())

    def require_finite(self, value: float, quantity: str, index: int) -> None:
        """Raise `TrainingError` if a loss or a gradient is not finite."""
        if not math.isfinite(value):
            raise TrainingError(
                f"the {quantity} of batch {index} is not finite; the last checkpoint is kept in {self.output}"
            )

    def update(self, index: int, rate: float, max_norm: float = 1.0) -> None:
        """Take one step of the optimiser at a learning rate, with clipped gradients."""
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), max_norm)
        self.require_finite(norm.item(), "gradient", index)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.mean.update_parameters(self.network)
        self.optimizer.zero_grad(set_to_none=True)

    def _resume(self) -> int:
        """Load the last checkpoint, if there is one; return the number of finished batches."""
        if not self.checkpoint.is_file():
            return 0
        device = next(self.network.parameters()).device
        try:
            state = torch.load(self.checkpoint, map_location=device, weights_only=True)
            configuration = state["configuration"]
        except Exception as error:  # torch has many errors for damaged files
            raise TrainingError(f"{self.checkpoint} is damaged; delete it to start again") from error
        if configuration != self.configuration:
            raise TrainingError(
                f"{self.output} holds a training of another configuration; choose another --output"
            )
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.load_extra_state(state)
        self._truncate_log(state["batch"])
        return state["batch"]

    def _truncate_log(self, done: int) -> None:
        """Remove the rows of batches after the checkpoint, which will run again."""
        if not self.log_file.is_file():
            return
        header, *rows = self.log_file.read_text().splitlines(keepends=True) or [""]
        rows = [row for row in rows if int(row.split(",")[0]) < done]
        with atomic_write(self.log_file) as temporary:
            temporary.write_text("".join([header, *rows]))


def write_weights(path: Path, weights: dict[str, Tensor], metadata: dict[str, Any]) -> Path:
    """Write weights as safetensors in float16, with the metadata of their training in the header."""
    from safetensors.torch import save_file

    halves = {name: value.half().contiguous().cpu() for name, value in weights.items()}
    with atomic_write(path) as temporary:
        save_file(halves, temporary, metadata={"training": json.dumps(metadata)})
    path.chmod(0o644)
    return path


def export_checkpoint(folder: Path) -> Path:
    """Export the running mean of the weights from a training's last checkpoint.

    The training may run meanwhile.

    Parameters
    ----------
    folder : Path
        The output folder of the training.

    Returns
    -------
    Path
        ``<model>-<batches>.safetensors`` in the folder.

    Raises
    ------
    TrainingError
        If the checkpoint cannot be read.
    """
    path = folder / "checkpoint.pt"
    try:
        state = torch.load(require_regular(path), map_location="cpu", weights_only=True)
        done, configuration, mean = state["batch"], state["configuration"], state["average"]
    except Exception as error:  # torch has many errors for damaged files
        raise TrainingError(f"{path} cannot be read; give the folder of a training") from error
    prefix = "module."  # of the weights in an AveragedModel
    weights = {name.removeprefix(prefix): value for name, value in mean.items() if name.startswith(prefix)}
    exported = folder / f"{configuration['model']}-{done}.safetensors"
    return write_weights(exported, weights, configuration | {"batches": done})


def run_training(training: CheckpointedTraining) -> Path:
    """Run a training to its end with a progress bar, and export its weights."""
    from tqdm import tqdm

    saved, total = time.monotonic(), training.total
    batches = range(training.done, total)
    for index in tqdm(batches, initial=training.done, total=total, desc=f"train {training.exported.stem}"):
        if training.should_stop():
            break
        training.log(training.batch(index))
        if time.monotonic() - saved > SAVE_INTERVAL or index + 1 == total or training.should_stop():
            training.save(index + 1)
            saved = time.monotonic()
    return training.export()


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turn every error of writing a file into a `TrainingError`."""
    try:
        yield
    except Exception as error:  # torch and safetensors have their own errors for a full disk
        free = shutil.disk_usage(path.parent).free / 2**20
        raise TrainingError(
            f"{path} cannot be written ({free:.0f} MiB are free); the last version is kept"
        ) from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path; its file replaces `path` after the block."""
    temporary = path.with_suffix(".tmp")
    with _write_errors(path):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
