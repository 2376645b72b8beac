"""Training schedules as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Batches of one kind.

    Attributes
    ----------
    side : int
        Pixels of an image's side.
    tasks : int
        Images in a batch, each of a task of its own where there is a context.
    context : int
        Context images at most; at least one, drawn for each batch. 0 for a model without context.
    steps : int
        Interaction steps simulated for each image. A model that takes a context predicts once from the
        context alone before them. The weights are updated after every prediction.
    batches : int
    """

    side: int
    tasks: int
    context: int
    steps: int
    batches: int


@dataclass(frozen=True)
class Preset:
    """How a model is trained.

    Attributes
    ----------
    width : int
        Features of the network.
    learning_rate : float
        Of Adam, decaying linearly to a twentieth over all batches.
    stages : tuple of Stage
    """

    width: int
    learning_rate: float
    stages: tuple[Stage, ...]


# ``small`` made the bundled weights; ``smoke`` shows that everything runs.
PRESETS: dict[str, dict[str, Preset]] = {
    "small": {
        "scribbleprompt": Preset(48, 1e-3, (Stage(64, 16, 0, 5, 1400), Stage(128, 8, 0, 5, 300))),
        "universeg": Preset(32, 1e-3, (Stage(64, 8, 8, 0, 2200), Stage(128, 4, 6, 0, 350))),
        # What a click means is learnt once the context is understood, and takes longer chains of steps.
        "multiverseg": Preset(
            32, 1e-3, (Stage(64, 8, 8, 2, 700), Stage(64, 6, 6, 5, 1100), Stage(128, 3, 5, 4, 500))
        ),
    },
    "smoke": {
        "scribbleprompt": Preset(4, 1e-3, (Stage(32, 2, 0, 2, 3), Stage(48, 2, 0, 2, 2))),
        "universeg": Preset(4, 1e-3, (Stage(32, 2, 2, 0, 3), Stage(48, 2, 2, 0, 2))),
        "multiverseg": Preset(4, 1e-3, (Stage(32, 2, 2, 2, 3), Stage(48, 2, 2, 2, 2))),
    },
}
