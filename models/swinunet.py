"""SwinUNet: a U-Net of shifted-window attention, without and with InterConv (InterConv, section 4.2)."""

from __future__ import annotations

from dataclasses import replace

from segbench.models.automatic import Automatic
from segbench.models.networks.swin_unet import SwinUNet as Network


class SwinUNet(Automatic):
    """The baseline: every scan on its own."""

    network_class = Network


class SwinUNetInterConv(SwinUNet):
    """All scans of a subject together."""

    capabilities = replace(SwinUNet.capabilities, setwise=True)
    interconv = True
