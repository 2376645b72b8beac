"""InterConv: layers through which the images of a set share features (InterConv, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Grouping:
    """How a batch divides into sets; all layers of a network share one object.

    Attributes
    ----------
    sizes : sequence of int or None
        Images in a row that form each set; None puts every image on its own.
    """

    sizes: Sequence[int] | None = None

    def mean(self, features: Tensor) -> Tensor:
        """Set context: mean over the images of each set, (N, ...) to (sets, ...) (equation 1)."""
        if self.sizes is None:
            return features
        # On a CPU, a reduction over the first dimension takes several times as long as single additions.
        parts = features.split(list(self.sizes))
        return torch.stack([reduce(torch.add, part) / len(part) for part in parts])

    def add(self, features: Tensor, shared: Tensor) -> Tensor:
        """Add the features of a set (sets, ...) to those of each of its images (N, ...)."""
        if self.sizes is None:
            return features + shared
        if len(set(self.sizes)) == 1:
            by_set = features.unflatten(0, (len(shared), -1)) + shared[:, None]
            return by_set.flatten(0, 1)  # no copy, unlike a concatenation
        parts = zip(features.split(list(self.sizes)), shared, strict=True)
        return torch.cat([part + own for part, own in parts])


class InterConv2d(nn.Conv2d):
    """Convolution of Concat(u; s), the features u of an image and their mean s over its set (equation 3).

    It replaces a convolution of the same inputs and outputs. Convolution is linear, so the weights that read
    s are applied once per set: Conv(Concat(u; s)) = Conv_u(u) + Conv_s(s).

    Parameters
    ----------
    inputs, outputs : int
        Channels of u and of the result.
    kernel_size : int
    grouping : Grouping
    stride, padding : int
        Without a value, the padding keeps the size.
    bias : bool
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        grouping: Grouping,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> None:
        padding = kernel_size // 2 if padding is None else padding
        super().__init__(2 * inputs, outputs, kernel_size, stride, padding, bias=bias)
        self.own, self.grouping = inputs, grouping

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        own, context = self.weight.split(self.own, dim=1)
        kept = F.conv2d(features, own, self.bias, self.stride, self.padding)
        shared = F.conv2d(self.grouping.mean(features), context, None, self.stride, self.padding)
        return self.grouping.add(kept, shared)


class InterLinear(nn.Linear):
    """InterConv in a transformer: a linear layer on features (N, H, W, inputs)."""

    def __init__(self, inputs: int, outputs: int, grouping: Grouping, bias: bool = True) -> None:
        super().__init__(2 * inputs, outputs, bias)
        self.own, self.grouping = inputs, grouping

    def forward(self, features: Tensor) -> Tensor:
        """(N, H, W, inputs) to (N, H, W, outputs)."""
        own, context = self.weight.split(self.own, dim=1)
        kept = F.linear(features, own, self.bias)
        return self.grouping.add(kept, F.linear(self.grouping.mean(features), context))


class SetNetwork(nn.Module):
    """Base class of networks that segment sets with InterConv, and single images without it.

    A subclass builds its layers with `grouping` (None for a baseline) and implements ``segment``.

    Attributes
    ----------
    grouping : Grouping or None
    """

    def __init__(self, interconv: bool) -> None:
        super().__init__()
        self.grouping = Grouping() if interconv else None

    def segment(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, channels, H, W)."""
        raise NotImplementedError

    def forward(self, x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
        """Logits (N, classes, H, W).

        Parameters
        ----------
        x : (N, channels, H, W)
        sizes : sequence of int, optional
            Number of consecutive images in each set; they add up to N. With None, or in a baseline, every
            image is on its own.
        """
        self.group(sizes)
        return self.segment(x)

    def deep(self, x: Tensor, sizes: Sequence[int] | None = None) -> list[Tensor]:
        """Logits that training compares with the label: those of `forward`, with the same parameters.

        A network with deep supervision returns more, at the resolutions ``label[..., ::2, ::2]`` and so on.
        """
        return [self(x, sizes)]

    def group(self, sizes: Sequence[int] | None) -> None:
        """Set the sizes of the sets for all layers."""
        if self.grouping is not None:
            self.grouping.sizes = sizes


def convolution(
    inputs: int, outputs: int, kernel_size: int, grouping: Grouping | None
) -> nn.Conv2d | InterConv2d:
    """Create a convolution that keeps the size, and reads the set context if there is a grouping."""
    if grouping is None:
        return nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)
    return InterConv2d(inputs, outputs, kernel_size, grouping)
