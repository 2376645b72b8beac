"""SP+UVS: UniverSeg's prediction refined by ScribblePrompt (MultiverSeg, section 5.4)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from segbench.models.scribbleprompt import ScribblePrompt
from segbench.models.universeg import UniverSeg
from segbench.protocols.adapter import Capabilities, Query

MIN_CONTEXT = 5


class ScribblePromptUniverSeg:
    """UniverSeg before the first interaction, ScribblePrompt on its logits from then on.

    With fewer than ``MIN_CONTEXT`` entries there is no context, and ScribblePrompt works alone (Fig. 15).
    """

    capabilities = Capabilities(interactive=True, in_context=True, min_context=MIN_CONTEXT)
    version = UniverSeg.version

    def __init__(self, interactive: ScribblePrompt, in_context: UniverSeg) -> None:
        self.interactive, self.in_context = interactive, in_context
        self.micro_batch, self.device = in_context.micro_batch, in_context.device
        self.fallback = interactive

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> ScribblePromptUniverSeg:
        """Adapter of the two networks of one set of weights (a folder, ``bundled`` or ``official``)."""
        return cls(
            ScribblePrompt.create("scribbleprompt", weights, device, precision),
            UniverSeg.create("universeg", weights, device, precision),
        )

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W)."""
        if query.context is not None and query.interactions is None:
            return self.in_context.predict(query)
        return self.interactive.predict(query)


class ScribblePromptUniverSeg1(ScribblePromptUniverSeg):
    """SP+UVS that uses a context of any size (Fig. 15)."""

    capabilities = replace(ScribblePromptUniverSeg.capabilities, min_context=1)


class ScribblePromptUniverSeg2(ScribblePromptUniverSeg):
    """SP+UVS with a minimum context of 2 images (Fig. 15)."""

    capabilities = replace(ScribblePromptUniverSeg.capabilities, min_context=2)


class ScribblePromptUniverSeg10(ScribblePromptUniverSeg):
    """SP+UVS with a minimum context of 10 images (Fig. 15)."""

    capabilities = replace(ScribblePromptUniverSeg.capabilities, min_context=10)
