"""ScribblePrompt-UNet in the layout of its released checkpoint (Wong et al., 2024)."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvPReLU(nn.Module):
    """3x3 convolution and a PReLU with one parameter."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.PReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Pointwise(nn.Module):
    """1x1 output convolution without activation."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(inputs, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class ScribblePromptUNet(nn.Module):
    """U-Net of one convolution a level: four down, a bottleneck, four up.

    Parameters
    ----------
    width : int
        Features of every level; 192 in the released checkpoint (3,991,882 parameters).
    """

    LEVELS = 4
    CHANNELS = 5  # image, box, positive, negative, previous logits

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.downs = nn.ModuleList(
            ConvPReLU(width if level else self.CHANNELS, width) for level in range(self.LEVELS)
        )
        self.bottleneck = ConvPReLU(width, width)
        # The released list alternates upsamplings without weights and convolutions: weights have odd indices.
        steps: list[nn.Module] = []
        for _ in range(self.LEVELS):
            steps += [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)]
            steps += [ConvPReLU(2 * width, width)]
        self.ups = nn.ModuleList(steps)
        self.final_conv = Pointwise(width)

    @staticmethod
    def width_of(state: dict[str, Tensor]) -> int:
        """Width of a checkpoint of this layout."""
        return state["bottleneck.conv.0.weight"].shape[0]

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> Self:
        """Create a network with the sizes of a checkpoint."""
        return cls(cls.width_of(state))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of inputs (B, 5, H, W); H and W are multiples of 16."""
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for upsample, conv in zip(self.ups[::2], self.ups[1::2], strict=True):
            x = conv(torch.cat([skips.pop(), upsample(x)], dim=1))
        return self.final_conv(x)
