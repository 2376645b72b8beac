"""Training on synthetic tasks (MultiverSeg, Algorithm 1), resumable from its last checkpoint."""

from __future__ import annotations

import csv
import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from datasets.task import TaskData
from models.network_adapter import NetworkAdapter
from models.registry import MODELS
from models.training.augmentation import WITHIN_TASK, augment
from models.training.collection import Collection
from models.training.presets import PRESETS, Stage
from models.training.prompts import Annotator, interactions
from models.training.superpixels import superpixel_tasks
from models.training.synthetic import Sampler, synthetic_tasks
from models.training.widening import widen
from models.weights import file_checksum, load_state, weights_path
from protocols.adapter import Context, Query
from protocols.interactions import keyed_generator

SAVE_EVERY = 60.0  # seconds
HORIZON = 300  # updates that the average of the weights looks back on


class TrainingError(RuntimeError):
    """Training cannot go on; the message is one sentence that says what to do."""


def segmentation_loss(logits: Tensor, label: Tensor, gamma: float) -> Tensor:
    """Soft Dice loss plus focal loss, mean over the batch (section 5.1); both (B, 1, H, W).

    With ``gamma`` 0 the focal loss is the binary cross-entropy.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * label).sum((1, 2, 3))
    size = probability.sum((1, 2, 3)) + label.sum((1, 2, 3))
    dice = 1 - (2 * overlap + 1) / (size + 1)
    entropy = F.binary_cross_entropy_with_logits(logits, label, reduction="none")
    missing = torch.where(label > 0.5, 1 - probability, probability)
    return dice.mean() + (missing**gamma * entropy).mean()


def hard_dice(logits: Tensor, label: Tensor) -> Tensor:
    """Dice of the thresholded prediction of each image: (B,)."""
    mask, truth = logits > 0, label > 0.5
    size = mask.sum((1, 2, 3)) + truth.sum((1, 2, 3))
    return torch.where(size > 0, 2 * (mask & truth).sum((1, 2, 3)) / size.clamp(min=1), 1.0)


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions (He et al., 2015) and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.1, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _averaged(network: nn.Module) -> AveragedModel:
    """Running mean of a network's weights, exponential once there are more updates than the horizon.

    Batches of a few images leave the weights noisy; their mean segments far better at a high learning rate.
    """

    def mean(averages: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        share = max(1 / HORIZON, 1 / (float(count) + 1))  # once an update: on a GPU, reading the count waits
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, share)

    return AveragedModel(network, multi_avg_fn=mean)


class Training:
    """One training, new or resumed: network, optimiser and what is on disk.

    Parameters as for `train`.
    """

    def __init__(
        self,
        model: str,
        preset: str,
        output: Path,
        seed: int,
        device: str,
        precision: str,
        start: str | None,
        tasks: Sequence[TaskData],
    ) -> None:
        if preset not in PRESETS or model not in PRESETS[preset]:
            raise TrainingError(
                f"no training of {model!r} by preset {preset!r}; models: {', '.join(PRESETS['small'])}; "
                f"presets: {', '.join(PRESETS)}"
            )
        self.model, self.output, self.seed, self.precision = model, output, seed, precision
        self.preset = PRESETS[preset][model]
        self.draw = Collection(tasks, device) if tasks else synthetic_tasks
        first = weights_path(model, start) if start else None
        self.configuration = {
            "model": model,
            "preset": asdict(self.preset),
            "seed": seed,
            "start": first and file_checksum(first),
            "tasks": [data.task.name for data in tasks],
        }
        self.schedule = [stage for stage in self.preset.stages for _ in range(stage.batches)]
        adapter_class = MODELS.get(model)
        network = adapter_class.network_class(self.preset.width)
        generator = torch.Generator().manual_seed(seed)
        if first:
            self._continue(network, first, generator)
        else:
            initialise(network, generator)
        self.adapter: NetworkAdapter = adapter_class(network, device)
        self.network = self.adapter.network.train()
        self.average = _averaged(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.preset.learning_rate)
        output.mkdir(parents=True, exist_ok=True)
        self.checkpoint, self.rows = output / "checkpoint.pt", output / "log.csv"
        self.done = self._resume()

    def batch(self, index: int) -> dict[str, float]:
        """Learn from one batch; returns the row of the log."""
        stage, began = self.schedule[index], time.monotonic()
        row: dict[str, float] = {"batch": index, "side": stage.side}
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(index / len(self.schedule))
        for step, logits, label in self._episode(stage, index):
            loss = segmentation_loss(logits, label, self.preset.focal)
            self._require_finite(loss.item(), "loss", index)
            loss.backward()
            if not self.preset.chained:
                self._update(index)
            row |= {f"loss_{step}": loss.item(), f"dice_{step}": hard_dice(logits, label).mean().item()}
        if self.preset.chained:
            self._update(index)
        return row | {"seconds": time.monotonic() - began}

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
        }
        with _written(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def log(self, row: dict[str, float]) -> None:
        """One row of ``log.csv``; a stage with fewer predictions leaves columns empty."""
        predictions = max(stage.steps + bool(stage.context) for stage in self.preset.stages)
        losses = [f"{what}_{step}" for step in range(predictions) for what in ("loss", "dice")]
        new = not (self.rows.is_file() and self.rows.stat().st_size)
        with _explained(self.rows), self.rows.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, ["batch", "side", "seconds", *losses])
            if new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})

    def export(self) -> Path:
        """Write the mean weights as safetensors in float16, the training's configuration in the header."""
        from safetensors.torch import save_file

        path = self.output / f"{self.model}.safetensors"
        average = self.average.module.state_dict()
        weights = {name: value.half().contiguous() for name, value in average.items()}
        with _written(path) as temporary:
            save_file(weights, temporary, metadata={"training": json.dumps(self.configuration)})
        path.chmod(0o644)
        return path

    def _episode(self, stage: Stage, index: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Number, logits and label (B, 1, H, W) of each prediction of one batch.

        A model that takes a context makes number 0 from it alone; none where its context is empty. The
        network may be updated in between; what it predicted is fed back without gradients.
        """
        image, label, context = self._examples(stage, index)
        annotators = [
            Annotator(truth, keyed_generator(self.seed, "prompts", index, position), self.preset.single)
            for position, truth in enumerate(label[:, 0].bool().cpu().numpy())
        ]
        logits = None
        if context is not None:
            logits = self._forward(Query(image, context=context))
            yield 0, logits, label
        for step in range(stage.steps):
            previous = None if logits is None else logits.detach()
            _annotate(annotators, previous)
            logits = self._forward(Query(image, interactions(annotators, image), previous, context))
            yield step + bool(stage.context), logits, label

    def _forward(self, query: Query) -> Tensor:
        device = self.adapter.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self.adapter.forward(query).float()

    def _examples(self, stage: Stage, index: int) -> tuple[Tensor, Tensor, Context | None]:
        """Images and labels (B, 1, H, W) and their context; the same for the same seed and index."""
        rng = keyed_generator(self.seed, "training", index)
        generator = torch.Generator(self.adapter.device).manual_seed(int(rng.integers(2**62)))
        size = int(rng.integers(0 if stage.steps else 1, stage.context + 1))
        if not size:  # two members of each task, so that layers and poses vary within a batch
            targets = stage.targets(0)
            images, labels = self._tasks(generator, (targets + 1) // 2, 2, stage.side)
            return images.flatten(0, 1)[:targets], labels.flatten(0, 1)[:targets], None
        images, labels = self._tasks(generator, stage.targets(size), size + 1, stage.side)
        return images[:, 0], labels[:, 0], Context(images[:, 1:], labels[:, 1:])

    def _tasks(
        self, generator: torch.Generator, tasks: int, members: int, side: int
    ) -> tuple[Tensor, Tensor]:
        """Images and labels (tasks, members, 1, side, side): some made of superpixels, all augmented."""
        images, labels = self.draw(generator, tasks, members, side)
        replaced = Sampler(generator).chance(self.preset.superpixels, (tasks,))
        if replaced.any():
            images[replaced], labels[replaced] = superpixel_tasks(generator, images[replaced, 0], members)
        images, labels = augment(generator, images, labels, WITHIN_TASK, shared=False)
        return augment(generator, images, labels, self.preset.task_augmentations, shared=True)

    def _require_finite(self, value: float, what: str, index: int) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f"the {what} of batch {index} is not finite; the last checkpoint is kept in {self.output}"
            )

    def _update(self, index: int) -> None:
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._require_finite(norm.item(), "gradient", index)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.optimizer.zero_grad(set_to_none=True)

    def _continue(self, network: nn.Module, path: Path, generator: torch.Generator) -> None:
        """Take the weights of a trained network that is as wide or narrower."""
        network_class = MODELS.get(self.model).network_class
        state = load_state(network_class, path).state_dict()
        width = network_class.width_of(state)
        if width > self.preset.width:
            raise TrainingError(f"{path} holds a network of width {width}, more than {self.preset.width}")
        network.load_state_dict(widen(state, width, self.preset.width, generator))

    def _resume(self) -> int:
        """Load the last checkpoint, if there is one; returns the batch to go on with."""
        if not self.checkpoint.is_file():
            return 0
        try:
            state = torch.load(self.checkpoint, map_location=self.adapter.device, weights_only=True)
        except Exception as error:  # each kind of damage has an error of its own
            raise TrainingError(f"{self.checkpoint} is damaged; delete it to begin anew") from error
        if state["configuration"] != self.configuration:
            raise TrainingError(
                f"{self.output} holds a training of another configuration; choose another --output"
            )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._forget_rows(state["batch"])
        return state["batch"]

    def _forget_rows(self, done: int) -> None:
        """Take the rows of batches that the checkpoint does not know out of the log; they are run again."""
        if not self.rows.is_file():
            return
        header, *rows = self.rows.read_text().splitlines(keepends=True) or [""]
        kept = [row for row in rows if int(row.split(",")[0]) < done]
        with _written(self.rows) as temporary:
            temporary.write_text("".join([header, *kept]))

    def _rate(self, progress: float) -> float:
        """Learning rate after a share of the batches."""
        decay = 1 - (1 - self.preset.final_rate) * progress
        return self.preset.learning_rate * min(1.0, (progress + 1e-3) / 0.01) * decay


def _annotate(annotators: list[Annotator], previous: Tensor | None) -> None:
    """Begin, or correct the predictions of which these are the logits (B, 1, H, W)."""
    if previous is None:
        for annotator in annotators:
            annotator.start()
        return
    for annotator, prediction in zip(annotators, (previous[:, 0] > 0).cpu().numpy(), strict=True):
        annotator.correct(prediction)


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
def _written(path: Path) -> Iterator[Path]:
    """A temporary path whose file takes the place of `path` once all is written."""
    temporary = path.with_suffix(".tmp")
    with _explained(path):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def train(
    model: str,
    preset: str,
    output: Path,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "bfloat16",
    start: str | None = None,
    tasks: Sequence[TaskData] = (),
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
    start : str or None
        Weights to begin with, as for `models.weights.weights_path`; those of a narrower network are widened.
    tasks : sequence of TaskData
        Real tasks whose train splits to learn from; none for fully synthetic ones.

    Returns
    -------
    Path
        The exported weights.

    Raises
    ------
    TrainingError
        If there is no such schedule, the folder holds another training, the loss is not finite, or the
        checkpoint cannot be written.
    WeightsError
        If the weights to begin with cannot be read.
    DataError
        If a real task has too few training images.
    """
    from tqdm import tqdm

    training = Training(model, preset, output, seed, device, precision, start, tasks)
    saved, total = time.monotonic(), len(training.schedule)
    for index in tqdm(range(training.done, total), initial=training.done, total=total, desc=f"train {model}"):
        training.log(training.batch(index))
        if time.monotonic() - saved > SAVE_EVERY or index + 1 == total:
            training.save(index + 1)
            saved = time.monotonic()
    return training.export()
