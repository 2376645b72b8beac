"""UniverSeg: in-context segmentation without interactions (Butoi et al., 2023)."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from segbench.models.network_adapter import NetworkAdapter
from segbench.models.networks import UniverSeg as Network
from segbench.models.weights import OFFICIAL
from segbench.protocols.adapter import Capabilities, Query

SMALLEST = 1e-6  # probability, and distance to 1; the logits of a mean are finite


class UniverSeg(NetworkAdapter):
    """Predicts from the image and a context of at least one entry."""

    title = "UniverSeg"
    capabilities = Capabilities(in_context=True)
    required_weights = ("universeg",)
    licence = "Apache-2.0; weights OpenRAIL++-M, for research only"
    trained_on = "most of MegaMedical's 53 medical data sets, and synthetic tasks"
    official = OFFICIAL["universeg"].url
    network_class = Network
    version = 2  # since the mean over the context is a running sum in float32

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W); ValueError without a context."""
        if query.context is None:
            raise ValueError("UniverSeg needs a context of at least one image")
        return self.network(query.image, query.context.images, query.context.labels)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with UniverSeg's weights."""
        return super().create("universeg", weights, device, precision)


class UniverSegOracle(UniverSeg):
    """UniverSeg with true labels in its context: an upper bound (D.2.2)."""

    title = "UniverSeg (oracle)"
    capabilities = Capabilities(in_context=True, true_context=True)


class UniverSegEnsemble(UniverSeg):
    """Mean of UniverSeg's probabilities over ten random contexts of one size.

    MultiverSeg compares with UniverSeg without this ensembling (C.1).
    """

    title = "UniverSeg (10 contexts)"
    capabilities = Capabilities(in_context=True, contexts=10)
    default_protocols = ()

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W); ValueError without a context, or if its entries are not of ten contexts."""
        context, contexts = query.context, self.capabilities.contexts
        if context is None or context.images.shape[1] % contexts:
            raise ValueError(f"{self.title} needs {contexts} contexts of one size")
        parts = zip(context.images.chunk(contexts, 1), context.labels.chunk(contexts, 1), strict=True)
        logits = [self.network(query.image, images, labels).float() for images, labels in parts]
        return torch.stack(logits).sigmoid().mean(dim=0).logit(eps=SMALLEST)
