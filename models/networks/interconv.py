"""InterConv: layers through which the images of a set share what they see (InterConv, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Grouping:
    """Which images of a batch form a set; shared by all layers of a network.

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
        # Added one by one: a reduction over the first dimension takes several times as long on a CPU.
        parts = features.split(list(self.sizes))
        return torch.stack([reduce(torch.add, part) / len(part) for part in parts])

    def add(self, features: Tensor, shared: Tensor) -> Tensor:
        """Add to the features of each image (N, ...) those of its set (sets, ...)."""
        if self.sizes is None:
            return features + shared
        if len(set(self.sizes)) == 1:
            together = features.unflatten(0, (len(shared), -1)) + shared[:, None]
            return together.flatten(0, 1)  # no copy, unlike joining the parts
        parts = zip(features.split(list(self.sizes)), shared, strict=True)
        return torch.cat([part + own for part, own in parts])


class InterConv2d(nn.Conv2d):
    """Convolution of Concat(u; s), the features u of an image and their mean s over its set (equation 3).

    It takes the place of a convolution with as many inputs and outputs. The weights that read s are applied
    once a set, as convolving is linear: Conv(Concat(u; s)) = Conv_u(u) + Conv_s(s).

    Parameters
    ----------
    inputs, outputs : int
        Channels of u and of the result.
    kernel_size : int
    grouping : Grouping
    stride, padding : int
        Padding keeps the size where it is not given.
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
    """The same with a kernel of one place, on features (N, H, W, inputs): InterConv in a transformer."""

    def __init__(self, inputs: int, outputs: int, grouping: Grouping, bias: bool = True) -> None:
        super().__init__(2 * inputs, outputs, bias)
        self.own, self.grouping = inputs, grouping

    def forward(self, features: Tensor) -> Tensor:
        """(N, H, W, inputs) to (N, H, W, outputs)."""
        own, context = self.weight.split(self.own, dim=1)
        kept = F.linear(features, own, self.bias)
        return self.grouping.add(kept, F.linear(self.grouping.mean(features), context))


class SetNetwork(nn.Module):
    """A network that takes sets if it was made with InterConv, and single images if not.

    Subclasses build their layers with `grouping`, or with None for a baseline, and say how images go through
    them (``segment``).

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
            Images in a row that form each set, N in all; every image is on its own without it, and in a
            baseline.
        """
        self.group(sizes)
        return self.segment(x)

    def deep(self, x: Tensor, sizes: Sequence[int] | None = None) -> list[Tensor]:
        """Logits that a training compares with the label, here those of `forward` alone; parameters as there.

        A network that is trained with deep supervision has more, of ``label[..., ::2, ::2]`` and so on.
        """
        return [self(x, sizes)]

    def group(self, sizes: Sequence[int] | None) -> None:
        """Say which images form a set, for all layers."""
        if self.grouping is not None:
            self.grouping.sizes = sizes


def convolution(
    inputs: int, outputs: int, kernel_size: int, grouping: Grouping | None
) -> nn.Conv2d | InterConv2d:
    """A convolution that keeps the size, widened by the set context where there is a grouping."""
    if grouping is None:
        return nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)
    return InterConv2d(inputs, outputs, kernel_size, grouping)
