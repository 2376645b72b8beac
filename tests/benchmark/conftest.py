"""Untrained weights for runs of the whole tool, and a run that nothing interrupts."""

from __future__ import annotations

from pathlib import Path

import interrupted_runs
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from segbench.benchmark.cli import cli
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


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> Path:
    """A run of `interrupted_runs.WORDS` by one worker."""
    output = tmp_path_factory.mktemp("whole") / "run"
    words = [*interrupted_runs.WORDS, "--workers", "1", "--output", str(output)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    return output
