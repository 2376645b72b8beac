"""SP+UVS: UniverSeg's prediction refined by ScribblePrompt (MultiverSeg, section 5.4)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from segbench.models.min_context import with_min_context
from segbench.models.network_adapter import PROMPTS
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.models.universeg import UniverSeg
from segbench.protocols.adapter import Capabilities, Query


class ScribblePromptUniverSeg:
    """UniverSeg predicts first; ScribblePrompt refines it by interactions.

    Without previous logits UniverSeg predicts from the context, and ScribblePrompt gets these logits with the
    first interaction. With fewer than five context entries (``capabilities.min_context``) ScribblePrompt
    works alone (Fig. 15).
    """

    title = "SP+UVS"
    capabilities = Capabilities(interactive=True, prompts=PROMPTS, in_context=True, min_context=5)
    required_weights = ("scribbleprompt", "universeg")
    licence = "those of ScribblePrompt and UniverSeg"
    trained_on = "as ScribblePrompt and UniverSeg"
    version = UniverSeg.version

    def __init__(self, interactive: ScribblePrompt, in_context: UniverSeg) -> None:
        self.interactive, self.in_context = interactive, in_context
        self.micro_batch, self.device = in_context.micro_batch, in_context.device
        self.fallback = interactive

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> ScribblePromptUniverSeg:
        """Create an adapter of two networks from one set: a folder, ``bundled`` or ``official``."""
        return cls(
            ScribblePrompt.create("scribbleprompt", weights, device, precision),
            UniverSeg.create("universeg", weights, device, precision),
        )

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W)."""
        if query.context is not None and query.previous_logits is None:
            logits = self.in_context.predict(query)
            if query.interactions is None:
                return logits
            query = replace(query, previous_logits=logits)
        return self.interactive.predict(query)


MIN_CONTEXT_1, MIN_CONTEXT_2, MIN_CONTEXT_10 = (
    with_min_context(ScribblePromptUniverSeg, entries, "Fig. 15") for entries in (1, 2, 10)
)
