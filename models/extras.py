"""Optional packages, which some models need."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from segbench.models.weights import WeightsError


def optional(module: str, model: str, extra: str) -> ModuleType:
    """Import a module of an optional package.

    A torchvision that cannot be imported counts as missing, as transformers works without it but not beside a
    broken one. PyPI's torchvision breaks beside a torch for CPUs.

    Parameters
    ----------
    module : str
    model : str
        The model that needs it, for the message.
    extra : str
        Extra of this project that installs it.

    Raises
    ------
    WeightsError
        If the module cannot be imported.
    """
    if module.partition(".")[0] == "transformers" and "torchvision" not in sys.modules:
        try:
            importlib.import_module("torchvision")
        except Exception:  # a broken build raises errors of all kinds
            sys.modules["torchvision"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(module)
    except Exception as error:
        reason = "" if isinstance(error, ImportError) else f" ({type(error).__name__}: {error})"
        raise WeightsError(
            f"{model} needs another package{reason}: pip install 'segbench[{extra}]'"
        ) from error
