"""nnU-Net as a model: a trained network behind nnU-Net's own predictor."""

from __future__ import annotations

import pickle
import re
import subprocess
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import torch
from torch import Tensor

from segbench.models.nnunet.pipeline import child_command, last_line, require_nnunet
from segbench.models.nnunet.raw import as_png
from segbench.models.weights import WeightsError, training_metadata
from segbench.protocols.adapter import Capabilities, Query

NETWORK_CLASSES = re.compile(
    r"dynamic_network_architectures\.architectures\.\w+\.[A-Z]\w*|torch\.nn(\.modules\.\w+)?\.[A-Z]\w*"
)
"""Classes of networks and layers that nnU-Net's plans may name."""


class NNUNet:
    """A network that nnU-Net has trained on the task (MultiverSeg, section 5.4).

    The first query starts a child process, which predicts. Only the image is used.

    Parameters
    ----------
    weights : Path
        File written by ``train nnunet``.
    device : str
    """

    title = "nnU-Net"
    licence = "Apache-2.0"
    trained_on = "each task"
    capabilities = Capabilities(needs_training=True)
    version = 1

    def __init__(self, weights: Path, device: str) -> None:
        self.weights, self.device = weights, device
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter of one trained network; ``precision`` is ignored, as nnU-Net chooses its own.

        Raises
        ------
        WeightsError
            If the file is absent or of another kind, or nnU-Net is not installed.
        """
        path = Path(weights)
        if not path.is_file():
            raise WeightsError(
                f"{name} has no weights {weights}; train it: python -m benchmark train {name} --datasets NAME"
            )
        plans = training_metadata(path).get("plans")
        if plans is None:
            raise WeightsError(
                f"{path} does not hold a network of nnU-Net; train one: python -m benchmark train nnunet"
            )
        check_plans(plans, path)
        require_nnunet()
        return cls(path, device)

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W) in float32: log-probability of the foreground minus that of the background."""
        images = query.image[:, 0].float().cpu().numpy()
        logits = np.stack([self._predict_image(as_png(image)) for image in images])[:, None]
        return torch.from_numpy(logits).to(query.image.device)

    def _predict_image(self, image: np.ndarray) -> np.ndarray:
        process = self._process = self._process or self._start()
        assert process.stdin and process.stdout
        try:
            pickle.dump(image, process.stdin)
            process.stdin.flush()
            return pickle.load(process.stdout)  # from our own child process
        except (OSError, EOFError) as error:
            process.wait()
            self._log.seek(0)
            reason = last_line(self._log.read().decode(errors="replace"))
            raise WeightsError(f"nnU-Net cannot predict with {self.weights}: {reason}") from error

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            child_command(
                "predict", device=self.device, kind=self.device.partition(":")[0], weights=str(self.weights)
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        weakref.finalize(self, _end_process, process)
        return process


def check_plans(plans: Any, path: Path) -> None:
    """Refuse plans that name anything but parts of a network, as nnU-Net imports and calls what they name."""
    try:
        configurations = plans["configurations"].values()
        architectures = [entry["architecture"] for entry in configurations if "architecture" in entry]
        names = [entry["network_class_name"] for entry in architectures]
        names += [
            entry["arch_kwargs"][key] for entry in architectures for key in entry["_kw_requires_import"]
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path} has plans that are not nnU-Net's; train it again") from error
    for name in names:
        if name is not None and not NETWORK_CLASSES.fullmatch(str(name)):
            raise WeightsError(f"{path} names {name!r}, which is not part of a network; do not use this file")


def _end_process(process: subprocess.Popen[Any]) -> None:
    """Close the child's pipes, which ends it."""
    assert process.stdin and process.stdout
    process.stdin.close()
    process.stdout.close()
    process.wait()
