"""Registry of models, data sets and protocols: built-in names, entry points and ``module:Class`` names."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from segbench.errors import PLUGINS, USAGE, SegbenchError
from segbench.text import suggestion


@dataclass(frozen=True)
class Local:
    """An entry that only this process and its workers know, with the digest of its content."""

    value: Any
    digest: str


class UnknownName(SegbenchError, LookupError):
    """An unknown model, data set, protocol or figure; the message has advice, or the nearest known name."""

    exit_status = USAGE

    def __init__(self, kind: str, name: str, known: list[str], advice: str = "") -> None:
        super().__init__(f"unknown {kind} {name!r}; {advice or suggestion(name, known)}")


class PluginError(SegbenchError, RuntimeError):
    """A plug-in cannot be used; the message names it."""


@contextmanager
def no_exit(plugin: str) -> Iterator[None]:
    """Turn a plug-in's attempt to end the program, such as ``sys.exit``, into an error; others pass.

    Parameters
    ----------
    plugin : str
        What the message calls it, such as ``the model mine:Mine``.

    Raises
    ------
    PluginError
        In place of every exception that is no `Exception`, except Ctrl-C and the end of a generator.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        reason = ": ".join(filter(None, [type(error).__name__, str(error)]))
        raise PluginError(
            f"{plugin} tried to end the program ({reason}); raise an exception such as RuntimeError instead"
        ) from error


class Registry:
    """Maps names to objects, which are imported on first use.

    Parameters
    ----------
    kind : str
        Kind of the entries, for error messages.
    builtin : mapping of name to ``module:attribute``
    group : str
        Entry-point group of third-party entries.

    Attributes
    ----------
    local : dict of name to `Local`
        Classes and objects that a notebook or script has given; `names` does not list them.
    """

    def __init__(self, kind: str, builtin: Mapping[str, str], group: str) -> None:
        self.kind, self.builtin, self.group = kind, dict(builtin), group
        self.local: dict[str, Local] = {}

    def targets(self) -> dict[str, str]:
        """Return all names with their ``module:attribute``, built-in names first."""
        plugins = {entry.name: entry.value for entry in entry_points(group=self.group)}
        return self.builtin | {name: value for name, value in plugins.items() if name not in self.builtin}

    def names(self) -> list[str]:
        """Return all names, built-in names first."""
        return list(self.targets())

    def __contains__(self, name: str) -> bool:
        # Reading the entry points of all installed packages takes a while.
        return name in self.builtin or name in self.local or name in self.targets()

    def get(self, name: str) -> Any:
        """Return the object of a name, or of ``module:attribute``.

        Raises
        ------
        UnknownName
            If the name, module or attribute does not exist.
        PluginError
            If the module of a plug-in cannot be imported, or is a notebook or script.
        """
        if name in self.local:
            value = self.local[name].value
            PLUGINS.add(value.__module__.partition(".")[0])
            return value
        target = self.builtin.get(name) or self.targets().get(name, name)
        module, colon, attribute = target.partition(":")
        if module.endswith(".py"):
            stem = Path(module).stem
            advice = (
                f"a class of {stem}.py is named {stem}:{attribute or 'CLASS'}, in the folder of that file"
            )
            raise UnknownName(self.kind, name, [], advice)
        if not colon or not all(part.isidentifier() for part in module.split(".")):
            raise UnknownName(self.kind, name, self.names())
        if module == "__main__":
            raise PluginError(
                f"the {self.kind} {name} is defined in a notebook or script; call segbench.run there again, "
                "or put it into a file"
            )
        try:
            imported = importlib.import_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also sys.exit
            if name in self.builtin:
                raise
            missing = isinstance(error, ModuleNotFoundError) and error.name
            if missing and f"{module}.".startswith(f"{missing}."):
                files = difflib.get_close_matches(module, (file.stem for file in Path().glob("*.py")), n=1)
                near = [f"{file}:{attribute}" for file in files]
                file = missing if "." in module else f"{missing}.py"
                advice = f"there is no module {missing}; start the command in the folder of {file}"
                raise UnknownName(self.kind, name, near, "" if near else advice) from error
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"the {self.kind} {name} cannot be imported ({reason}); correct {module}"
            ) from error
        if not hasattr(imported, attribute):
            defined = [
                f"{module}:{other}"
                for other, value in vars(imported).items()
                if getattr(value, "__module__", None) == module
            ]
            raise UnknownName(self.kind, name, [*defined, *self.names()])
        if name not in self.builtin:
            PLUGINS.add(module.partition(".")[0])
        return getattr(imported, attribute)
