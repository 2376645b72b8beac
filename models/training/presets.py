"""Training schedules as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Batches of one image size: ``tasks`` tasks of ``side`` pixels with up to ``context`` context images."""

    side: int
    tasks: int
    context: int
    batches: int


@dataclass(frozen=True)
class Preset:
    """How a model is trained.

    Attributes
    ----------
    width : int
        Features of the network.
    steps : int
        Interaction steps simulated for each image, each followed by an update of the weights; models that
        take a context predict once from the context alone before them.
    learning_rate : float
        Of Adam, decaying linearly to a twentieth over all batches.
    stages : tuple of Stage
    """

    width: int
    steps: int
    learning_rate: float
    stages: tuple[Stage, ...]


# ``small`` made the bundled weights; ``smoke`` shows that everything runs.
PRESETS: dict[str, dict[str, Preset]] = {
    "small": {
        "scribbleprompt": Preset(48, 5, 1e-3, (Stage(64, 16, 0, 1400), Stage(128, 8, 0, 300))),
        "universeg": Preset(32, 0, 1e-3, (Stage(64, 8, 8, 2200), Stage(128, 4, 6, 350))),
        "multiverseg": Preset(32, 2, 1e-3, (Stage(64, 8, 8, 1900), Stage(128, 4, 6, 400))),
    },
    "smoke": {
        "scribbleprompt": Preset(4, 2, 1e-3, (Stage(32, 2, 0, 3), Stage(48, 2, 0, 2))),
        "universeg": Preset(4, 0, 1e-3, (Stage(32, 2, 2, 3), Stage(48, 2, 2, 2))),
        "multiverseg": Preset(4, 2, 1e-3, (Stage(32, 2, 2, 3), Stage(48, 2, 2, 2))),
    },
}
