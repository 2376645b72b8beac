"""What every training shares: updates, a log, and a checkpoint from which it goes on after a stop."""

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

SAVE_EVERY = 60.0  # seconds
HORIZON = 300  # updates that the average of the weights looks back on


class TrainingError(SegbenchError, RuntimeError):
    """Training cannot go on; the message is one sentence that says what to do."""


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions (He et al., 2015) and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.1, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def averaged(network: nn.Module) -> AveragedModel:
    """Running mean of a network's weights, exponential once there are more updates than the horizon.

    Batches of a few images leave the weights noisy; their mean segments far better at a high learning rate.
    """

    def mean(averages: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        share = max(1 / HORIZON, 1 / (float(count) + 1))  # once an update: on a GPU, reading the count waits
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, share)

    return AveragedModel(network, multi_avg_fn=mean)


class Checkpointed:
    """A training, new or resumed: network, optimiser and what is on disk.

    A subclass says what is learnt from a batch (``batch``), and what else its checkpoint holds (``extra``,
    ``restore``).

    Parameters
    ----------
    exported : Path
        The file that the weights are exported to, ``<name>.safetensors``.
    output : Path
        Folder of ``checkpoint.pt`` and ``log.csv``.
    configuration : dict
        All that decides the outcome; a checkpoint of another one is refused.
    network : nn.Module
        In training mode, on its device.
    optimizer : torch.optim.Optimizer
    columns : sequence of str
        Of the log, after ``batch``.
    total : int
        Batches at most.

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
    ) -> None:
        self.exported, self.output, self.configuration = exported, output, configuration
        self.network, self.optimizer, self.total = network, optimizer, total
        self.average = averaged(network)
        self.columns = ["batch", *columns]
        output.mkdir(parents=True, exist_ok=True)
        self.checkpoint, self.rows = output / "checkpoint.pt", output / "log.csv"
        self.done = self._resume()

    def batch(self, index: int) -> dict[str, float]:
        """Learn from one batch; returns the row of the log."""
        raise NotImplementedError

    def extra(self) -> dict[str, Any]:
        """What a checkpoint holds besides weights and optimiser."""
        return {}

    def restore(self, extra: dict[str, Any]) -> None:
        """Take up what `extra` gave."""

    def finished(self) -> bool:
        """Whether there is no use in further batches."""
        return False

    def weights(self) -> dict[str, Tensor]:
        """The tensors that are exported: the mean weights."""
        return self.average.module.state_dict()

    def about(self) -> dict[str, Any]:
        """What the exported file says of its training."""
        return self.configuration

    def save(self, done: int) -> None:
        """Write the checkpoint beside the last one, then take its place.

        Raises
        ------
        TrainingError
            If it cannot be written, on a full disk say; the last checkpoint is kept.
        """
        state = {
            "configuration": self.configuration,
            "batch": done,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **self.extra(),
        }
        with written(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def log(self, row: dict[str, float]) -> None:
        """One row of ``log.csv``; what a batch has no number for stays empty."""
        new = not (self.rows.is_file() and self.rows.stat().st_size)
        with _explained(self.rows), self.rows.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns)
            if new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

    def export(self) -> Path:
        """Write the weights as safetensors in float16, the training's configuration in the header."""
        from safetensors.torch import save_file

        weights = {name: value.half().contiguous().cpu() for name, value in self.weights().items()}
        with written(self.exported) as temporary:
            save_file(weights, temporary, metadata={"training": json.dumps(self.about())})
        self.exported.chmod(0o644)
        return self.exported

    def require_finite(self, value: float, what: str, index: int) -> None:
        """Raise `TrainingError` at a loss or gradient that is no number."""
        if not math.isfinite(value):
            raise TrainingError(
                f"the {what} of batch {index} is not finite; the last checkpoint is kept in {self.output}"
            )

    def update(self, index: int, rate: float, most: float = 1.0) -> None:
        """One step of the optimiser at a learning rate, with gradients of norm ``most`` at most."""
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), most)
        self.require_finite(norm.item(), "gradient", index)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.optimizer.zero_grad(set_to_none=True)

    def _resume(self) -> int:
        """Load the last checkpoint, if there is one; returns the batch to go on with."""
        if not self.checkpoint.is_file():
            return 0
        device = next(self.network.parameters()).device
        try:
            state = torch.load(self.checkpoint, map_location=device, weights_only=True)
            found = state["configuration"]
        except Exception as error:  # each kind of damage has an error of its own
            raise TrainingError(f"{self.checkpoint} is damaged; delete it to begin anew") from error
        if found != self.configuration:
            raise TrainingError(
                f"{self.output} holds a training of another configuration; choose another --output"
            )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.restore(state)
        self._forget_rows(state["batch"])
        return state["batch"]

    def _forget_rows(self, done: int) -> None:
        """Take the rows of batches that the checkpoint does not know out of the log; they are run again."""
        if not self.rows.is_file():
            return
        header, *rows = self.rows.read_text().splitlines(keepends=True) or [""]
        kept = [row for row in rows if int(row.split(",")[0]) < done]
        with written(self.rows) as temporary:
            temporary.write_text("".join([header, *kept]))


def proceed(training: Checkpointed) -> Path:
    """Run a training to its end, with a progress bar, and export its weights."""
    from tqdm import tqdm

    saved, total = time.monotonic(), training.total
    batches = range(training.done, total)
    for index in tqdm(batches, initial=training.done, total=total, desc=f"train {training.exported.stem}"):
        if training.finished():
            break
        training.log(training.batch(index))
        if time.monotonic() - saved > SAVE_EVERY or index + 1 == total or training.finished():
            training.save(index + 1)
            saved = time.monotonic()
    return training.export()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever writing a file raises into one sentence."""
    try:
        yield
    except Exception as error:  # torch and safetensors have errors of their own for a full disk
        free = shutil.disk_usage(path.parent).free / 2**20
        raise TrainingError(
            f"{path} cannot be written ({free:.0f} MiB are free); what was saved before is kept"
        ) from error


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary path whose file takes the place of `path` once all is written."""
    temporary = path.with_suffix(".tmp")
    with _explained(path):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
