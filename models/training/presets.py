"""Training schedules as data.

The fields of presets, stages and augmentations are part of every checkpoint: a training continues only with
the same fields and values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from segbench.models.training.augmentation import TASK, Augmentation
from segbench.models.training.checkpointed import HORIZON

# A small network does not learn labels of one or two pixels' width in a few hours.
REGIONS_ONLY = tuple(row for row in TASK if row.name != "Sobel Edges Label")
FEW_EDGES = tuple(replace(row, p=0.1) if row.name == "Sobel Edges Label" else row for row in TASK)


@dataclass(frozen=True)
class Stage:
    """Batches of one kind.

    Attributes
    ----------
    side : int
        Height and width of an image in pixels.
    images : int
        Images of a batch, targets and context together; the number of sets if `sets` is positive.
    context : int
        Largest number of context images of a target; 0 for a model without context. Each batch draws a
        number, from 0 if there are interactions, else from 1.
    steps : int
        Simulated interaction steps. A model with context first predicts once from the context alone.
    batches : int
    tasks : int or None
        Largest number of targets of a batch. With context, each target has its own task.
    sets : int
        Largest number of images of a set; each batch draws a number from 1 (InterConv, section 4.1). The
        images of a set belong to one task. A baseline, which ignores sets, gets the same batches.
    fewest : int or None
        Smallest number of context images; None for 0 if there are interactions, else 1.
    alone : float
        Share of the batches without a context, in which MultiverSeg's target path predicts alone.
    fewer_steps : bool
        Whether each batch with a context draws its number of steps, from 0.
    distillation : float
        Weight of a loss against the teacher's prediction, a ScribblePrompt's, from the same input.
    fixed_context : bool
        Whether the features of the context get no gradient in corrections.
    predicted : float
        Share of the context's labels that are replaced by the teacher's predictions, as the context of an
        evaluation holds them.
    rate : float
        Learning rate, as a share of the preset's.
    """

    side: int
    images: int
    context: int
    steps: int
    batches: int
    tasks: int | None = None
    sets: int = 0
    fewest: int | None = None
    alone: float = 0.0
    fewer_steps: bool = False
    distillation: float = 0.0
    fixed_context: bool = False
    predicted: float = 0.0
    rate: float = 1.0

    @property
    def taught(self) -> bool:
        """Whether the stage needs a teacher."""
        return self.distillation > 0 or self.predicted > 0

    def targets(self, context: int) -> int:
        """Number of targets of a batch with a context size; an empty context is one dummy entry (A.1)."""
        room = max(1, self.images // (max(context, bool(self.context)) + 1))
        return min(room, self.tasks or room)


@dataclass(frozen=True)
class Preset:
    """Schedule of a training on tasks.

    Attributes
    ----------
    width : int
        Features of the network.
    learning_rate : float
        Of Adam, after a short warm-up.
    stages : tuple of Stage
    final_rate : float
        Share of the learning rate after a linear decay; 1 keeps the rate constant.
    decay : float
        Share of the batches in which the rate decays; these are the last ones.
    restarts : bool
        Whether the rate of each stage rises and decays by itself.
    horizon : int
        Updates that the exported running mean of the weights covers.
    focal : float
        Exponent gamma of the focal loss, which is added to the soft Dice loss; 0 is cross-entropy.
    chained : bool
        Whether an image's predictions lead to one common update (Algorithm 1), or to one each.
    real : float
        Probability that a task is real, not synthetic, if the training has real tasks.
    superpixels : float
        Probability that a task is replaced by one made from superpixels (B.2).
    task_augmentations : tuple of Augmentation
        Table 5b, or a selection of its rows.
    single : float
        Share of the images annotated with one prompt a step, as in the evaluation (`prompts.Annotator`).
    scribbles : bool
        Whether half of the prompts are scribbles; else all are clicks.
    scatter : float
        Spread of the poses within a synthetic task; small for InterConv, whose images have similar
        compositions (InterConv, Fig. 2).
    """

    width: int
    learning_rate: float
    stages: tuple[Stage, ...]
    final_rate: float = 0.05
    decay: float = 1.0
    restarts: bool = False
    horizon: int = HORIZON
    focal: float = 0.0
    chained: bool = False
    real: float = 1.0
    superpixels: float = 0.1
    task_augmentations: tuple[Augmentation, ...] = REGIONS_ONLY
    single: float = 0.5
    scribbles: bool = True
    scatter: float = 1.0

    def progress(self) -> list[float]:
        """Share of the schedule, or with `restarts` of the stage, that is done before each batch."""
        counts = [stage.batches for stage in self.stages] if self.restarts else [self.batches]
        return [index / count for count in counts for index in range(count)]

    @property
    def batches(self) -> int:
        """Number of batches."""
        return sum(stage.batches for stage in self.stages)


def _paper(width: int, context: int, steps: int, batches: int) -> Preset:
    """Sections 3.3, 5.1 and B.2: batches of two targets, 128 x 128, Adam at 1e-4, soft Dice + focal loss."""
    stage = Stage(128, 2 * (context + 1), context, steps, batches, tasks=2)
    return Preset(
        width,
        learning_rate=1e-4,
        stages=(stage,),
        final_rate=1.0,
        focal=20.0,
        chained=True,
        superpixels=0.5,
        task_augmentations=TASK,
        single=0.0,
    )


def _interconv(width: int) -> Preset:
    """InterConv, section 4.1: 20,000 epochs of 125 batches of 8 sets of 1 to 8 images, Adam."""
    stage = Stage(128, 8, 0, 1, 2_500_000, sets=8)
    return Preset(width, 1e-4, (stage,), 1.0, focal=20.0, superpixels=0.5, task_augmentations=TASK)


def _small_interconv(width: int) -> Preset:
    """Half an hour of one CPU core; the correction steps prepare for the sequential protocols."""
    steps = {(64, 1): 600, (128, 1): 150, (128, 2): 60}
    stages = tuple(Stage(side, 8, 0, count, batches, sets=8) for (side, count), batches in steps.items())
    return Preset(width, 1e-3, stages, scatter=0.4)


def _staged(alone: int, small: int, joint: int) -> Preset:
    """MultiverSeg in stages: the target path alone, then contexts at 64 pixels, then all of it at 128.

    Parameters
    ----------
    alone, small, joint : int
        Batches of each stage.
    """
    context = Stage(64, 40, 8, 3, small, fewest=1, alone=0.1, fewer_steps=True, fixed_context=True)
    whole = replace(context, side=128, images=24, context=16, steps=6, batches=joint, rate=0.7)
    stages = (
        Stage(128, 8, 8, 8, alone, alone=1.0, distillation=0.5),
        replace(context, predicted=0.3),
        replace(whole, distillation=0.4, predicted=0.5),
    )
    return Preset(
        64,
        1e-3,
        stages,
        restarts=True,
        real=0.5,
        task_augmentations=FEW_EDGES,
        single=0.7,
    )


# ``small`` made the last of the bundled weights, whose model cards name every run. ``smoke`` only shows that
# a training works. The papers state no number of batches; those of ``paper`` are chosen here.
PRESETS: dict[str, dict[str, Preset]] = {
    "paper": {
        "scribbleprompt": _paper(192, 0, 5, 500_000),
        "universeg": _paper(64, 64, 0, 500_000),
        "multiverseg": _paper(256, 64, 3, 500_000),
        "scribbleprompt-matched": _interconv(192),
        "scribbleprompt-interconv": _interconv(137),
    },
    "small": {
        "scribbleprompt": Preset(64, 7e-4, (Stage(128, 8, 0, 10, 480),)),
        "universeg": Preset(64, 7e-4, (Stage(64, 40, 12, 0, 500), Stage(128, 16, 8, 0, 450))),
        "multiverseg": Preset(64, 7e-4, (Stage(128, 16, 8, 6, 380),), single=0.75),
        "scribbleprompt-matched": _small_interconv(68),
        "scribbleprompt-interconv": _small_interconv(48),
    },
    "real": {
        "scribbleprompt": Preset(
            96,
            7e-4,
            (Stage(128, 8, 0, 10, 2000),),
            decay=0.3,
            horizon=1500,
            real=0.55,
            task_augmentations=FEW_EDGES,
            single=0.6,
        ),
        "universeg": Preset(
            64,
            7e-4,
            (Stage(64, 40, 12, 0, 1500), Stage(128, 20, 8, 0, 600)),
            real=0.3,
            task_augmentations=FEW_EDGES,
        ),
        "multiverseg": _staged(alone=120, small=500, joint=300),
        "scribbleprompt-matched": replace(_small_interconv(68), real=0.4),
        "scribbleprompt-interconv": replace(_small_interconv(48), real=0.4),
    },
    "smoke": {
        "scribbleprompt": Preset(4, 1e-3, (Stage(32, 2, 0, 2, 3), Stage(48, 2, 0, 2, 2))),
        "universeg": Preset(4, 1e-3, (Stage(32, 6, 2, 0, 3), Stage(48, 6, 2, 0, 2))),
        "multiverseg": Preset(4, 1e-3, (Stage(32, 6, 2, 2, 3), Stage(48, 6, 2, 2, 2))),
        **dict.fromkeys(
            ("scribbleprompt-matched", "scribbleprompt-interconv"),
            Preset(4, 1e-3, (Stage(32, 2, 0, 1, 3, sets=3), Stage(48, 2, 0, 2, 2, sets=3))),
        ),
    },
}


@dataclass(frozen=True)
class ScanPreset:
    """Schedule of a training on scans.

    Attributes
    ----------
    width : int
        Features of the network.
    batches : int
        Largest number of batches.
    patience : int or None
        A training ends after this number of batches without a lower loss on the stopping scans; None trains
        all batches.
    check : int
        Batches between two computations of the loss on the stopping scans.
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
    """A baseline and its InterConv variant of equal size, by their widths."""
    widths = {model: baseline, f"{model}-interconv": interconv}
    return {name: replace(preset, width=width) for name, width in widths.items()}


_PAPER = ScanPreset(0, 1_000_000, patience=40_000, check=1000)
_NNUNET = ScanPreset(0, 250_000, patience=None, check=250, optimizer="sgd", learning_rate=1e-2)
_SMALL = ScanPreset(0, 1000, patience=300, check=50, learning_rate=3e-3)
_SMOKE = ScanPreset(0, 4, patience=2, check=2, learning_rate=1e-3)

# The paper trains every size of Table 4; the other sizes need ``--width``.
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
