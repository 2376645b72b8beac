"""UniverSeg: in-context segmentation without interactions (Butoi et al., 2023)."""

from __future__ import annotations

from typing import Self

from torch import Tensor

from segbench.models.network_adapter import NetworkAdapter
from segbench.models.networks import UniverSeg as Network
from segbench.protocols.adapter import Capabilities, Query


class UniverSeg(NetworkAdapter):
    """Predicts from the image and a context of at least one entry, without ensembling."""

    title = "UniverSeg"
    capabilities = Capabilities(in_context=True)
    required_weights = ("universeg",)
    network_class = Network
    version = 2  # since the mean over the context is a running sum in float32

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W); ValueError without a context."""
        if query.context is None:
            raise ValueError("UniverSeg needs a context of at least one image")
        return self.network(query.image, query.context.images, query.context.labels)


class UniverSegOracle(UniverSeg):
    """Upper bound of UniverSeg: the context always holds the true labels (MultiverSeg, D.2.2)."""

    title = "UniverSeg (oracle)"
    capabilities = Capabilities(in_context=True, true_context=True)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with UniverSeg's weights."""
        return super().create("universeg", weights, device, precision)
