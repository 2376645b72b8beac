"""Short names of the six packages in a clone: ``import models`` gives ``segbench.models``.

All code imports ``segbench.models``. In a clone the six folders also lie on the import path. ``import
models`` would then create a second copy of the package, with classes of its own. Each package therefore calls
`alias`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType


def alias(name: str) -> None:
    """Replace a package imported by its short name by the package below ``segbench``."""
    if "." in name:
        return
    sys.modules[name] = importlib.import_module(f"segbench.{name}")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``models.registry`` as ``segbench.models.registry`` if ``models`` is the alias."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        original = sys.modules.get(f"segbench.{package}")
        is_alias = original is not None and sys.modules.get(package) is original
        if not rest or not is_alias or rest.endswith("__main__"):  # ``python -m`` needs the file itself
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"segbench.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec, which the import system has replaced; the module has run already."""
        spec = module.__spec__
        assert spec is not None
        module.__spec__ = spec.loader_state
