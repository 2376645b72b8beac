"""Base class of the network adapters: device, precision and the five input channels."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from segbench.models.networks.cross import FILLING
from segbench.models.weights import load_state, weights_path
from segbench.protocols.adapter import Capabilities, Prompt, Query

Network = TypeVar("Network", bound=nn.Module)

FULL_SIZE_MAPS = 16  # feature maps that a network holds at once, approximately
SIDE = 128  # pixels of an image
PROMPTS: tuple[Prompt, ...] = ("clicks", "scribbles", "boxes", "masks")  # that `stack_inputs` gives
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def stack_inputs(query: Query) -> Tensor:
    """Stack image, box, positive, negative and previous logits to (B, 5, H, W); absent ones are zeros."""
    zeros = torch.zeros_like(query.image)
    drawn = query.interactions
    channels = (zeros, zeros, zeros) if drawn is None else (drawn.box, drawn.positive, drawn.negative)
    previous = zeros if query.previous_logits is None else query.previous_logits
    return torch.cat([query.image, *channels, previous], dim=1)


def on_device(network: Network, device: torch.device, dtype: torch.dtype) -> Network:
    """Move a network to a device, in evaluation mode and channels-last memory."""
    network = network.to(device, dtype).eval()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def micro_batch(network: nn.Module) -> int:
    """Images of a query: 1 on a CPU, where batches gain nothing; up to `FILLING` on a GPU.

    On a GPU it is the largest power of two for which a quarter of the memory holds `FULL_SIZE_MAPS` feature
    maps of each image. Free memory does not count, as records must not depend on earlier runs.
    """
    weights = list(network.parameters())
    device, size = weights[0].device, weights[0].itemsize
    if device.type != "cuda":
        return 1
    _, memory = torch.cuda.mem_get_info(device)
    width = max(len(tensor) for tensor in weights)
    images = memory // 4 // (FULL_SIZE_MAPS * width * SIDE**2 * size)
    return min(FILLING, 1 << max(0, images.bit_length() - 1))


class NetworkAdapter:
    """Base class of adapters around one network.

    A subclass has ``capabilities``, ``title``, ``required_weights``, ``network_class`` (a module with a
    classmethod ``like(state)``, which builds the network of a checkpoint's sizes) and ``forward``.

    Parameters
    ----------
    network : nn.Module
    device : str
        Torch device that computes; logits return to the query's device.
    precision : {"float32", "bfloat16"}
    """

    capabilities: ClassVar[Capabilities]
    network_class: ClassVar[type[nn.Module]]

    def __init__(self, network: nn.Module, device: str = "cpu", precision: str = "float32") -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        self.network = on_device(network, self.device, self.dtype)
        self.micro_batch = micro_batch(self.network)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with the weights of ``name``, of the checkpoint's width.

        Raises
        ------
        WeightsError
            If the checkpoint is missing, damaged or of another layout.
        """
        network = load_state(cls.network_class, weights_path(name, weights))
        return cls(network, device, precision)

    @classmethod
    def untrained(cls, width: int) -> nn.Module:
        """Create the network with random weights, to train it."""
        return cls.network_class(width)

    def forward(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W), with gradients where they are enabled."""
        raise NotImplementedError

    @cached_property
    def fingerprint(self) -> str:
        """Digest of class, device, precision, network and weights; they must not change afterwards."""
        kind = type(self).__module__, type(self).__qualname__, str(self.device), str(self.dtype)
        digest = hashlib.sha256(repr((*kind, self.network)).encode())
        for name, tensor in self.network.state_dict().items():
            digest.update(name.encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W) in float32 on the query's device."""
        return self.forward(query.to(self.device, self.dtype)).float().to(query.image.device)
