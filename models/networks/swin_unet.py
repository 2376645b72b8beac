"""Swin-Unet (Cao et al., 2022), with or without InterConv (InterConv, section 4 and Table 6)."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbench.models.networks.interconv import Grouping, InterLinear, SetNetwork

WINDOW = 7  # tokens a side
DEPTH = 2  # blocks of a stage; the second has shifted windows
HEADS = (3, 6, 12, 24)
PATCH = 4  # pixels a side


def linear(inputs: int, outputs: int, grouping: Grouping | None) -> nn.Linear:
    """Create a linear layer, which also reads the set context if there is a grouping."""
    return nn.Linear(inputs, outputs) if grouping is None else InterLinear(inputs, outputs, grouping)


class WindowAttention(nn.Module):
    """Attention within windows of 7x7 tokens of a map (N, H, W, C), with a bias by relative position.

    Shifted windows are offset by three tokens. The map is padded instead of rolled; padding is masked.
    With a grouping, queries, keys, values and the output also read the set context.
    """

    index: Tensor

    def __init__(self, features: int, heads: int, shifted: bool, grouping: Grouping | None) -> None:
        super().__init__()
        self.heads, self.shifted = heads, shifted
        self.qkv = linear(features, 3 * features, grouping)
        self.proj = linear(features, features, grouping)
        self.bias = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        tokens = torch.cartesian_prod(torch.arange(WINDOW), torch.arange(WINDOW))
        offsets = tokens[:, None] - tokens + WINDOW - 1  # (49, 49, 2)
        self.register_buffer("index", offsets[..., 0] * (2 * WINDOW - 1) + offsets[..., 1], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to (N, H, W, C)."""
        top, bottom, left, right = *self._margins(x.shape[1]), *self._margins(x.shape[2])
        margins = (0, 0, left, right, top, bottom)
        windows = _windows(F.pad(self.qkv(x), margins))  # (N, windows, 49, 3C)
        query, key, value = windows.unflatten(3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        inside = _windows(F.pad(torch.ones_like(x[:1, ..., :1]), margins))[0]  # (windows, 49, 1)
        bias = self.bias[self.index].permute(2, 0, 1)  # (heads, 49, 49)
        bias = bias.masked_fill(inside[:, None, None, :, 0] == 0, float("-inf"))
        mixed = F.scaled_dot_product_attention(query, key, value, bias)  # (N, windows, heads, 49, C / heads)
        merged = _merge_windows(mixed.transpose(2, 3).flatten(3), top + x.shape[1] + bottom)
        return self.proj(merged[:, top : top + x.shape[1], left : left + x.shape[2]])

    def _margins(self, size: int) -> tuple[int, int]:
        """Padding before and after, to whole windows; a map of one window is not shifted."""
        before = WINDOW - WINDOW // 2 if self.shifted and size > WINDOW else 0
        return before, -(before + size) % WINDOW


def _windows(x: Tensor) -> Tensor:
    """(N, H, W, C) to (N, windows, 49, C)."""
    tiles = x.unflatten(2, (-1, WINDOW)).unflatten(1, (-1, WINDOW))
    return tiles.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def _merge_windows(windows: Tensor, height: int) -> Tensor:
    """(N, windows, 49, C) to (N, H, W, C)."""
    tiles = windows.unflatten(2, (WINDOW, WINDOW)).unflatten(1, (height // WINDOW, -1))
    return tiles.transpose(2, 3).flatten(3, 4).flatten(1, 2)


class Block(nn.Module):
    """Attention and a perceptron, each with layer normalisation before and a residual connection."""

    def __init__(self, features: int, heads: int, shifted: bool, grouping: Grouping | None) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(features), nn.LayerNorm(features)
        self.attention = WindowAttention(features, heads, shifted, grouping)
        self.mlp = nn.Sequential(
            nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, features)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to (N, H, W, C)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Merge(nn.Module):
    """Merge 2x2 tokens into one of twice the features: (N, H, W, C) to (N, H/2, W/2, 2C)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * features)
        self.reduce = nn.Linear(4 * features, 2 * features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        return self.reduce(self.norm(x.transpose(2, 3).flatten(3)))


class Expand(nn.Module):
    """Expand a token to scale x scale tokens: (N, H, W, C) to (N, scale H, scale W, outputs)."""

    def __init__(self, features: int, outputs: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.expand = nn.Linear(features, scale * scale * outputs, bias=False)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.expand(x).unflatten(3, (self.scale, self.scale, -1))
        return self.norm(x.transpose(2, 3).flatten(3, 4).flatten(1, 2))


class SwinUNet(SetNetwork):
    """Four stages of shifted-window attention down, three up; skips are concatenated and reduced.

    Training has no stochastic depth, unlike the authors' code.

    Parameters
    ----------
    width : int
        Features of the first stage, a multiple of 3 (its heads); they double from stage to stage. Table 6
        pairs a baseline of 96 with InterConv of 84.
    channels, classes : int
        Of input and output.
    interconv : bool
        Whether every attention also reads the set context.
    """

    def __init__(self, width: int, channels: int = 1, classes: int = 21, interconv: bool = False) -> None:
        super().__init__(interconv)
        sizes = [width << level for level in range(len(HEADS))]
        self.embed = nn.Conv2d(channels, width, PATCH, PATCH)
        self.embed_norm = nn.LayerNorm(width)
        self.downs = nn.ModuleList(map(self._stage, sizes, HEADS))
        self.merges = nn.ModuleList(map(Merge, sizes[:-1]))
        self.norm = nn.LayerNorm(sizes[-1])
        self.expands = nn.ModuleList(Expand(size, size // 2, 2) for size in sizes[:0:-1])
        self.reduces = nn.ModuleList(nn.Linear(2 * size, size) for size in sizes[-2::-1])
        self.ups = nn.ModuleList(map(self._stage, sizes[-2::-1], HEADS[-2::-1]))
        self.up_norm = nn.LayerNorm(width)
        self.full = Expand(width, width, PATCH)
        self.out = nn.Conv2d(width, classes, 1, bias=False)
        self.apply(_initialise)

    def _stage(self, features: int, heads: int) -> nn.Sequential:
        blocks = (Block(features, heads, bool(index % 2), self.grouping) for index in range(DEPTH))
        return nn.Sequential(*blocks)

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> Self:
        """Create a network with the sizes of a checkpoint."""
        width, channels = state["embed.weight"].shape[:2]
        interconv = state["downs.0.0.attention.qkv.weight"].shape[1] == 2 * width
        return cls(width, channels, state["out.weight"].shape[0], interconv)

    def segment(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, channels, H, W), padded to multiples of 32."""
        height, width = x.shape[-2:]
        multiple = PATCH << len(self.merges)
        x = F.pad(x, (0, -width % multiple, 0, -height % multiple))
        x = self.embed_norm(self.embed(x).permute(0, 2, 3, 1))
        skips = []
        for down, merge in zip(self.downs, self.merges, strict=False):
            x = down(x)
            skips.append(x)
            x = merge(x)
        x = self.norm(self.downs[-1](x))
        for expand, reduce, up in zip(self.expands, self.reduces, self.ups, strict=True):
            x = up(reduce(torch.cat([expand(x), skips.pop()], dim=3)))
        x = self.full(self.up_norm(x)).permute(0, 3, 1, 2)
        return self.out(x)[..., :height, :width]


def _initialise(module: nn.Module) -> None:
    """Initialise linear layers and position biases as Swin does."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, WindowAttention):
        nn.init.trunc_normal_(module.bias, std=0.02)
