"""The network with which a training begins."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from segbench.models.networks import MultiverSeg, ScribblePromptUNet
from segbench.models.registry import MODELS
from segbench.models.training.checkpointed import TrainingError, initialise
from segbench.models.training.transplant import transplant
from segbench.models.training.widening import add_set_weights, widen
from segbench.models.weights import load_state, read_state


def initial_network(model: str, width: int, path: Path | None, seed: int) -> nn.Module:
    """Return a network with random weights, or those of a file, which are widened if necessary.

    Parameters
    ----------
    model : str
    width : int
    path : Path or None
        Weights of the model, of a narrower one, of the baseline of an InterConv network, or of a
        ScribblePrompt, which becomes the target path of a MultiverSeg.
    seed : int

    Raises
    ------
    TrainingError
        If the file holds a wider network.
    WeightsError
        If the file cannot be read.
    """
    adapter_class = MODELS.get(model)
    network: nn.Module = adapter_class.untrained(width)
    generator = torch.Generator().manual_seed(seed)
    if path is None:
        initialise(network, generator)
        return network
    transplanted = isinstance(network, MultiverSeg) and _holds_scribbleprompt(path)
    source = ScribblePromptUNet if transplanted else adapter_class.network_class
    state = load_state(source, path).state_dict()
    narrow = source.width_of(state)
    if narrow > width:
        raise TrainingError(f"{path} holds a network of width {narrow}, more than {width}")
    state = widen(state, narrow, width, generator)
    if transplanted:
        donor = ScribblePromptUNet(width)
        donor.load_state_dict(state)
        initialise(network, generator)
        transplant(network, donor, seed)
    else:
        network.load_state_dict(add_set_weights(state, network.state_dict()))
    return network


def _holds_scribbleprompt(path: Path) -> bool:
    return read_state(path).keys() == ScribblePromptUNet(1).state_dict().keys()
