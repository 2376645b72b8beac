"""Plug-ins that do not work, by name as ``bad_plugins:Class``."""

from __future__ import annotations

from typing import Any

import torch
from toys import Brush, Toys

from segbench.benchmark import Capabilities


class NoCapabilities:
    def predict(self, query: Any) -> torch.Tensor:
        return query.image


class NoPredict:
    capabilities = Capabilities(interactive=True)


class NeedsArguments(Brush):
    def __init__(self, width: int) -> None:
        self.width = width


class RaisesInInit(Brush):
    def __init__(self) -> None:
        raise RuntimeError("no licence was found")


class WrongShape(Brush):
    def predict(self, query: Any) -> torch.Tensor:
        return query.image[..., 1:]


class Numpy(Brush):
    def predict(self, query: Any) -> Any:
        return query.image.numpy()


class FailsLate(Brush):
    def __init__(self) -> None:
        raise OSError("no display")


class Bug(Brush):
    def predict(self, query: Any) -> torch.Tensor:
        return torch.cat([query.image, query.image[:, :, 1:]])


class TwoLines(Brush):
    def predict(self, query: Any) -> torch.Tensor:
        raise ValueError("first line.\nSecond line")


class NoSource:
    name = "nothing"


class BadSource(Toys):
    def tasks(self, root: Any) -> Any:
        return {}["tasks"]


class BadLoad(Toys):
    def load(self, task: Any, root: Any) -> Any:
        return [][0]
