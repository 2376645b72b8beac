"""Models by name, built in or from a plug-in."""

from __future__ import annotations

from datasets.lookup import Registry
from protocols.adapter import ModelAdapter

MODELS = Registry(
    "model",
    {
        "scribbleprompt": "models.scribbleprompt:ScribblePrompt",
        "universeg": "models.universeg:UniverSeg",
        "multiverseg": "models.multiverseg:MultiverSeg",
        "sp-uvs": "models.sp_uvs:ScribblePromptUniverSeg",
        "random-walker": "models.random_walker:RandomWalker",
    },
    "segbench.models",
)

# Whose weights a model takes; a model that is not here has none, or looks after its own.
WEIGHTS = {
    "scribbleprompt": ("scribbleprompt",),
    "universeg": ("universeg",),
    "multiverseg": ("multiverseg", "scribbleprompt"),
    "sp-uvs": ("scribbleprompt", "universeg"),
}


def create_model(
    name: str, weights: str = "bundled", device: str = "cpu", precision: str = "float32"
) -> ModelAdapter:
    """An adapter ready to predict.

    Parameters
    ----------
    name : str
        A name of ``MODELS``, or ``module:Class`` of a plug-in. A class with ``create`` gets all four
        arguments; any other is called without arguments.
    weights : str
        ``bundled``, ``official``, or a checkpoint file or folder of the released layouts, of any width.
    device : str
        Torch device.
    precision : {"float32", "bfloat16"}

    Raises
    ------
    UnknownName
        If there is no such model.
    WeightsError
        If the weights are missing, damaged or of another layout.
    """
    model = MODELS.get(name)
    create = getattr(model, "create", None)
    return create(name, weights, device, precision) if create else model()
