"""One lazy registry for models, datasets and protocols, with plug-ins and a helpful error."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from segbench.errors import PLUGINS, USAGE, SegbenchError


class UnknownName(SegbenchError, LookupError):
    """No such model, dataset, protocol or figure; the message names the nearest one."""

    exit_status = USAGE

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")


class PluginError(SegbenchError, RuntimeError):
    """A plug-in cannot be used; the message is one sentence that names it."""


class Registry:
    """Names to objects, imported only when asked for.

    Parameters
    ----------
    kind : str
        What error messages call an entry.
    builtin : mapping of name to ``module:attribute``
    group : str
        Entry-point group of third-party entries. ``module:attribute`` works as a name too.
    """

    def __init__(self, kind: str, builtin: Mapping[str, str], group: str) -> None:
        self.kind, self.builtin, self.group = kind, dict(builtin), group

    def targets(self) -> dict[str, str]:
        """All names, the built-in ones first, each with its ``module:attribute``."""
        return self.builtin | {e.name: e.value for e in entry_points(group=self.group)}

    def names(self) -> list[str]:
        return list(self.targets())

    def get(self, name: str) -> Any:
        """The object behind a name.

        Raises
        ------
        UnknownName
            If there is no such name, module or attribute.
        PluginError
            If the module of a plug-in cannot be imported.
        """
        targets = self.targets()
        target = targets.get(name, name)
        module, colon, attribute = target.partition(":")
        if not colon or not all(part.isidentifier() for part in module.split(".")):
            raise UnknownName(self.kind, name, list(targets))
        try:
            found = importlib.import_module(module)
        except (Exception, SystemExit) as error:
            if name in self.builtin:
                raise
            absent = isinstance(error, ModuleNotFoundError) and error.name
            if absent and f"{module}.".startswith(f"{absent}."):
                raise UnknownName(self.kind, name, list(targets)) from error
            told = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"the {self.kind} {name} cannot be imported ({told}); correct {module}"
            ) from error
        if not hasattr(found, attribute):
            raise UnknownName(self.kind, name, list(targets))
        if name not in self.builtin:
            PLUGINS.add(module.partition(".")[0])
        return getattr(found, attribute)
