"""Models by name, built in or from a plug-in."""

from __future__ import annotations

from segbench.protocols.adapter import ModelAdapter
from segbench.registry import PluginError, Registry

MODELS = Registry(
    "model",
    {
        "scribbleprompt": "segbench.models.scribbleprompt:ScribblePrompt",
        "universeg": "segbench.models.universeg:UniverSeg",
        "universeg-oracle": "segbench.models.universeg:UniverSegOracle",
        "multiverseg": "segbench.models.multiverseg:MultiverSeg",
        "sp-uvs": "segbench.models.sp_uvs:ScribblePromptUniverSeg",
        "sp-uvs-1": "segbench.models.sp_uvs:ScribblePromptUniverSeg1",
        "sp-uvs-2": "segbench.models.sp_uvs:ScribblePromptUniverSeg2",
        "sp-uvs-10": "segbench.models.sp_uvs:ScribblePromptUniverSeg10",
        "random-walker": "segbench.models.random_walker:RandomWalker",
        "nnunet": "segbench.models.nnunet.adapter:NNUNet",
        "scribbleprompt-matched": "segbench.models.scribbleprompt_matched:ScribblePromptMatched",
        "scribbleprompt-interconv": "segbench.models.scribbleprompt_matched:ScribblePromptInterConv",
        "simpleunet": "segbench.models.simpleunet:SimpleUNet",
        "simpleunet-interconv": "segbench.models.simpleunet:SimpleUNetInterConv",
        "nnunet2d": "segbench.models.nnunet2d:NNUNet2d",
        "nnunet2d-interconv": "segbench.models.nnunet2d:NNUNet2dInterConv",
        "swinunet": "segbench.models.swinunet:SwinUNet",
        "swinunet-interconv": "segbench.models.swinunet:SwinUNetInterConv",
    },
    "segbench.models",
)

# Other cut-offs of SP+UVS, which only Fig. 15 shows.
VARIANTS = ("sp-uvs-1", "sp-uvs-2", "sp-uvs-10")

# InterConv's pair for interactive segmentation.
PAIR = ("scribbleprompt-matched", "scribbleprompt-interconv")

# In which protocols alone `--models all` takes a model.
ONLY_IN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(VARIANTS, ()),
    **dict.fromkeys(PAIR, ("set-clicks", "set-scribbles", "manual-scribbles")),
}

# Whose weights a model takes; a model that is not here has none, or looks after its own.
WEIGHTS = {
    "scribbleprompt": ("scribbleprompt",),
    "universeg": ("universeg",),
    "universeg-oracle": ("universeg",),
    "multiverseg": ("multiverseg", "scribbleprompt"),
    "scribbleprompt-matched": ("scribbleprompt-matched",),
    "scribbleprompt-interconv": ("scribbleprompt-interconv",),
    **dict.fromkeys(("sp-uvs", *VARIANTS), ("scribbleprompt", "universeg")),
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
    PluginError
        If a plug-in cannot be imported or made.
    """
    model = MODELS.get(name)
    create = getattr(model, "create", None)
    try:
        adapter: ModelAdapter = create(name, weights, device, precision) if create else model()
    except TypeError as error:  # most likely it wants other arguments
        if name in MODELS.builtin:
            raise
        raise PluginError(f"the model {name} cannot be made ({error}); see docs/plugins.md") from error
    if not hasattr(adapter, "predict"):
        raise PluginError(f"the model {name} is no adapter: it has no method `predict`; see docs/plugins.md")
    return adapter
