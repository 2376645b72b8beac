"""Models by name, built in or from a plug-in."""

from __future__ import annotations

from typing import Any

from segbench.errors import UsageError
from segbench.models.arrays import as_adapter
from segbench.models.named_weights import as_text, by_name, weights_of_all
from segbench.models.remote import is_remote, remote_model
from segbench.protocols.adapter import Capabilities, ModelAdapter
from segbench.registry import PluginError, Registry, UnknownName, no_exit


class ModelRegistry(Registry):
    """Maps names to classes of adapters; ``NAME@TARGET`` is a class whose instances predict in a worker."""

    def get(self, name: str) -> Any:
        """Return the class of a name; errors as of `Registry.get` and `segbench.models.remote`."""
        return remote_model(name) if is_remote(name) else as_adapter(super().get(name))


MODELS = ModelRegistry(
    "model",
    {
        "scribbleprompt": "segbench.models.scribbleprompt:ScribblePrompt",
        "universeg": "segbench.models.universeg:UniverSeg",
        "universeg-oracle": "segbench.models.universeg:UniverSegOracle",
        "universeg-ensemble": "segbench.models.universeg:UniverSegEnsemble",
        "multiverseg": "segbench.models.multiverseg:MultiverSeg",
        "multiverseg-2": "segbench.models.multiverseg:MIN_CONTEXT_2",
        "multiverseg-5": "segbench.models.multiverseg:MIN_CONTEXT_5",
        "multiverseg-dummy": "segbench.models.multiverseg:MultiverSegDummy",
        "scribbleprompt-finetuned": "segbench.models.finetuned:ScribblePromptFineTuned",
        "multiverseg-finetuned": "segbench.models.finetuned:MultiverSegFineTuned",
        "sp-uvs": "segbench.models.sp_uvs:ScribblePromptUniverSeg",
        "sp-uvs-1": "segbench.models.sp_uvs:MIN_CONTEXT_1",
        "sp-uvs-2": "segbench.models.sp_uvs:MIN_CONTEXT_2",
        "sp-uvs-10": "segbench.models.sp_uvs:MIN_CONTEXT_10",
        "random-walker": "segbench.models.random_walker:RandomWalker",
        "grabcut": "segbench.models.grabcut:GrabCut",
        "geodesic": "segbench.models.geodesic:Geodesic",
        "registration": "segbench.models.registration:Registration",
        "nninteractive": "segbench.models.nninteractive:NNInteractive",
        "sam": "segbench.models.sam:SAM",
        "sam-points": "segbench.models.sam:SAM_POINTS",
        "medsam": "segbench.models.sam:MedSAM",
        "sam-hq": "segbench.models.sam:HQSAM",
        "sam-hq-points": "segbench.models.sam:HQSAM_POINTS",
        "sam2": "segbench.models.sam2:Sam2",
        "sam2-points": "segbench.models.sam2:POINTS",
        "sam2-memory": "segbench.models.sam2:Sam2Memory",
        "sam2-memory-points": "segbench.models.sam2:MEMORY_POINTS",
        "seggpt": "segbench.models.seggpt:SegGPT",
        "nnunet": "segbench.models.nnunet.adapter:NNUNet",
        "scribbleprompt-matched": "segbench.models.scribbleprompt_matched:ScribblePromptMatched",
        "scribbleprompt-interconv": "segbench.models.scribbleprompt_matched:ScribblePromptInterConv",
        "simpleunet": "segbench.models.automatic:SimpleUNetModel",
        "simpleunet-interconv": "segbench.models.automatic:SimpleUNetInterConv",
        "nnunet2d": "segbench.models.automatic:NNUNet2d",
        "nnunet2d-interconv": "segbench.models.automatic:NNUNet2dInterConv",
        "swinunet": "segbench.models.automatic:SwinUNetModel",
        "swinunet-interconv": "segbench.models.automatic:SwinUNetInterConv",
    },
    "segbench.models",
)


def create_model(
    name: str, weights: str = "bundled", device: str = "cpu", precision: str = "float32"
) -> ModelAdapter:
    """Create an adapter that is ready to predict.

    Parameters
    ----------
    name : str
        A name of `MODELS`, ``module:Class`` of a plug-in, or ``NAME@/path/to/python``. A class with
        ``create`` gets all four arguments; any other class is called without arguments.
    weights : str
        ``bundled``, ``official``, or a checkpoint file or folder in the released layouts, of any width; for
        models of a hub ``hf://owner/name[@revision]``. Or ``NAME=`` and one of these, for several networks.
    device : str
        Torch device.
    precision : {"float32", "bfloat16"}

    Raises
    ------
    UnknownName
        If no model has this name.
    WeightsError
        If the weights are missing, damaged or of another layout.
    PluginError
        If a plug-in cannot be imported or created.

    Examples
    --------
    >>> from segbench.models import create_model
    >>> create_model("scribbleprompt").capabilities.interactive
    True
    """
    model = MODELS.get(name)
    create = getattr(model, "create", None)
    weights = weights_of_model(weights, name)
    try:
        with no_exit(f"the model {name}"):
            adapter: ModelAdapter = create(name, weights, device, precision) if create else model()
    except TypeError as error:  # most likely other arguments are expected
        if name in MODELS.builtin:
            raise
        raise PluginError(f"the model {name} cannot be created ({error}); see docs/extending.md") from error
    if not hasattr(adapter, "predict"):
        raise PluginError(f"the model {name} has no method `predict`; add one, see docs/extending.md")
    return adapter


def capabilities(name: str) -> Capabilities:
    """Return what a model declares that it can do.

    Raises
    ------
    UnknownName
        If no model has this name.
    PluginError
        If a plug-in cannot be imported, or declares nothing.
    """
    model = MODELS.get(name)
    with no_exit(f"the model {name}"):
        declared = getattr(model, "capabilities", None)
    if not isinstance(declared, Capabilities):
        raise PluginError(
            f"{name} is not an adapter; give its class an attribute `capabilities` of class "
            "segbench.Capabilities"
        )
    return declared


def required_weights(name: str) -> tuple[str, ...]:
    """Names of a model's weights, one file each, the main network's first; empty if it manages its own."""
    return tuple(getattr(MODELS.get(name), "required_weights", ()))


def networks(name: str) -> tuple[str, ...]:
    """Names of a model's weights; a model that declares none has weights of its own name.

    The name leaves out the environment of a model.
    """
    if is_remote(name):
        return tuple(MODELS.get(name).networks)
    return required_weights(name) or (name,)


def weights_of_model(weights: str, name: str) -> str:
    """Return the part of a text about weights that concerns a model; errors as of `with_networks`."""
    return weights_of_all(with_networks(weights), networks(name))


def with_networks(weights: str) -> str:
    """Return a text about weights in which networks stand in place of models that have one network.

    Parameters
    ----------
    weights : str
        As for `segbench.models.named_weights.by_name`.

    Raises
    ------
    UnknownName
        If the text names an unknown model.
    UsageError
        If it names a model without weights, a model of several networks by another name than one of theirs,
        or a network twice.

    Examples
    --------
    >>> with_networks("multiverseg-dummy=official")
    'multiverseg=official'
    """
    named = by_name(weights)
    if named is None:
        return weights
    found = [(_network(name), value) for name, value in named.items()]
    if len(dict(found)) < len(found):
        raise UsageError(f"--weights names a network twice ({weights}); name it once")
    return as_text(dict(found))


def _network(name: str) -> str:
    """Return the network of a model; that which has the model's name if there are several."""
    if name not in MODELS and ":" not in name:
        raise UnknownName("model", name, MODELS.names())
    try:
        required = required_weights(name)
    except (UnknownName, PluginError):
        if name in MODELS:
            raise
        return name  # perhaps a model in an environment of its own
    if not required and not hasattr(MODELS.get(name), "create"):
        raise UsageError(f"{name} has no weights; leave it out of --weights")
    if len(required) > 1 and name not in required:
        raise UsageError(f"{name} has the networks {' and '.join(required)}; name these by --weights")
    return required[0] if len(required) == 1 else name


def runs_by_default(name: str, protocol: str) -> bool:
    """Whether ``--models all`` includes a model in a protocol that can use it."""
    protocols = getattr(MODELS.get(name), "default_protocols", None)
    return protocols is None or protocol in protocols


def facts(name: str) -> dict[str, str]:
    """Return ``licence``, ``trained_on`` and ``official`` of a model: of its code and its official weights.

    What its class does not state is "not stated"; ``official``, an address, is then empty.
    """
    model = MODELS.get(name)
    stated = {fact: str(getattr(model, fact, "not stated")) for fact in ("licence", "trained_on")}
    return stated | {"official": str(getattr(model, "official", ""))}


def title(name: str) -> str:
    """Name of a model for people; a plug-in without ``title`` is called by its name."""
    return str(getattr(MODELS.get(name), "title", name))
