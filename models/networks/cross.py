"""UniverSeg (Butoi et al., 2023) and MultiverSeg (section 3.2.1, A.1): U-Nets of cross blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FILLING = 64  # images that use a GPU fully


def _rows(x: Tensor, batch: int) -> Tensor:
    """Reshape (B m, C, H, W) to (B, m, H W C): no copy in channels-last memory, where sums are fastest."""
    return x.permute(0, 2, 3, 1).reshape(batch, x.shape[0] // batch, -1)


def _sum(support: Tensor, batch: int) -> Tensor:
    """Sum the m entries of a chunk, (B m, C, H, W) to (B, C, H, W), in float32 if m > 1."""
    if len(support) == batch:
        return support
    _, channels, height, width = support.shape
    total = _rows(support, batch).sum(dim=1, dtype=torch.float32)
    return total.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class CrossConv(nn.Module):
    """Convolution of a target with every context entry, split by channel to convolve the target once."""

    def __init__(self, target: int, support: int, outputs: int) -> None:
        super().__init__()
        self.target_channels = target
        self.cross_conv = nn.Conv2d(target + support, outputs, 3, padding=1)

    def own(self, target: Tensor) -> Tensor:
        """Convolve the target's channels: (B, Ct, H, W) to (B, C, H, W)."""
        weight = self.cross_conv.weight[:, : self.target_channels]
        return F.conv2d(target, weight, self.cross_conv.bias, padding=1)

    def forward(self, own: Tensor, support: Tensor) -> Tensor:
        """Convolve context entries (B m, Cs, H, W) and add the target's part: (B m, C, H, W)."""
        v = F.conv2d(support, self.cross_conv.weight[:, self.target_channels :], padding=1)
        mixed = _rows(v, len(own)) + _rows(own, len(own))
        return mixed.reshape(v.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)


class ConvOp(nn.Module):
    """3x3 convolution, LeakyReLU and, in MultiverSeg, LayerNorm over (C, H, W) with per-channel affine."""

    def __init__(self, inputs: int, outputs: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        if norm:
            self.norml = nn.GroupNorm(1, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv(x), inplace=True)
        return self.norml(x) if hasattr(self, "norml") else x


class Vmapped(nn.Module):
    """Holds an operation under the name it has in the released checkpoints."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.vmapped = operation

    def forward(self, x: Tensor) -> Tensor:
        return self.vmapped(x)


class CrossBlock(nn.Module):
    """Mixes target and context features and returns both, updated (MultiverSeg, equation 4)."""

    def __init__(
        self, target: int, support: int, width: int, norm: bool, activation: bool, cross_norm: bool
    ) -> None:
        super().__init__()
        self.cross = CrossConv(target, support, width)
        self.activation = activation
        if cross_norm:
            self.cross_norm = nn.GroupNorm(1, width)
        self.target = Vmapped(ConvOp(width, width, norm))
        self.support = Vmapped(ConvOp(width, width, norm))

    def alone(self, target: Tensor) -> Tensor:
        """Update the features of a target without a context, whose weights count as 0."""
        mixed = self.cross.own(target)
        if self.activation:
            mixed = F.leaky_relu(mixed)
        if hasattr(self, "cross_norm"):
            mixed = self.cross_norm(mixed)
        return self.target(mixed)

    def forward(
        self, target: Tensor, support: Iterable[Tensor], last: bool = False, fixed: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Update the features of the target and of the context.

        Parameters
        ----------
        target : (B, Ct, H, W)
        support : tensors (B m, Cs, H, W)
            Chunks of m context entries.
        last : bool
            Whether this is the last block: its context features are not needed and not returned.
        fixed : bool
            Whether the features of the context get no gradient.
        """
        own = self.cross.own(target)
        total, addend = (torch.zeros_like(own, dtype=torch.float32) for _ in range(2))
        entries, updated = 0, []
        for chunk in support:
            mixed = self.cross(own, chunk)
            if self.activation:
                mixed = F.leaky_relu(mixed)
            if hasattr(self, "cross_norm"):
                mixed = self.cross_norm(mixed)
            total += addend.copy_(
                _sum(mixed, len(own))
            )  # a single operation would allocate memory every time
            entries += len(mixed) // len(own)
            if not last:
                with torch.set_grad_enabled(torch.is_grad_enabled() and not fixed):
                    updated.append(self.support(mixed))
        return self.target(total.div_(entries).to(own.dtype)), updated


class OutConv(nn.Module):
    """1x1 output convolution without activation."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def _chunks(context: Tensor) -> list[Tensor]:
    """Split a context (B, n, 2, H, W) into tensors (B m, 2, H, W) in channels-last memory.

    On a CPU m is 1 in prediction: features stay in the cache and memory is reused. On a GPU a chunk has about
    `FILLING` images. Training keeps all features for its gradients, so there the context is one chunk.
    """
    size = 1 if context.device.type == "cpu" else max(1, FILLING // len(context))
    chunks = context.split(context.shape[1] if torch.is_grad_enabled() else size, dim=1)
    return [chunk.flatten(0, 1).contiguous(memory_format=torch.channels_last) for chunk in chunks]


class CrossUNet(nn.Module):
    """Encoder and decoder of cross blocks with skips for target and context.

    Parameters
    ----------
    target_channels : int
        Channels of the target input.
    width : int
        Features of every block.
    norm, activation : bool
        LayerNorm after the target and support operations; LeakyReLU after the cross convolution.
    stages : int
        Encoder blocks; the decoder has one fewer.
    cross_norm : bool
        LayerNorm after the cross convolution, as the paper describes and the release leaves out.
    bilinear : bool
        Downsample bilinearly (paper) instead of by max-pooling (release).
    """

    def __init__(
        self,
        target_channels: int,
        width: int,
        norm: bool,
        activation: bool,
        stages: int = 4,
        cross_norm: bool = False,
        bilinear: bool = False,
    ) -> None:
        super().__init__()
        flags = (norm, activation, cross_norm)
        self.bilinear = bilinear
        self.enc_blocks = nn.ModuleList(
            CrossBlock(width, width, width, *flags)
            if stage
            else CrossBlock(target_channels, 2, width, *flags)
            for stage in range(stages)
        )
        self.dec_blocks = nn.ModuleList(
            CrossBlock(2 * width, 2 * width, width, *flags) for _ in range(stages - 1)
        )
        self.out_conv = OutConv(width)

    @staticmethod
    def width_of(state: dict[str, Tensor]) -> int:
        """Width of a checkpoint of this layout."""
        return state["out_conv.conv.weight"].shape[1]

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> Self:
        """Create a network with the sizes of a checkpoint."""
        return cls(cls.width_of(state))  # type: ignore[call-arg, arg-type]

    def _down(self, x: Tensor) -> Tensor:
        if self.bilinear:
            return F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
        return F.max_pool2d(x, 2)

    @staticmethod
    def _joined(x: Tensor, skip: Tensor) -> Tensor:
        """Concatenate upsampled decoder features and encoder features."""
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return torch.cat([x, skip], dim=1)

    def alone(self, target: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of a target (B, target_channels, H, W) without a context.

        The weights that read the context count as 0: the network is then a U-Net of two convolutions a block.
        """
        down: list[CrossBlock] = [*self.enc_blocks]  # type: ignore[list-item]
        up: list[CrossBlock] = [*self.dec_blocks]  # type: ignore[list-item]
        target = target.contiguous(memory_format=torch.channels_last)
        skips = []
        for block in down[:-1]:
            target = block.alone(target)
            skips.append(target)
            target = self._down(target)
        target = down[-1].alone(target)
        for block in up:
            target = block.alone(self._joined(target, skips.pop()))
        return self.out_conv(target)

    def forward(self, target: Tensor, images: Tensor, labels: Tensor, fixed: bool = False) -> Tensor:
        """Logits of a target given its context.

        Parameters
        ----------
        target : (B, target_channels, H, W)
        images, labels : (B, n, 1, H, W) with n >= 1, values in [0, 1]
        fixed : bool
            Whether the features of the context get no gradient, which takes most of a training's time.

        Returns
        -------
        Tensor (B, 1, H, W)
        """
        target = target.contiguous(memory_format=torch.channels_last)
        support: Iterable[Tensor] = _chunks(torch.cat([images, labels], dim=2))
        skips = []
        for block in self.enc_blocks[:-1]:
            target, features = block(target, support, fixed=fixed)
            skips.append((target, features))
            target, support = self._down(target), map(self._down, features)
        target, features = self.enc_blocks[-1](target, support, fixed=fixed)
        for block in self.dec_blocks:
            skip, skip_features = skips.pop()
            support = map(self._joined, features, skip_features)
            last = block is self.dec_blocks[-1]
            target, features = block(self._joined(target, skip), support, last, fixed)
        return self.out_conv(target)


class UniverSeg(CrossUNet):
    """The released UniverSeg layout; width 64 in its checkpoint (1,182,785 parameters)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__(1, width, norm=False, activation=False)


class MultiverSeg(CrossUNet):
    """The released MultiverSeg layout; width 256 in its checkpoint (18,903,297 parameters).

    ``paper=True`` builds the network that the paper describes: five encoder stages, LayerNorm after the
    cross convolution, bilinear downsampling.
    """

    CHANNELS = 5  # image, box, positive, negative, previous logits

    def __init__(self, width: int = 256, paper: bool = False) -> None:
        super().__init__(
            self.CHANNELS,
            width,
            norm=True,
            activation=True,
            stages=5 if paper else 4,
            cross_norm=paper,
            bilinear=paper,
        )
