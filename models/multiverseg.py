"""MultiverSeg: interactive segmentation in context (Wong et al., 2025, section 3.2)."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import torch
from torch import Tensor, nn

from segbench.models.min_context import with_min_context
from segbench.models.network_adapter import PROMPTS, NetworkAdapter, stack_inputs
from segbench.models.networks import MultiverSeg as Network
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.models.weights import OFFICIAL, companion
from segbench.protocols.adapter import Capabilities, Context, Query


class MultiverSeg(NetworkAdapter):
    """Predicts from the context, the interactions and its previous logits.

    With fewer context entries than ``capabilities.min_context`` the fallback works alone.

    Parameters
    ----------
    fallback : ScribblePrompt or None
        Predicts where there is no context, as in the paper (section 3.2) and the release. With None the
        network sees one dummy entry: image and label are both 0.5 everywhere (A.1).
    """

    title = "MultiverSeg"
    capabilities = Capabilities(interactive=True, prompts=PROMPTS, in_context=True)
    required_weights: tuple[str, ...] = ("multiverseg", "scribbleprompt")
    licence = "not stated"
    trained_on = "67 medical data sets, and synthetic tasks"
    official = OFFICIAL["multiverseg"].url
    network_class = Network
    version = 2  # since the mean over the context is a running sum in float32

    def __init__(
        self,
        network: nn.Module,
        device: str = "cpu",
        precision: str = "float32",
        fallback: ScribblePrompt | None = None,
    ) -> None:
        super().__init__(network, device, precision)
        self.fallback = fallback

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with MultiverSeg's weights; the fallback's are of the same set."""
        adapter = super().create("multiverseg", weights, device, precision)
        if "scribbleprompt" in cls.required_weights:
            adapter.fallback = ScribblePrompt.create("scribbleprompt", companion(weights), device, precision)
        return adapter

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the network and of its fallback."""
        return f"{super().fingerprint} {self.fallback and self.fallback.fingerprint}"

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W)."""
        context = query.context
        if context is None:
            if self.fallback is not None:
                return self.fallback.forward(query)
            dummy = torch.full_like(query.image, 0.5)[:, None]
            context = Context(dummy, dummy)
        return self.network(stack_inputs(query), context.images, context.labels)


class MultiverSegDummy(MultiverSeg):
    """MultiverSeg without a fallback: an empty context is one dummy entry."""

    title = "MultiverSeg (dummy entry)"
    required_weights = ("multiverseg",)
    default_protocols = ()


MIN_CONTEXT_2, MIN_CONTEXT_5 = (
    with_min_context(MultiverSeg, entries, "an argument of the release") for entries in (2, 5)
)
