"""What the automatic adapters share: initialisations averaged in probability (InterConv, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import ClassVar, Self

import torch
from torch import Tensor

from segbench.models.network_adapter import DTYPES, micro_batch, placed
from segbench.models.networks.interconv import SetNetwork
from segbench.models.weights import BUNDLED, load_state, trained_files, training_of
from segbench.protocols.adapter import Capabilities, Query

EMBEDDED_TASK = "brain-phantom_longitudinal_MR_coronal_all-structures"  # what the bundled weights are of


def chosen_files(name: str, folder: Path) -> list[Path]:
    """Weights of the width that did best on the performance-validation scans, one file an initialisation.

    Raises
    ------
    WeightsError
        If there are none, or one cannot be read.
    """
    widths = [list(files) for _, files in groupby(trained_files(name, folder), key=_width)]
    return max(widths, key=lambda files: fmean(_score(file) for file in files))


def _width(file: Path) -> str:
    return file.stem.split("-")[-2]


def _score(file: Path) -> float:
    return training_of(file).get("val_dice", 0.0)


class Automatic:
    """Networks that label every structure of an image at once.

    A subclass names its ``network_class``; one with InterConv has ``interconv`` and is setwise.

    Parameters
    ----------
    networks : sequence of SetNetwork
        The same network from several initialisations.
    device : str
    precision : {"float32", "bfloat16"}
    """

    capabilities = Capabilities(automatic=True, needs_training=True)
    network_class: ClassVar[type[SetNetwork]]
    channels: ClassVar[int] = 1
    interconv: ClassVar[bool] = False

    def __init__(
        self, networks: Sequence[SetNetwork], device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        self.networks = [placed(network, self.device, self.dtype) for network in networks]
        self.micro_batch = micro_batch(self.networks[0])

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Adapter with the weights in the folder of a task; ``bundled`` are those of the brain phantom.

        Raises
        ------
        WeightsError
            If there are none, or one is damaged or of another layout.
        """
        folder = BUNDLED / EMBEDDED_TASK if weights == "bundled" else Path(weights)
        files = chosen_files(name, folder)
        return cls([load_state(cls.network_class, file) for file in files], device, precision)

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Log-probabilities (B, classes, H, W) in float32 on the query's device."""
        image = query.image.to(self.device, self.dtype)
        shares = [network(image, query.sets).float().softmax(dim=1) for network in self.networks]
        return torch.stack(shares).mean(dim=0).clamp(min=1e-30).log().to(query.image.device)
