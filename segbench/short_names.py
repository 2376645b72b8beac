"""The six packages by their short names, as they lie in a clone: ``import models`` is ``segbench.models``.

All code imports ``segbench.models``. From a clone, where the six folders lie on the import path, ``models`` works
too and must not be a second copy with classes of its own. Each package therefore calls `alias` in its
``__init__``; nothing happens when it was imported by its full name.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType


def alias(name: str) -> None:
    """Replace a package that is being imported by its short name by the one below ``segbench``."""
    if "." in name:
        return
    sys.modules[name] = importlib.import_module(f"segbench.{name}")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``models.registry`` as ``segbench.models.registry``, where ``models`` is ours."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        ours = sys.modules.get(f"segbench.{package}")
        # ``python -m`` runs the file itself.
        if not rest or rest.endswith("__main__") or ours is None or sys.modules.get(package) is not ours:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"segbench.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run; the import system has put the alias's spec in place of the module's own."""
        spec = module.__spec__
        assert spec is not None
        module.__spec__ = spec.loader_state
