"""nnU-Net as a model: the prediction of a trained network by nnU-Net's own predictor."""

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

from segbench.models.nnunet.pipeline import child, last_line, require_nnunet
from segbench.models.nnunet.raw import as_png
from segbench.models.weights import WeightsError, training_of
from segbench.protocols.adapter import Capabilities, Query

PARTS = re.compile(
    r"dynamic_network_architectures\.architectures\.\w+\.[A-Z]\w*|torch\.nn(\.modules\.\w+)?\.[A-Z]\w*"
)
"""Classes of networks and layers that nnU-Net's plans name."""


class NNUNet:
    """A network that nnU-Net has trained on the task (MultiverSeg, section 5.4).

    It is asked in a child process, which the first query starts. Nothing but the image is read.

    Parameters
    ----------
    weights : Path
        File that ``train nnunet`` has made.
    device : str
    """

    capabilities = Capabilities(needs_training=True)
    version = 1

    def __init__(self, weights: Path, device: str) -> None:
        self.weights, self.device = weights, device
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Adapter of one trained network; it computes as nnU-Net does, whatever the precision.

        Raises
        ------
        WeightsError
            If there is no such file, it is of another kind, or nnU-Net is not installed.
        """
        path = Path(weights)
        if not path.is_file():
            raise WeightsError(
                f"{name} has no weights {weights}; train it: python -m benchmark train {name} --datasets NAME"
            )
        plans = training_of(path).get("plans")
        if plans is None:
            raise WeightsError(f"{path} is no network of nnU-Net")
        _assert_plain(plans, path)
        require_nnunet()
        return cls(path, device)

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W): what foreground is ahead of background, in float32."""
        images = query.image[:, 0].float().cpu().numpy()
        logits = np.stack([self._answer(as_png(image)) for image in images])[:, None]
        return torch.from_numpy(logits).to(query.image.device)

    def _answer(self, image: np.ndarray) -> np.ndarray:
        process = self._process = self._process or self._start()
        assert process.stdin and process.stdout
        try:
            pickle.dump(image, process.stdin)
            process.stdin.flush()
            return pickle.load(process.stdout)  # what the child pickled
        except (OSError, EOFError) as error:
            process.wait()
            self._log.seek(0)
            reason = last_line(self._log.read().decode(errors="replace"))
            raise WeightsError(f"nnU-Net cannot predict with {self.weights}: {reason}") from error

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            child(
                "predict", device=self.device, kind=self.device.partition(":")[0], weights=str(self.weights)
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        weakref.finalize(self, _end, process)
        return process


def _assert_plain(plans: Any, path: Path) -> None:
    """WeightsError if plans name what is no part of a network; nnU-Net imports and calls whatever it is."""
    try:
        found = [each["architecture"] for each in plans["configurations"].values() if "architecture" in each]
        named = [each["network_class_name"] for each in found]
        named += [each["arch_kwargs"][key] for each in found for key in each["_kw_requires_import"]]
    except (TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path} has plans that are not nnU-Net's; train it anew") from error
    for name in named:
        if name is not None and not PARTS.fullmatch(str(name)):
            raise WeightsError(f"{path} asks for {name!r}, which is no part of a network; do not use it")


def _end(process: subprocess.Popen[Any]) -> None:
    """Let the child end, as nobody will ask any more."""
    assert process.stdin and process.stdout
    process.stdin.close()
    process.stdout.close()
    process.wait()
