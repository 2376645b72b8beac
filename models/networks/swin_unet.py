"""Swin-Unet (Cao et al., 2022), with or without InterConv (InterConv, section 4 and Table 6)."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbench.models.networks.interconv import Grouping, InterLinear, SetNetwork

WINDOW = 7  # places a side
DEPTH = 2  # blocks a stage, the second of each with shifted windows
HEADS = (3, 6, 12, 24)
PATCH = 4  # pixels a side


def linear(inputs: int, outputs: int, grouping: Grouping | None) -> nn.Linear:
    """A linear layer, widened by the set context where there is a grouping."""
    return nn.Linear(inputs, outputs) if grouping is None else InterLinear(inputs, outputs, grouping)


class WindowAttention(nn.Module):
    """Attention within windows of 7x7 places of a map (N, H, W, C), with a bias by relative position.

    Shifted windows begin three places after the others' edges. Instead of rolling the map, it is padded: what
    lies beyond its edges is no place to attend to.

    With a grouping, queries, keys, values and the output read the set context besides.
    """

    index: Tensor

    def __init__(self, features: int, heads: int, shifted: bool, grouping: Grouping | None) -> None:
        super().__init__()
        self.heads, self.shifted = heads, shifted
        self.qkv = linear(features, 3 * features, grouping)
        self.proj = linear(features, features, grouping)
        self.bias = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        places = torch.cartesian_prod(torch.arange(WINDOW), torch.arange(WINDOW))
        apart = places[:, None] - places + WINDOW - 1  # (49, 49, 2)
        self.register_buffer("index", apart[..., 0] * (2 * WINDOW - 1) + apart[..., 1], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to (N, H, W, C)."""
        top, bottom, left, right = *self._margins(x.shape[1]), *self._margins(x.shape[2])
        margins = (0, 0, left, right, top, bottom)
        parts = _windows(F.pad(self.qkv(x), margins))  # (N, windows, 49, 3C)
        query, key, value = parts.unflatten(3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        real = _windows(F.pad(torch.ones_like(x[:1, ..., :1]), margins))[0]  # (windows, 49, 1)
        bias = self.bias[self.index].permute(2, 0, 1)  # (heads, 49, 49)
        bias = bias.masked_fill(real[:, None, None, :, 0] == 0, float("-inf"))
        mixed = F.scaled_dot_product_attention(query, key, value, bias)  # (N, windows, heads, 49, C / heads)
        whole = _whole(mixed.transpose(2, 3).flatten(3), top + x.shape[1] + bottom)
        return self.proj(whole[:, top : top + x.shape[1], left : left + x.shape[2]])

    def _margins(self, size: int) -> tuple[int, int]:
        """Places to add before and after, for whole windows; a map of one window is not shifted."""
        before = WINDOW - WINDOW // 2 if self.shifted and size > WINDOW else 0
        return before, -(before + size) % WINDOW


def _windows(x: Tensor) -> Tensor:
    """(N, H, W, C) to (N, windows, 49, C)."""
    tiles = x.unflatten(2, (-1, WINDOW)).unflatten(1, (-1, WINDOW))
    return tiles.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def _whole(windows: Tensor, height: int) -> Tensor:
    """(N, windows, 49, C) to (N, H, W, C)."""
    tiles = windows.unflatten(2, (WINDOW, WINDOW)).unflatten(1, (height // WINDOW, -1))
    return tiles.transpose(2, 3).flatten(3, 4).flatten(1, 2)


class Block(nn.Module):
    """Attention and a perceptron, each normalised before and added to what it reads."""

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
    """Four neighbouring places to one of twice the features: (N, H, W, C) to (N, H/2, W/2, 2C)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * features)
        self.reduce = nn.Linear(4 * features, 2 * features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        return self.reduce(self.norm(x.transpose(2, 3).flatten(3)))


class Expand(nn.Module):
    """One place to scale x scale of ``outputs`` features: (N, H, W, C) to (N, scale H, scale W, outputs)."""

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

    Paths are never dropped in training, unlike in the authors' code.

    Parameters
    ----------
    width : int
        Features of the first stage, a multiple of 3 (its heads); they double from stage to stage. Table 6
        pairs a baseline of 96 with InterConv of 84.
    channels, classes : int
        Of input and output.
    interconv : bool
        Whether every attention reads the set context besides.
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
        """A network with the sizes of a checkpoint of this layout."""
        width, channels = state["embed.weight"].shape[:2]
        interconv = state["downs.0.0.attention.qkv.weight"].shape[1] == 2 * width
        return cls(width, channels, state["out.weight"].shape[0], interconv)

    def segment(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, classes, H, W); padded for patches and halvings, then cropped."""
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
    """Weights of linear layers and position biases as in Swin."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, WindowAttention):
        nn.init.trunc_normal_(module.bias, std=0.02)
