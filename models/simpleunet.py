"""SimpleUNet: a U-Net of one convolution a level, without and with InterConv (InterConv, section 4.2)."""

from __future__ import annotations

from dataclasses import replace

from segbench.models.automatic import Automatic
from segbench.models.networks.simple_unet import SimpleUNet as Network


class SimpleUNet(Automatic):
    """The baseline: every scan on its own."""

    network_class = Network


class SimpleUNetInterConv(SimpleUNet):
    """All scans of a subject together."""

    capabilities = replace(SimpleUNet.capabilities, setwise=True)
    interconv = True
