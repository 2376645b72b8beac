"""SimpleUNet, a U-Net of one convolution a level, with or without InterConv (InterConv, Table 4)."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbench.models.networks.interconv import SetNetwork, convolution


class SimpleUNet(SetNetwork):
    """Four convolutions down, each before a max-pool, and four up; equal features at every level.

    The ScribblePrompt-UNet of the InterConv paper is this network with 5 channels and one class: its number
    of parameters excludes the bottleneck of the released ScribblePrompt.

    Parameters
    ----------
    width : int
        Features of every level. Table 4 pairs baselines of 24 to 400 with InterConv of 16 to 282.
    channels, classes : int
        Of input and output.
    interconv : bool
        Whether every 3x3 convolution also reads the set context.
    """

    LEVELS = 4

    def __init__(self, width: int, channels: int = 1, classes: int = 21, interconv: bool = False) -> None:
        super().__init__(interconv)
        self.downs = nn.ModuleList(
            convolution(width if level else channels, width, 3, self.grouping) for level in range(self.LEVELS)
        )
        self.ups = nn.ModuleList(convolution(2 * width, width, 3, self.grouping) for _ in range(self.LEVELS))
        self.out = nn.Conv2d(width, classes, 1)

    @staticmethod
    def width_of(state: dict[str, Tensor]) -> int:
        """Width of a checkpoint of this layout."""
        return state["out.weight"].shape[1]

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> Self:
        """Create a network with the sizes of a checkpoint."""
        classes, width = state["out.weight"].shape[:2]
        inputs = state["downs.1.weight"].shape[1]
        factor = inputs // width  # 2 with InterConv
        return cls(width, state["downs.0.weight"].shape[1] // factor, classes, factor == 2)

    def segment(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, channels, H, W) of any size, padded to multiples of 16."""
        height, width = x.shape[-2:]
        multiple = 2**self.LEVELS
        x = F.pad(x, (0, -width % multiple, 0, -height % multiple))
        skips = []
        for down in self.downs:
            x = F.leaky_relu(down(x))
            skips.append(x)
            x = F.max_pool2d(x, 2)
        for up in self.ups:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = F.leaky_relu(up(torch.cat([skips.pop(), x], dim=1)))
        return self.out(x)[..., :height, :width]
