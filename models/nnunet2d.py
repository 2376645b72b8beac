"""nnU-Net's 2D plain convolutional U-Net, without and with InterConv (InterConv, section 4.2)."""

from __future__ import annotations

from dataclasses import replace

from segbench.models.automatic import Automatic
from segbench.models.networks.plain_unet import PlainUNet as Network


class NNUNet2d(Automatic):
    """The baseline: every scan on its own."""

    network_class = Network


class NNUNet2dInterConv(NNUNet2d):
    """All scans of a subject together."""

    capabilities = replace(NNUNet2d.capabilities, setwise=True)
    interconv = True
