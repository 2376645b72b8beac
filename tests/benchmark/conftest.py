"""Untrained weights for runs of the whole tool."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from segbench.models.networks import MultiverSeg, ScribblePromptUNet, UniverSeg
from segbench.models.networks.simple_unet import SimpleUNet


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """A folder of untrained weights for every network."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = {
            "scribbleprompt": ScribblePromptUNet(4),
            "universeg": UniverSeg(4),
            "multiverseg": MultiverSeg(4),
            "scribbleprompt-matched": SimpleUNet(4, channels=5, classes=1),
            "scribbleprompt-interconv": SimpleUNet(4, channels=5, classes=1, interconv=True),
        }
    for name, network in networks.items():
        state = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(state, folder / f"{name}.safetensors")
    return folder
