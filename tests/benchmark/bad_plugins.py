"""Plug-ins that do not work, by name as ``bad_plugins:Class``."""

from __future__ import annotations

import os
import sys
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


class Panic(BaseException):
    """What libraries in Rust raise: no Exception."""


class Exits(Brush):
    def predict(self, query: Any) -> torch.Tensor:
        sys.exit(0)


class Panics(Brush):
    def predict(self, query: Any) -> torch.Tensor:
        raise Panic("index out of range")


class EndsProcess(Brush):
    def predict(self, query: Any) -> torch.Tensor:
        os._exit(0)


class ExitsInInit(Brush):
    def __init__(self) -> None:
        sys.exit("no licence")


class _Exiting(type):
    @property
    def capabilities(cls) -> Capabilities:
        sys.exit(0)


class ExitsInCapabilities(metaclass=_Exiting):
    def predict(self, query: Any) -> torch.Tensor:
        return query.image


class SourceExitsInInit(Toys):
    def __init__(self) -> None:
        sys.exit(0)


class SourceExitsInTasks(Toys):
    def tasks(self, root: Any) -> Any:
        yield from super().tasks(root)
        sys.exit(0)


class SourceExitsInLoad(Toys):
    def load(self, task: Any, root: Any) -> Any:
        sys.exit("no key")


class ListsNothing(Toys):
    def tasks(self, root: Any) -> Any:
        return None


class LoadsNothing(Toys):
    def load(self, task: Any, root: Any) -> Any:
        return None
