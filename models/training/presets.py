"""Training schedules as data."""

from __future__ import annotations

from dataclasses import dataclass

from segbench.models.training.augmentation import TASK, Augmentation

# A label of one or two pixels' width is beyond what a small network learns in a few hours.
REGIONS_ONLY = tuple(row for row in TASK if row.name != "Sobel Edges Label")


@dataclass(frozen=True)
class Stage:
    """Batches of one kind.

    Attributes
    ----------
    side : int
        Pixels of an image's side.
    images : int
        Images in a batch, targets and context together.
    context : int
        Context images of a target at most, drawn for each batch: from none where there are interactions, from
        one where there are not. 0 for a model without context.
    steps : int
        Interaction steps simulated for each image. A model that takes a context predicts once from the
        context alone before them.
    batches : int
    tasks : int or None
        Targets in a batch at most, each of a task of its own where there is a context.
    sets : int
        Images of a set at most, drawn from one for each batch, where a batch is of sets of images of one task
        (InterConv, section 4.1); then ``images`` is the number of sets. The same for a baseline, to which
        the images of a set mean nothing.
    """

    side: int
    images: int
    context: int
    steps: int
    batches: int
    tasks: int | None = None
    sets: int = 0

    def targets(self, context: int) -> int:
        """Targets of a batch whose context has a given size; an empty one is a dummy entry (A.1)."""
        room = max(1, self.images // (max(context, bool(self.context)) + 1))
        return min(room, self.tasks or room)


@dataclass(frozen=True)
class Preset:
    """How a model is trained.

    Attributes
    ----------
    width : int
        Features of the network.
    learning_rate : float
        Of Adam, after a short warm-up.
    stages : tuple of Stage
    final_rate : float
        Share of the learning rate that is left at the end of a linear decay; 1 keeps it constant.
    focal : float
        Exponent gamma of the focal loss beside the soft Dice loss; 0 is plain cross-entropy.
    chained : bool
        One update for the sum of an image's predictions (Algorithm 1), or one after each of them.
    superpixels : float
        Probability that a task is replaced by one made of superpixels (B.2).
    task_augmentations : tuple of Augmentation
        Table 5b or a part of it.
    single : float
        Share of the images annotated with one mark a step, as in the evaluation (see `prompts.Annotator`).
    scatter : float
        How far poses differ within a synthetic task. The images that InterConv is for have much the same
        composition (InterConv, Fig. 2).
    """

    width: int
    learning_rate: float
    stages: tuple[Stage, ...]
    final_rate: float = 0.05
    focal: float = 0.0
    chained: bool = False
    superpixels: float = 0.1
    task_augmentations: tuple[Augmentation, ...] = REGIONS_ONLY
    single: float = 0.5
    scatter: float = 1.0


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
    """For a CPU core in half an hour; the corrections are for the sequential protocols."""
    steps = {(64, 1): 600, (128, 1): 150, (128, 2): 60}
    stages = tuple(Stage(side, 8, 0, count, batches, sets=8) for (side, count), batches in steps.items())
    return Preset(width, 1e-3, stages, scatter=0.4)


# ``small`` made the last of the bundled weights (their model card names every run); ``smoke`` shows that
# everything runs. The papers name no number of batches, so those of ``paper`` are ours.
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
