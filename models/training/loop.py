"""Training on synthetic tasks (MultiverSeg, Algorithm 1), resumable from its last checkpoint."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.network_adapter import NetworkAdapter
from models.registry import MODELS
from models.training.presets import PRESETS, Stage
from models.training.prompts import Annotator, interactions
from models.training.synthetic import synthetic_tasks
from protocols.adapter import Context, Query
from protocols.interactions import keyed_generator

SAVE_EVERY = 60.0  # seconds


class TrainingError(RuntimeError):
    """Training cannot go on; the message is one sentence that says what to do."""


def soft_dice_and_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Soft Dice loss plus binary cross-entropy, mean over the batch; both (B, 1, H, W)."""
    probability = torch.sigmoid(logits)
    overlap = (probability * label).sum((1, 2, 3))
    size = probability.sum((1, 2, 3)) + label.sum((1, 2, 3))
    dice = 1 - (2 * overlap + 1) / (size + 1)
    return dice.mean() + F.binary_cross_entropy_with_logits(logits, label)


def hard_dice(logits: Tensor, label: Tensor) -> Tensor:
    """Dice of the thresholded prediction of each image: (B,)."""
    mask, truth = logits > 0, label > 0.5
    size = mask.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    return torch.where(size > 0, 2 * (mask & truth).sum((1, 2, 3)) / size.clamp(min=1), 1.0)


def batch(stage: Stage, seed: int, index: int, device: torch.device) -> tuple[Tensor, Tensor, Context | None]:
    """Images and labels (B, 1, H, W) and their context; the same for the same seed and index."""
    rng = keyed_generator(seed, "training", index)
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    if not stage.context:  # two members of each task, so that layers and poses vary within a batch
        images, labels = synthetic_tasks(generator, stage.tasks // 2, 2, stage.side)
        return images.flatten(0, 1), labels.flatten(0, 1), None
    size = int(rng.integers(1, stage.context + 1))
    images, labels = synthetic_tasks(generator, stage.tasks, size + 1, stage.side)
    return images[:, 0], labels[:, 0], Context(images[:, 1:], labels[:, 1:])


def episode(
    adapter: NetworkAdapter, stage: Stage, seed: int, index: int, precision: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and label (B, 1, H, W) of each step of interactive segmentation of one batch.

    The caller updates the network between steps; what it predicted is fed back without gradients.
    """

    def forward(query: Query) -> Tensor:
        with torch.autocast(adapter.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            return adapter.forward(query).float()

    image, label, context = batch(stage, seed, index, adapter.device)
    truths = label[:, 0].bool().cpu().numpy()
    annotators = [
        Annotator(truth, keyed_generator(seed, "prompts", index, position))
        for position, truth in enumerate(truths)
    ]
    query = Query(image, context=context)
    if context is not None:
        logits = forward(query)
        yield logits, label
        query = Query(image, None, logits.detach(), context)
    for _ in range(stage.steps):
        if query.previous_logits is None:
            for annotator in annotators:
                annotator.start()
        else:
            predictions = (query.previous_logits[:, 0] > 0).cpu().numpy()
            for annotator, prediction in zip(annotators, predictions, strict=True):
                annotator.correct(prediction)
        query = Query(image, interactions(annotators, image), query.previous_logits, context)
        logits = forward(query)
        yield logits, label
        query = Query(image, None, logits.detach(), context)


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions (He et al., 2015) and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.1, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Training:
    """One training, new or resumed: network, optimiser and what is on disk.

    Parameters as for `train`.
    """

    def __init__(self, model: str, preset: str, output: Path, seed: int, device: str, precision: str) -> None:
        if preset not in PRESETS or model not in PRESETS[preset]:
            raise TrainingError(
                f"no training of {model!r} by preset {preset!r}; models: {', '.join(PRESETS['small'])}; "
                f"presets: {', '.join(PRESETS)}"
            )
        self.model, self.output, self.seed, self.precision = model, output, seed, precision
        self.preset = PRESETS[preset][model]
        self.configuration = {"model": model, "preset": asdict(self.preset), "seed": seed}
        self.schedule = [stage for stage in self.preset.stages for _ in range(stage.batches)]
        adapter_class = MODELS.get(model)
        network = adapter_class.network_class(self.preset.width)
        initialise(network, torch.Generator().manual_seed(seed))
        self.adapter: NetworkAdapter = adapter_class(network, device)
        self.network = self.adapter.network.train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.preset.learning_rate)
        output.mkdir(parents=True, exist_ok=True)
        self.checkpoint = output / "checkpoint.pt"
        self.done = self._resume()

    def batch(self, index: int) -> dict[str, float]:
        """Learn from one batch, one update a prediction; returns the row of the log."""
        stage, began = self.schedule[index], time.monotonic()
        row: dict[str, float] = {"batch": index, "side": stage.side}
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(index / len(self.schedule))
        for step, (logits, label) in enumerate(
            episode(self.adapter, stage, self.seed, index, self.precision)
        ):
            loss = soft_dice_and_cross_entropy(logits, label)
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    f"the loss of batch {index} is not finite; the last checkpoint is kept in {self.output}"
                )
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            row |= {f"loss_{step}": loss.item(), f"dice_{step}": hard_dice(logits, label).mean().item()}
        return row | {"seconds": time.monotonic() - began}

    def save(self, done: int) -> None:
        """Write the checkpoint beside the last one, then take its place."""
        state = {
            "configuration": self.configuration,
            "batch": done,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def log(self, row: dict[str, float]) -> None:
        """One row of ``log.csv``; a stage with fewer predictions leaves columns empty."""
        predictions = max(stage.steps + bool(stage.context) for stage in self.preset.stages)
        losses = [f"{what}_{step}" for step in range(predictions) for what in ("loss", "dice")]
        path = self.output / "log.csv"
        new = not path.is_file()
        with path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, ["batch", "side", "seconds", *losses])
            if new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

    def export(self) -> Path:
        """Write the weights as safetensors."""
        from safetensors.torch import save_file

        path = self.output / f"{self.model}.safetensors"
        save_file({name: value.contiguous() for name, value in self.network.state_dict().items()}, path)
        return path

    def _resume(self) -> int:
        """Load the last checkpoint, if there is one; returns the batch to go on with."""
        if not self.checkpoint.is_file():
            return 0
        state = torch.load(self.checkpoint, map_location=self.adapter.device, weights_only=True)
        if state["configuration"] != self.configuration:
            raise TrainingError(
                f"{self.output} holds a training of another configuration; choose another --output"
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        return state["batch"]

    def _rate(self, progress: float) -> float:
        """Learning rate after a share of the batches: a short warm-up, then down to a twentieth."""
        return self.preset.learning_rate * min(1.0, (progress + 1e-3) / 0.01) * (1 - 0.95 * progress)


def train(
    model: str, preset: str, output: Path, seed: int = 0, device: str = "cpu", precision: str = "bfloat16"
) -> Path:
    """Train a model, or go on with its training, and export its weights.

    Parameters
    ----------
    model : {"scribbleprompt", "universeg", "multiverseg"}
    preset : str
        A name of ``PRESETS``.
    output : Path
        Folder of ``checkpoint.pt``, ``log.csv`` (one row a batch) and ``<model>.safetensors``.
    seed : int
    device : str
    precision : {"float32", "bfloat16"}
        Of the arithmetic (autocast); the weights are float32.

    Returns
    -------
    Path
        The exported weights.

    Raises
    ------
    TrainingError
        If there is no such schedule, the folder holds another training, or the loss is not finite.
    """
    from tqdm import tqdm

    training = Training(model, preset, output, seed, device, precision)
    saved, total = time.monotonic(), len(training.schedule)
    for index in tqdm(range(training.done, total), initial=training.done, total=total, desc=f"train {model}"):
        training.log(training.batch(index))
        if time.monotonic() - saved > SAVE_EVERY or index + 1 == total:
            training.save(index + 1)
            saved = time.monotonic()
    return training.export()
