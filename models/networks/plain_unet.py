"""nnU-Net's plain convolutional U-Net in 2D, with or without InterConv (InterConv, section 4 and Table 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch.nn.functional as F
from torch import Tensor, nn

from segbench.models.networks.interconv import InterConv2d, SetNetwork
from segbench.models.weights import WeightsError


class PlainUNet(SetNetwork):
    """Six stages of two convolutions down and five up, as nnunetv2 builds and initialises it.

    Parameters
    ----------
    width : int
        Features of the first stage; those of the others are 2, 4, 8, 16 and 16 times as many. Table 5 pairs
        a baseline of 32 with InterConv of 23.
    channels, classes : int
        Of input and output.
    interconv : bool
        Whether every 3x3 convolution also reads the set context.

    Raises
    ------
    WeightsError
        If the package that builds the network is not installed.
    """

    MULTIPLES = (1, 2, 4, 8, 16, 16)
    STRIDES = (1, 2, 2, 2, 2, 2)

    def __init__(self, width: int, channels: int = 1, classes: int = 21, interconv: bool = False) -> None:
        try:
            from dynamic_network_architectures.architectures.unet import PlainConvUNet
        except ImportError as error:
            raise WeightsError(
                "nnU-Net's network needs another package: pip install 'segbench[nnunet]'"
            ) from error

        super().__init__(interconv)
        stages = len(self.MULTIPLES)
        self.net = PlainConvUNet(
            channels,
            stages,
            [width * multiple for multiple in self.MULTIPLES],
            nn.Conv2d,
            kernel_sizes=3,
            strides=self.STRIDES,
            n_conv_per_stage=2,
            num_classes=classes,
            n_conv_per_stage_decoder=2,
            conv_bias=True,
            norm_op=nn.InstanceNorm2d,
            norm_op_kwargs={"eps": 1e-5, "affine": True},
            nonlin=nn.LeakyReLU,
            nonlin_kwargs={"inplace": True},
            deep_supervision=True,
        )
        self._rebuild()
        self.net.apply(PlainConvUNet.initialize)

    def _rebuild(self) -> None:
        """Remove second names of layers, which checkpoints hold once, and widen the 3x3 convolutions."""
        from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU

        del self.net.decoder.encoder
        for block in self.net.modules():
            if isinstance(block, ConvDropoutNormReLU):
                if self.grouping is not None:
                    inputs, outputs = block.conv.in_channels, block.conv.out_channels
                    stride = block.conv.stride[0]
                    block.all_modules[0] = InterConv2d(inputs, outputs, 3, self.grouping, stride)
                del block.conv, block.norm, block.nonlin

    @classmethod
    def like(cls, state: dict[str, Tensor]) -> Self:
        """Create a network with the sizes of a checkpoint."""
        first, second = (
            state[f"net.encoder.stages.0.0.convs.{index}.all_modules.0.weight"].shape for index in (0, 1)
        )
        factor = second[1] // second[0]  # 2 with InterConv
        classes = state["net.decoder.seg_layers.0.weight"].shape[0]
        return cls(first[0], first[1] // factor, classes, factor == 2)

    def segment(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, channels, H, W); one side must exceed 32 pixels."""
        return self._scales(x)[0]

    def deep(self, x: Tensor, sizes: Sequence[int] | None = None) -> list[Tensor]:
        """Logits at five resolutions, for training with deep supervision.

        Parameters as for the network itself.

        Returns
        -------
        list of tensors
            (N, classes, h, w) with h and w as of ``label[..., ::step, ::step]``, step 1, 2, 4, 8, 16.
        """
        self.group(sizes)
        return self._scales(x)

    def _scales(self, x: Tensor) -> list[Tensor]:
        """Logits of every decoder stage, the largest first, for images padded to multiples of 32."""
        height, width = x.shape[-2:]
        scales = self.net(F.pad(x, (0, -width % 32, 0, -height % 32)))
        return [y[..., : -(-height >> level), : -(-width >> level)] for level, y in enumerate(scales)]
