"""Automatic models: every structure of a scan at once, without interactions (InterConv, section 4.2).

Three architectures, each without InterConv (every scan on its own) and with InterConv (all scans of a subject
together). A model averages the probabilities of networks trained from several initialisations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import ClassVar, Self

import torch
from torch import Tensor

from segbench.models.network_adapter import DTYPES, micro_batch, on_device
from segbench.models.networks.interconv import SetNetwork
from segbench.models.networks.plain_unet import PlainUNet
from segbench.models.networks.simple_unet import SimpleUNet
from segbench.models.networks.swin_unet import SwinUNet
from segbench.models.weights import BUNDLED, load_state, trained_files, training_metadata
from segbench.protocols.adapter import Capabilities, Query

EMBEDDED_TASK = "brain-phantom_longitudinal_MR_coronal_all-structures"  # the bundled weights learnt this task


def best_files(name: str, folder: Path) -> list[Path]:
    """Weights of the width with the best Dice on the validation scans, one file per initialisation.

    Raises
    ------
    WeightsError
        If the folder holds none, or one cannot be read.
    """
    widths = [list(files) for _, files in groupby(trained_files(name, folder), key=_width)]
    return max(
        widths, key=lambda files: fmean(training_metadata(file).get("val_dice", 0.0) for file in files)
    )


def _width(file: Path) -> str:
    return file.stem.split("-")[-2]


class Automatic:
    """Base class of automatic models.

    Parameters
    ----------
    networks : sequence of SetNetwork
        One network from several initialisations.
    device : str
    precision : {"float32", "bfloat16"}
    """

    licence = "MIT"
    trained_on = "each task"
    capabilities = Capabilities(automatic=True, needs_training=True)
    network_class: ClassVar[type[SetNetwork]]
    channels: ClassVar[int] = 1
    interconv: ClassVar[bool] = False

    def __init__(
        self, networks: Sequence[SetNetwork], device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        self.networks = [on_device(network, self.device, self.dtype) for network in networks]
        self.micro_batch = micro_batch(self.networks[0])

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter from the weights in a task's folder; ``bundled`` is the brain phantom's folder.

        Raises
        ------
        WeightsError
            If the folder holds none, or one is damaged or of another layout.
        """
        folder = BUNDLED / EMBEDDED_TASK if weights == "bundled" else Path(weights)
        files = best_files(name, folder)
        return cls([load_state(cls.network_class, file) for file in files], device, precision)

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Log-probabilities (B, classes, H, W) in float32 on the query's device."""
        image = query.image.to(self.device, self.dtype)
        probabilities = [network(image, query.sets).float().softmax(dim=1) for network in self.networks]
        return torch.stack(probabilities).mean(dim=0).clamp(min=1e-30).log().to(query.image.device)


class SimpleUNetModel(Automatic):
    """U-Net with one convolution per level (InterConv, Table 4)."""

    title = "SimpleUNet"
    network_class = SimpleUNet


class SimpleUNetInterConv(SimpleUNetModel):
    """SimpleUNet with InterConv."""

    title = "SimpleUNet-InterConv"
    capabilities = replace(Automatic.capabilities, setwise=True)
    interconv = True


class NNUNet2d(Automatic):
    """nnU-Net's plain convolutional U-Net in 2D (InterConv, Table 5)."""

    title = "nnU-Net 2D"
    network_class = PlainUNet


class NNUNet2dInterConv(NNUNet2d):
    """nnU-Net 2D with InterConv."""

    title = "nnU-Net 2D-InterConv"
    capabilities = replace(Automatic.capabilities, setwise=True)
    interconv = True


class SwinUNetModel(Automatic):
    """U-Net of shifted-window attention (InterConv, Table 6)."""

    title = "SwinUNet"
    network_class = SwinUNet


class SwinUNetInterConv(SwinUNetModel):
    """SwinUNet with InterConv."""

    title = "SwinUNet-InterConv"
    capabilities = replace(Automatic.capabilities, setwise=True)
    interconv = True
