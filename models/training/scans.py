"""Training on scans with all their structures labelled, in sets of one subject (InterConv, section 4.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbench.datasets.scans import ScanData
from segbench.models.networks.interconv import SetNetwork
from segbench.models.registry import MODELS
from segbench.models.training.checkpointed import Checkpointed, TrainingError, initialise, proceed
from segbench.models.weights import trained_folder
from segbench.protocols.interactions import keyed_generator

SETS = 8  # in a batch


@dataclass(frozen=True)
class ScanPreset:
    """How a model is trained on scans.

    Attributes
    ----------
    width : int
        Features of the network.
    batches : int
        At most.
    patience : int or None
        Batches without a lower loss on the stopping scans after which a training ends; None ends it never.
    check : int
        Batches between two looks at the stopping scans.
    optimizer : {"adam", "sgd"}
        Adam at a constant rate; or as in nnU-Net: SGD with Nesterov momentum 0.99, weight decay 3e-5, a rate
        that decays as a polynomial of power 0.9, gradients of norm 12 at most.
    learning_rate : float
    """

    width: int
    batches: int
    patience: int | None
    check: int
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-4


def _pair(model: str, baseline: int, interconv: int, preset: ScanPreset) -> dict[str, ScanPreset]:
    """A baseline and the InterConv variant of equal size, trained alike."""
    widths = {model: baseline, f"{model}-interconv": interconv}
    return {name: replace(preset, width=width) for name, width in widths.items()}


_PAPER = ScanPreset(0, 1_000_000, patience=40_000, check=1000)
_NNUNET = ScanPreset(0, 250_000, patience=None, check=250, optimizer="sgd", learning_rate=1e-2)
_SMALL = ScanPreset(0, 1000, patience=300, check=50, learning_rate=3e-3)
_SMOKE = ScanPreset(0, 4, patience=2, check=2, learning_rate=1e-3)

# The paper trains every size of Table 4; ``--width`` takes the others.
SCAN_PRESETS: dict[str, dict[str, ScanPreset]] = {
    "paper": _pair("simpleunet", 100, 70, _PAPER)
    | _pair("swinunet", 96, 84, _PAPER)
    | _pair("nnunet2d", 32, 23, _NNUNET),
    "small": _pair("simpleunet", 24, 16, _SMALL)
    | _pair("swinunet", 24, 24, _SMALL)
    | _pair("nnunet2d", 8, 6, replace(_NNUNET, batches=1000, check=50)),
    "smoke": _pair("simpleunet", 4, 3, _SMOKE)
    | _pair("swinunet", 12, 12, _SMOKE)
    | _pair("nnunet2d", 4, 3, replace(_SMOKE, optimizer="sgd", patience=None)),
}


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


class ScanTraining(Checkpointed):
    """A training of one initialisation on one collection; parameters as for `train_on_scans`."""

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
        known = SCAN_PRESETS.get(preset, {}).get(model)
        if known is None:
            raise TrainingError(
                f"no training of {model!r} on scans by preset {preset!r}; models: "
                f"{', '.join(SCAN_PRESETS['small'])}; presets: {', '.join(SCAN_PRESETS)}"
            )
        self.preset = replace(known, width=width or known.width)
        self.data, self.seed, self.device, self.precision = data, seed, torch.device(device), precision
        self.images = torch.tensor(data.images)
        self.truth = torch.from_numpy(data.labels[:, 0].astype(np.int64))
        self.subjects = data.sets("train")
        self.best: dict[str, Tensor] = {}
        self.best_loss, self.best_batch, self.looked = float("inf"), 0, 0
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
        """Learn from eight sets, each all scans of a subject; look at the stopping scans now and then."""
        began = time.monotonic()
        order = keyed_generator(self.seed, "scans", index).permutation(len(self.subjects))[:SETS]
        sets = [self.subjects[number] for number in order]
        chosen = np.concatenate(sets)
        label = self.truth[chosen].to(self.device)
        with self._autocast():
            scales = self.network.deep(self._images(chosen), [len(one) for one in sets])
        loss = deep_loss(scales, label)
        self.require_finite(loss.item(), "loss", index)
        loss.backward()
        self.update(index, self._rate(index), most=12.0 if self.preset.optimizer == "sgd" else 1.0)
        row = {"batch": index, "loss": loss.item(), "dice": scan_dice(scales[0], label).mean().item()}
        if (index + 1) % self.preset.check == 0 or index + 1 == self.total:
            row["stopping_loss"] = self._look(index + 1)
        return row | {"seconds": time.monotonic() - began}

    def finished(self) -> bool:
        """Whether the loss on the stopping scans has not fallen for long."""
        patience = self.preset.patience
        return patience is not None and self.looked - self.best_batch >= patience

    def extra(self) -> dict[str, Any]:
        """The weights that did best on the stopping scans, and when."""
        best = {"best": self.best, "best_loss": self.best_loss, "best_batch": self.best_batch}
        return best | {"looked": self.looked}

    def restore(self, extra: dict[str, Any]) -> None:
        """Take up what `extra` gave."""
        self.best, self.best_loss, self.best_batch = extra["best"], extra["best_loss"], extra["best_batch"]
        self.looked = extra["looked"]

    def weights(self) -> dict[str, Tensor]:
        """The mean weights as they were when they did best on the stopping scans."""
        return self.best

    def about(self) -> dict[str, Any]:
        """Besides, the mean Dice on the performance-validation scans, to choose a width by."""
        self.average.module.load_state_dict(self.best)
        scores = torch.cat([scan_dice(*pair) for pair in self._predicted("val")])
        return self.configuration | {"val_dice": round(scores.mean().item(), 6)}

    def _network(self, adapter_class: Any) -> SetNetwork:
        """The untrained network, its weights drawn from the seed."""
        with torch.random.fork_rng(devices=[]):  # modules draw from torch's own generator
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

    def _images(self, chosen: np.ndarray) -> Tensor:
        return self.images[chosen].to(self.device).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _predicted(self, split: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits of the mean weights, and truth, of each set of a split."""
        for chosen in self.data.sets(split):
            with self._autocast():
                logits = self.average.module(self._images(chosen), (len(chosen),)).float()
            yield logits, self.truth[chosen].to(self.device)

    def _look(self, batches: int) -> float:
        """Loss on the stopping scans after so many batches; the best weights are kept."""
        losses = [scan_loss(*pair).item() * len(pair[1]) for pair in self._predicted("stopping-val")]
        loss = sum(losses) / len(self.data.indices("stopping-val"))
        self.looked = batches
        if loss < self.best_loss:
            state = self.average.module.state_dict()
            self.best = {name: value.clone() for name, value in state.items()}
            self.best_loss, self.best_batch = loss, batches
        return loss


def deep_loss(scales: Sequence[Tensor], label: Tensor) -> Tensor:
    """`scan_loss` of logits at every resolution there is, each with half the weight of the one above.

    nnU-Net's deep supervision: the lowest of several resolutions does not count. A network with one
    resolution has the plain loss.
    """
    counted = scales[:-1] or scales
    shares = [0.5**level for level in range(len(counted))]
    losses = [
        share * scan_loss(logits.float(), label[:, :: 2**level, :: 2**level])
        for level, (share, logits) in enumerate(zip(shares, counted, strict=True))
    ]
    return torch.stack(losses).sum() / sum(shares)


def scan_dice(logits: Tensor, label: Tensor) -> Tensor:
    """Dice of each scan, (N,): mean over the structures that are in its truth or its prediction."""
    classes = logits.shape[1]
    found, truth = (F.one_hot(x, classes)[..., 1:].flatten(1, 2) for x in (logits.argmax(1), label))
    size = (found + truth).sum(1)
    dice = 2 * (found & truth).sum(1) / size.clamp(min=1)
    there = size > 0
    return (dice * there).sum(1) / there.sum(1).clamp(min=1)


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
    """Train one initialisation of an automatic model on scans, or go on with it, and export its weights.

    Parameters
    ----------
    model : str
        Of ``SCAN_PRESETS``.
    preset : str
        A name of ``SCAN_PRESETS``.
    data : ScanData
    output : Path
        Folder of weights: the file is ``<task>/<model>-<width>-<seed>.safetensors`` in it, beside a folder
        of its checkpoint and log.
    seed : int
        Decides initial weights and order of the subjects.
    device : str
    precision : {"float32", "bfloat16"}
        Of the arithmetic (autocast); the weights are float32.
    width : int, optional
        Features of the network, where not those of the preset.

    Returns
    -------
    Path
        The exported weights: the running mean when it did best on the stopping scans.

    Raises
    ------
    TrainingError
        If there is no such schedule, a split is empty, the folder holds another training, the loss is not
        finite, or the checkpoint cannot be written.
    """
    for split in ("train", "stopping-val", "val"):
        if not len(data.indices(split)):
            raise TrainingError(f"{data.task} has no {split} scan, which a training needs")
    return proceed(ScanTraining(model, preset, data, output, seed, device, precision, width))
