"""Training on tasks (MultiverSeg, Algorithm 1), resumable from its last checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from segbench.datasets.task import TaskData
from segbench.models.network_adapter import NetworkAdapter, stack_inputs
from segbench.models.networks.cross import CrossUNet
from segbench.models.registry import MODELS
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.models.training.augmentation import WITHIN_TASK, augment
from segbench.models.training.checkpointed import (
    CheckpointedTraining,
    TrainingError,
    atomic_write,
    run_training,
)
from segbench.models.training.collection import Collection, Mixture, TaskSource
from segbench.models.training.initial import initial_network
from segbench.models.training.losses import distillation_loss, hard_dice, segmentation_loss
from segbench.models.training.presets import PRESETS, Stage
from segbench.models.training.prompts import Annotator, SetAnnotator, stack_interactions
from segbench.models.training.real_tasks import Credit, training_manifest
from segbench.models.training.sampling import Sampler
from segbench.models.training.superpixels import superpixel_tasks
from segbench.models.training.synthetic import synthetic_tasks
from segbench.models.weights import file_checksum, weights_path
from segbench.protocols.adapter import Context, Query
from segbench.randomness import keyed_generator

TEACHER = "scribbleprompt"
MAX_CONTEXT_STEPS = 3  # interactions of a predicted label of the context


class Examples(NamedTuple):
    """The images of a batch and their labels (B, 1, H, W), and what they are predicted from."""

    image: Tensor
    label: Tensor
    context: Context | None = None
    sets: tuple[int, ...] | None = None
    alone: bool = False
    steps: int = 0


class Prediction(NamedTuple):
    """Logits of a batch and the teacher's logits, if the stage has one, (B, 1, H, W)."""

    number: int
    logits: Tensor
    teacher: Tensor | None = None


class Training(CheckpointedTraining):
    """A training on synthetic tasks, real tasks or both; parameters as for `train`."""

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
        credits: Sequence[Credit] = (),
        teacher: str | None = None,
    ) -> None:
        if preset not in PRESETS or model not in PRESETS[preset]:
            raise TrainingError(
                f"no training of {model!r} by preset {preset!r}; models: {', '.join(PRESETS['small'])}; "
                f"presets: {', '.join(PRESETS)}"
            )
        self.model, self.seed, self.precision = model, seed, precision
        self.preset = PRESETS[preset][model]
        self.source: TaskSource = partial(synthetic_tasks, scatter=self.preset.scatter)
        if tasks:
            self.source = Mixture(Collection(tasks, device), self.source, self.preset.real)
        start_file = weights_path(model, start) if start else None
        teacher_file = self._teacher_file(preset, teacher)
        manifest = training_manifest(tasks, credits)
        configuration = {
            "model": model,
            "preset": asdict(self.preset),
            "seed": seed,
            "start": start_file and file_checksum(start_file),
            "teacher": teacher_file and file_checksum(teacher_file),
            "data": {dataset["dataset"]: dataset["sha256"] for dataset in manifest},
        }
        self.licences = {credit.dataset: credit.licence for credit in credits}
        self.schedule = [stage for stage in self.preset.stages for _ in range(stage.batches)]
        self.progress = self.preset.progress()
        self.teacher = (
            ScribblePrompt.create(TEACHER, str(teacher_file), device, precision) if teacher_file else None
        )
        self.adapter: NetworkAdapter = MODELS.get(model)(
            initial_network(model, self.preset.width, start_file, seed), device
        )
        network = self.adapter.network.train()
        predictions = max(stage.steps + bool(stage.context) for stage in self.preset.stages)
        losses = [f"{name}_{step}" for step in range(predictions) for name in ("loss", "dice")]
        super().__init__(
            output / f"{model}.safetensors",
            output,
            configuration,
            network,
            torch.optim.Adam(network.parameters(), lr=self.preset.learning_rate),
            ["side", "seconds", *losses],
            len(self.schedule),
            self.preset.horizon,
        )
        if manifest:
            with atomic_write(output / "manifest.json") as temporary:
                temporary.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), "utf-8")

    def _teacher_file(self, preset: str, weights: str | None) -> Path | None:
        """The weights of the teacher, or None for a schedule without one."""
        if any(stage.taught for stage in self.preset.stages):
            return weights_path(TEACHER, weights or "bundled")
        if weights:
            raise TrainingError(
                f"the preset {preset!r} of {self.model} has no teacher; leave out its weights"
            )
        return None

    def metadata(self) -> dict[str, Any]:
        """Configuration, and the licence of each data set."""
        return self.configuration | {"licences": self.licences}

    def batch(self, index: int) -> dict[str, float]:
        """Learn from one batch; return the row of the log."""
        stage, start = self.schedule[index], time.monotonic()
        row: dict[str, float] = {"batch": index, "side": stage.side}
        rate = stage.rate * self._rate(self.progress[index])
        examples = self._examples(stage, index)
        for number, logits, teacher in self._episode(stage, index, examples):
            loss = segmentation_loss(logits, examples.label, self.preset.focal)
            if teacher is not None:
                loss = loss + stage.distillation * distillation_loss(logits, teacher)
            self.require_finite(loss.item(), "loss", index)
            loss.backward()
            if not self.preset.chained:
                self.update(index, rate)
            dice = hard_dice(logits, examples.label).mean().item()
            row |= {f"loss_{number}": loss.item(), f"dice_{number}": dice}
        if self.preset.chained:
            self.update(index, rate)
        return row | {"seconds": time.monotonic() - start}

    def _episode(self, stage: Stage, index: int, examples: Examples) -> Iterator[Prediction]:
        """Yield each prediction of a batch.

        Prediction 0 of a model with context is from the context alone; it is skipped if the context is empty.
        The network may be updated between predictions; their logits are fed back without gradients.
        """
        image, label, context, sets = examples[:4]
        masks = label[:, 0].bool().cpu().numpy()
        annotators = [self._annotator(stage, index, position, mask) for position, mask in enumerate(masks)]
        logits = None
        if context is not None:
            logits = self._forward(stage, examples, Query(image, context=context))
            yield Prediction(0, logits)
        for step in range(examples.steps):
            previous = None if logits is None else logits.detach()
            _annotate(annotators, previous)
            prompts = stack_interactions(annotators, image.device)
            query = Query(image, prompts, previous, context, sets)
            logits = self._forward(stage, examples, query)
            yield Prediction(step + bool(stage.context), logits, self._teach(stage, query))

    def _forward(self, stage: Stage, examples: Examples, query: Query) -> Tensor:
        device, network = self.adapter.device.type, self.network
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            if examples.alone and isinstance(network, CrossUNet):
                return network.alone(stack_inputs(query)).float()
            if stage.fixed_context and query.interactions is not None and query.context is not None:
                context = query.context
                inputs = stack_inputs(query)
                return network(inputs, context.images, context.labels, fixed=True).float()
            return self.adapter.forward(query).float()

    def _teach(self, stage: Stage, query: Query) -> Tensor | None:
        """The teacher's logits from the same input."""
        if not stage.distillation or self.teacher is None:
            return None
        return self.teacher.predict(query).clone()  # a copy, which gradients may pass

    def _annotator(self, stage: Stage, index: int, position: int, mask: np.ndarray) -> Annotator:
        rng = keyed_generator(self.seed, "prompts", index, position)
        if stage.sets:
            return SetAnnotator(mask, rng)
        return Annotator(mask, rng, self.preset.single, self.preset.scribbles)

    def _examples(self, stage: Stage, index: int) -> Examples:
        """Images, labels, context and sets of a batch; seed and index decide all draws."""
        rng = keyed_generator(self.seed, "training", index)
        generator = torch.Generator(self.adapter.device).manual_seed(int(rng.integers(2**62)))
        if stage.sets:
            members = int(rng.integers(1, stage.sets + 1))
            images, labels = self._draw_tasks(generator, stage.targets(0), members, stage.side)
            sets = (members,) * len(images)
            return Examples(images.flatten(0, 1), labels.flatten(0, 1), None, sets, steps=stage.steps)
        alone = bool(stage.alone) and bool(rng.random() < stage.alone)
        fewest = (0 if stage.steps else 1) if stage.fewest is None else stage.fewest
        size = 0 if alone else int(rng.integers(fewest, stage.context + 1))
        if not size:  # two members of each task; layers and poses then vary within a batch
            targets = stage.targets(0)
            images, labels = self._draw_tasks(generator, (targets + 1) // 2, 2, stage.side)
            images, labels = images.flatten(0, 1)[:targets], labels.flatten(0, 1)[:targets]
            return Examples(images, labels, alone=alone, steps=stage.steps)
        images, labels = self._draw_tasks(generator, stage.targets(size), size + 1, stage.side)
        entries = labels[:, 1:]
        if stage.predicted:
            entries = self._partly_predicted(stage, index, images[:, 1:], entries)
        steps = int(rng.integers(0, stage.steps + 1)) if stage.fewer_steps else stage.steps
        return Examples(images[:, 0], labels[:, 0], Context(images[:, 1:], entries), steps=steps)

    def _partly_predicted(self, stage: Stage, index: int, images: Tensor, labels: Tensor) -> Tensor:
        """Context labels (B, n, 1, H, W), some replaced by the teacher's predictions after some steps."""
        rng = keyed_generator(self.seed, "predicted context", index)
        chosen = torch.from_numpy(rng.random(labels.shape[:2]) < stage.predicted).to(labels.device)
        if self.teacher is None or not chosen.any():
            return labels
        image, masks = images[chosen], labels[chosen][:, 0].bool().cpu().numpy()
        annotators = [
            Annotator(
                mask,
                keyed_generator(self.seed, "context prompts", index, position),
                self.preset.single,
                self.preset.scribbles,
            )
            for position, mask in enumerate(masks)
        ]
        logits: Tensor | None = None
        replaced = labels.clone()
        for _ in range(int(rng.integers(1, MAX_CONTEXT_STEPS + 1))):
            _annotate(annotators, logits)
            logits = self.teacher.predict(Query(image, stack_interactions(annotators, image.device), logits))
            replaced[chosen] = (logits > 0).to(labels)
        return replaced

    def _draw_tasks(
        self, generator: torch.Generator, tasks: int, members: int, side: int
    ) -> tuple[Tensor, Tensor]:
        """Images and labels (tasks, members, 1, side, side): some made of superpixels, all augmented."""
        images, labels = self.source(generator, tasks, members, side)
        replaced = Sampler(generator).chance(self.preset.superpixels, (tasks,))
        if replaced.any():
            images[replaced], labels[replaced] = superpixel_tasks(generator, images[replaced, 0], members)
        images, labels = augment(generator, images, labels, WITHIN_TASK, shared=False)
        return augment(generator, images, labels, self.preset.task_augmentations, shared=True)

    def _rate(self, progress: float) -> float:
        """Learning rate after a share of the batches: warm-up, constant, linear decay."""
        decayed = max(0.0, 1 - (1 - progress) / self.preset.decay)
        factor = 1 - (1 - self.preset.final_rate) * decayed
        return self.preset.learning_rate * min(1.0, (progress + 1e-3) / 0.01) * factor


def _annotate(annotators: list[Annotator], previous: Tensor | None) -> None:
    """Start annotating, or correct the predictions with these logits (B, 1, H, W)."""
    if previous is None:
        for annotator in annotators:
            annotator.start()
        return
    for annotator, prediction in zip(annotators, (previous[:, 0] > 0).cpu().numpy(), strict=True):
        annotator.correct(prediction)


def train(
    model: str,
    preset: str,
    output: Path,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "bfloat16",
    start: str | None = None,
    tasks: Sequence[TaskData] = (),
    credits: Sequence[Credit] = (),
    teacher: str | None = None,
) -> Path:
    """Train a model, or continue its training, and export its weights.

    Parameters
    ----------
    model : str
        A model for which the preset has a schedule.
    preset : str
        A name of ``PRESETS``.
    output : Path
        Folder of ``checkpoint.pt``, ``log.csv`` (one row per batch), ``<model>.safetensors`` and, with real
        tasks, ``manifest.json``.
    seed : int
    device : str
    precision : {"float32", "bfloat16"}
        Precision of the arithmetic (autocast); the weights are float32.
    start : str or None
        Initial weights, as for `weights_path`; those of a narrower network are widened. MultiverSeg takes
        a ScribblePrompt too, as its target path.
    tasks : sequence of TaskData
        Real tasks, from whose train splits the model learns with the preset's probability ``real``.
    credits : sequence of Credit
        Licences and citations of their data sets, for the manifest.
    teacher : str or None
        Weights of the ScribblePrompt that teaches in some stages, as for `weights_path`; None for the bundled
        ones.

    Returns
    -------
    Path
        The exported weights.

    Raises
    ------
    TrainingError
        If there is no such schedule, the schedule takes no teacher, the folder holds another training, the
        loss is not finite, or the checkpoint cannot be written.
    WeightsError
        If the initial weights cannot be read.
    DataError
        If the train split of a real task has images of only one subject.
    """
    return run_training(
        Training(model, preset, output, seed, device, precision, start, tasks, credits, teacher)
    )
