"""ScribblePrompt-UNet: interactive segmentation of one image (Wong et al., 2024)."""

from __future__ import annotations

from torch import Tensor

from segbench.models.network_adapter import PROMPTS, NetworkAdapter, stack_inputs
from segbench.models.networks import ScribblePromptUNet
from segbench.models.weights import OFFICIAL
from segbench.protocols.adapter import Capabilities, Query


class ScribblePrompt(NetworkAdapter):
    """Predicts from the image, all interactions so far and its previous logits."""

    title = "ScribblePrompt"
    capabilities = Capabilities(interactive=True, prompts=PROMPTS)
    required_weights = ("scribbleprompt",)
    licence = "Apache-2.0"
    trained_on = "65 medical data sets, and synthetic labels"
    official = OFFICIAL["scribbleprompt"].url
    network_class = ScribblePromptUNet

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W)."""
        return self.network(stack_inputs(query))
