"""ScribblePrompt as the InterConv paper trains it, without and with InterConv (InterConv, section 4.1)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from segbench.models.network_adapter import NetworkAdapter, stack_inputs
from segbench.models.networks.simple_unet import SimpleUNet
from segbench.protocols.adapter import Capabilities, Query


class ScribblePromptMatched(NetworkAdapter):
    """The baseline: every image from its own prompts.

    The InterConv paper trains on predictions from prompts alone, so that previous logits mean nothing to
    these networks; the channel that ScribblePrompt has for them stays 0.
    """

    capabilities = Capabilities(interactive=True)
    network_class = SimpleUNet
    interconv = False

    @classmethod
    def untrained(cls, width: int) -> SimpleUNet:
        """The network with so many features, for a training to begin with."""
        return SimpleUNet(width, channels=5, classes=1, interconv=cls.interconv)

    def forward(self, query: Query) -> Tensor:
        prompts = replace(query, previous_logits=None)
        return self.network(stack_inputs(prompts), query.sets)


class ScribblePromptInterConv(ScribblePromptMatched):
    """The images of a set together, each with its own prompts."""

    capabilities = Capabilities(interactive=True, setwise=True)
    interconv = True
