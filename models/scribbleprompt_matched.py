"""ScribblePrompt as the InterConv paper trains it, without and with InterConv (InterConv, section 4.1)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from segbench.models.network_adapter import NetworkAdapter, stack_inputs
from segbench.models.networks.simple_unet import SimpleUNet
from segbench.protocols.adapter import Capabilities, Query


class ScribblePromptMatched(NetworkAdapter):
    """Baseline: predicts each image from its own prompts.

    The InterConv paper trains on predictions from prompts alone. These networks therefore ignore previous
    logits, and know no boxes; the channels that ScribblePrompt has for these stay 0.
    """

    title = "ScribblePrompt (matched)"
    capabilities = Capabilities(interactive=True)
    required_weights: tuple[str, ...] = ("scribbleprompt-matched",)
    licence = "MIT"
    trained_on = "no public weights"
    default_protocols = ("set-clicks", "set-scribbles", "manual-scribbles")
    network_class = SimpleUNet
    interconv = False

    @classmethod
    def untrained(cls, width: int) -> SimpleUNet:
        """Create the network with random weights, to train it."""
        return SimpleUNet(width, channels=5, classes=1, interconv=cls.interconv)

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W)."""
        prompts = replace(query, previous_logits=None)
        return self.network(stack_inputs(prompts), query.sets)


class ScribblePromptInterConv(ScribblePromptMatched):
    """Predicts the images of a set together, each from its own prompts."""

    title = "ScribblePrompt-InterConv"
    capabilities = Capabilities(interactive=True, setwise=True)
    required_weights = ("scribbleprompt-interconv",)
    interconv = True
