"""Training on scans with labels of all structures, in sets of one subject (InterConv, section 4.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.datasets.scans import ScanData
from segbench.models.networks.interconv import SetNetwork
from segbench.models.registry import MODELS
from segbench.models.training.checkpointed import (
    CheckpointedTraining,
    TrainingError,
    initialise,
    run_training,
)
from segbench.models.training.presets import SCAN_PRESETS
from segbench.models.weights import trained_folder
from segbench.randomness import keyed_generator

SETS = 8  # of a batch


def scan_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Soft Dice loss over the structures of each image plus cross-entropy, mean over images (equation 6).

    Parameters
    ----------
    logits : (N, classes, H, W)
    label : int64 (N, H, W)
    """
    shares = logits.softmax(dim=1)[:, 1:]
    truth = F.one_hot(label, logits.shape[1]).movedim(-1, 1)[:, 1:].to(shares.dtype)
    overlap = (shares * truth).sum((2, 3))
    size = shares.sum((2, 3)) + truth.sum((2, 3))
    return (1 - (2 * overlap + 1) / (size + 1)).mean() + F.cross_entropy(logits, label)


class ScanTraining(CheckpointedTraining):
    """A training of one initialisation on one data set; parameters as for `train_on_scans`."""

    network: SetNetwork

    def __init__(
        self,
        model: str,
        preset: str,
        data: ScanData,
        output: Path,
        seed: int,
        device: str,
        precision: str,
        width: int | None,
    ) -> None:
        schedule = SCAN_PRESETS.get(preset, {}).get(model)
        if schedule is None:
            raise TrainingError(
                f"no training of {model!r} on scans by preset {preset!r}; models: "
                f"{', '.join(SCAN_PRESETS['small'])}; presets: {', '.join(SCAN_PRESETS)}"
            )
        self.preset = replace(schedule, width=width or schedule.width)
        self.data, self.seed, self.device, self.precision = data, seed, torch.device(device), precision
        self.images = torch.tensor(data.images)
        self.truth = torch.from_numpy(data.labels[:, 0].astype(np.int64))
        self.subjects = data.sets("train")
        self.best: dict[str, Tensor] = {}
        self.best_loss, self.best_batch, self.last_check = float("inf"), 0, 0
        folder = trained_folder(data.task.name, str(output))
        name = f"{model}-{self.preset.width}-{seed}"
        configuration = {
            "model": model,
            "preset": asdict(self.preset),
            "seed": seed,
            "task": data.task.name,
            "data": data.fingerprint,
        }
        network = self._network(MODELS.get(model)).to(self.device).train()
        super().__init__(
            folder / f"{name}.safetensors",
            folder / name,
            configuration,
            network,
            self._optimizer(network),
            ["loss", "dice", "stopping_loss", "seconds"],
            self.preset.batches,
        )

    def batch(self, index: int) -> dict[str, float]:
        """Learn from eight sets, each all scans of a subject; check the stopping scans if due."""
        start = time.monotonic()
        order = keyed_generator(self.seed, "scans", index).permutation(len(self.subjects))[:SETS]
        sets = [self.subjects[number] for number in order]
        chosen = np.concatenate(sets)
        label = self.truth[chosen].to(self.device)
        with self._autocast():
            scales = self.network.deep(self._images(chosen), [len(indices) for indices in sets])
        loss = deep_loss(scales, label)
        self.require_finite(loss.item(), "loss", index)
        loss.backward()
        self.update(index, self._rate(index), max_norm=12.0 if self.preset.optimizer == "sgd" else 1.0)
        row = {"batch": index, "loss": loss.item(), "dice": scan_dice(scales[0], label).mean().item()}
        if (index + 1) % self.preset.check == 0 or index + 1 == self.total:
            row["stopping_loss"] = self._check(index + 1)
        return row | {"seconds": time.monotonic() - start}

    def should_stop(self) -> bool:
        """Whether the loss on the stopping scans has not fallen for the preset's patience."""
        patience = self.preset.patience
        return patience is not None and self.last_check - self.best_batch >= patience

    def extra_state(self) -> dict[str, Any]:
        """Best weights on the stopping scans, their loss and batch, and the batch of the last check."""
        best = {"best": self.best, "best_loss": self.best_loss, "best_batch": self.best_batch}
        return best | {"looked": self.last_check}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore `extra_state`."""
        self.best, self.best_loss, self.best_batch = state["best"], state["best_loss"], state["best_batch"]
        self.last_check = state["looked"]

    def final_weights(self) -> dict[str, Tensor]:
        """The running mean of the weights when its loss on the stopping scans was lowest."""
        return self.best

    def metadata(self) -> dict[str, Any]:
        """Configuration, and the mean Dice on the performance-validation scans, which selects a width."""
        self.mean.module.load_state_dict(self.best)
        scores = torch.cat([scan_dice(*pair) for pair in self._predictions("val")])
        return self.configuration | {"val_dice": round(scores.mean().item(), 6)}

    def _network(self, adapter_class: Any) -> SetNetwork:
        """An untrained network with weights from the seed."""
        with torch.random.fork_rng(devices=[]):  # modules draw from torch's global generator
            torch.manual_seed(self.seed)
            network: SetNetwork = adapter_class.network_class(
                self.preset.width, adapter_class.channels, self.data.classes, adapter_class.interconv
            )
        initialise(network, torch.Generator().manual_seed(self.seed))
        return network

    def _optimizer(self, network: SetNetwork) -> torch.optim.Optimizer:
        if self.preset.optimizer == "adam":
            return torch.optim.Adam(network.parameters(), self.preset.learning_rate)
        return torch.optim.SGD(
            network.parameters(), self.preset.learning_rate, momentum=0.99, nesterov=True, weight_decay=3e-5
        )

    def _rate(self, index: int) -> float:
        if self.preset.optimizer == "adam":
            return self.preset.learning_rate
        return self.preset.learning_rate * (1 - index / self.total) ** 0.9

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def _images(self, indices: np.ndarray) -> Tensor:
        return self.images[indices].to(self.device).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _predictions(self, split: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits of the mean weights, and truth, of each set of a split."""
        for indices in self.data.sets(split):
            with self._autocast():
                logits = self.mean.module(self._images(indices), (len(indices),)).float()
            yield logits, self.truth[indices].to(self.device)

    def _check(self, batches: int) -> float:
        """Compute the loss on the stopping scans after a number of batches, and keep the best weights."""
        losses = [scan_loss(*pair).item() * len(pair[1]) for pair in self._predictions("stopping-val")]
        loss = sum(losses) / len(self.data.indices("stopping-val"))
        self.last_check = batches
        if loss < self.best_loss:
            state = self.mean.module.state_dict()
            self.best = {name: value.clone() for name, value in state.items()}
            self.best_loss, self.best_batch = loss, batches
        return loss


def deep_loss(scales: Sequence[Tensor], label: Tensor) -> Tensor:
    """Mean of `scan_loss` over all resolutions, each with half the weight of the next higher one.

    This is nnU-Net's deep supervision: the lowest of several resolutions has no weight.
    """
    weighted = scales[:-1] or scales
    weights = [0.5**level for level in range(len(weighted))]
    losses = [
        weight * scan_loss(logits.float(), label[:, :: 2**level, :: 2**level])
        for level, (weight, logits) in enumerate(zip(weights, weighted, strict=True))
    ]
    return torch.stack(losses).sum() / sum(weights)


def scan_dice(logits: Tensor, label: Tensor) -> Tensor:
    """Dice of each scan, (N,): mean over the structures in its truth or its prediction."""
    classes = logits.shape[1]
    predicted, truth = (F.one_hot(x, classes)[..., 1:].flatten(1, 2) for x in (logits.argmax(1), label))
    size = (predicted + truth).sum(1)
    dice = 2 * (predicted & truth).sum(1) / size.clamp(min=1)
    present = size > 0
    return (dice * present).sum(1) / present.sum(1).clamp(min=1)


def train_on_scans(
    model: str,
    preset: str,
    data: ScanData,
    output: Path,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "bfloat16",
    width: int | None = None,
) -> Path:
    """Train one initialisation of an automatic model on scans, or continue it, and export its weights.

    Parameters
    ----------
    model : str
        An automatic model of ``SCAN_PRESETS``.
    preset : str
        A name of ``SCAN_PRESETS``.
    data : ScanData
    output : Path
        Folder of weights: it will contain ``<task>/<model>-<width>-<seed>.safetensors``, and a folder of the
        same name with checkpoint and log.
    seed : int
        Decides the initial weights and the order of the subjects.
    device : str
    precision : {"float32", "bfloat16"}
        Precision of the arithmetic (autocast); the weights are float32.
    width : int, optional
        Features of the network, instead of the preset's.

    Returns
    -------
    Path
        The exported weights: their running mean at its lowest loss on the stopping scans.

    Raises
    ------
    TrainingError
        If there is no such schedule, a split is empty, the folder holds another training, the loss is not
        finite, or the checkpoint cannot be written.
    """
    for split in ("train", "stopping-val", "val"):
        if not len(data.indices(split)):
            raise TrainingError(f"{data.task} has no {split} scan; a training needs all splits")
    return run_training(ScanTraining(model, preset, data, output, seed, device, precision, width))
