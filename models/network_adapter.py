"""What the network adapters share: device, precision and the five input channels."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from segbench.models.networks.cross import FILLING
from segbench.models.weights import load_state, weights_path
from segbench.protocols.adapter import Capabilities, Query

Network = TypeVar("Network", bound=nn.Module)

MAPS = 16  # of full size that a network holds at once, more or less
SIDE = 128  # pixels of an image
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def stack_inputs(query: Query) -> Tensor:
    """Image, box, positive, negative and previous logits as (B, 5, H, W); zeros for what is missing."""
    nothing = torch.zeros_like(query.image)
    marks = query.interactions
    channels = (nothing, nothing, nothing) if marks is None else (marks.box, marks.positive, marks.negative)
    previous = nothing if query.previous_logits is None else query.previous_logits
    return torch.cat([query.image, *channels, previous], dim=1)


def placed(network: Network, device: torch.device, dtype: torch.dtype) -> Network:
    """A network on its device, ready to predict, in channels-last memory."""
    network = network.to(device, dtype).eval()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def micro_batch(network: nn.Module) -> int:
    """Images of a query: one at a time is as fast as a batch on a CPU; a GPU wants to be filled.

    A power of two, `FILLING` where a quarter of its memory has room for `MAPS` feature maps of each image.
    What is free at the moment does not count, or a run would depend on what ran before.
    """
    weights = list(network.parameters())
    device, size = weights[0].device, weights[0].itemsize
    if device.type != "cuda":
        return 1
    _, memory = torch.cuda.mem_get_info(device)
    width = max(len(tensor) for tensor in weights)
    room = memory // 4 // (MAPS * width * SIDE**2 * size)
    return min(FILLING, 1 << max(0, room.bit_length() - 1))


class NetworkAdapter:
    """A network behind the adapter interface.

    A subclass names its ``capabilities``, its ``network_class`` (a module with ``width_of(state)``) and how a
    query goes through the network (``forward``).

    Parameters
    ----------
    network : nn.Module
    device : str
        Torch device of the computation; logits come back to the query's device.
    precision : {"float32", "bfloat16"}
    """

    capabilities: ClassVar[Capabilities]
    network_class: ClassVar[type[nn.Module]]

    def __init__(self, network: nn.Module, device: str = "cpu", precision: str = "float32") -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        self.network = placed(network, self.device, self.dtype)
        self.micro_batch = micro_batch(self.network)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Adapter with the weights of ``name``; the width is read off the checkpoint.

        Raises
        ------
        WeightsError
            If the checkpoint is missing, damaged or of another layout.
        """
        network = load_state(cls.network_class, weights_path(name, weights))
        return cls(network, device, precision)

    @classmethod
    def untrained(cls, width: int) -> nn.Module:
        """The network with so many features, for a training to begin with."""
        return cls.network_class(width)

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W), with gradients where they are enabled."""
        raise NotImplementedError

    @cached_property
    def fingerprint(self) -> str:
        """The same for adapters of one class, network and weights; these must not change any more."""
        kind = type(self).__module__, type(self).__qualname__, str(self.device), str(self.dtype)
        digest = hashlib.sha256(repr((*kind, self.network)).encode())
        for name, tensor in self.network.state_dict().items():
            digest.update(name.encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W) in float32 on the query's device."""
        return self.forward(query.to(self.device, self.dtype)).float().to(query.image.device)
