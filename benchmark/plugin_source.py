"""Digests of the source of plug-ins, on which the keys of their units depend."""

from __future__ import annotations

import hashlib
import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

from segbench.models.remote import is_remote
from segbench.registry import PluginError, Registry

SUFFIXES = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)
UNREAD = {"segbench", "builtins", "__main__"}  # modules whose files are not those of a plug-in

# By imported module; a process goes on with the code that it has imported, whatever the file contains later.
_imported: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()


def source_of(registry: Registry, name: str) -> dict[str, str]:
    """Return the digest of the source of a plug-in, by what it is called; empty for built-in entries.

    The source is the file of the module, or all source and compiled files of the package it lies in. Modules
    outside that package which the plug-in imports are not included. Of a class or object of a notebook, the
    digest of its content counts, and the files of its class's package if that can be imported. Of a model in
    another environment, the versions of its packages count, too.

    Raises
    ------
    PluginError
        If the source cannot be read, or has changed since it was imported.

    Examples
    --------
    >>> from segbench.models.registry import MODELS
    >>> source_of(MODELS, "multiverseg")
    {}
    """
    if name in registry.builtin:
        return {}
    local = registry.local.get(name)
    entry = registry.get(name)
    if registry.kind == "model" and is_remote(name):
        return {f"source of {registry.kind} {name}": entry.source}
    defined_in = (entry if isinstance(entry, type) else type(entry)).__module__
    named = defined_in if local else registry.targets().get(name, name).partition(":")[0]
    packages = {module.partition(".")[0] for module in (named, defined_in)} - UNREAD
    digests = [_digest(package, f"{registry.kind} {name}") for package in sorted(packages)]
    digests += [local.digest] if local else []
    if not digests:
        return {}
    return {f"source of {registry.kind} {name}": hashlib.sha256("".join(digests).encode()).hexdigest()}


def _digest(package: str, plugin: str) -> str:
    module = sys.modules[package]
    total = hashlib.sha256()
    try:
        for name, file in _files(module):
            total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    except OSError as error:
        raise PluginError(
            f"the source of the {plugin} cannot be read; put it in a file that Python can import"
        ) from error
    digest = total.hexdigest()
    if _imported.setdefault(module, digest) != digest:
        raise PluginError(
            f"the source of the {plugin} has changed since this process imported it; start Python again, or "
            "the workers of a Dask cluster"
        )
    return digest


def _files(module: ModuleType) -> list[tuple[str, Path]]:
    """Return the files of a top-level module or package, with names that do not depend on its place."""
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    files = sorted(
        (file.relative_to(folder).as_posix(), file)
        for folder in folders
        for file in folder.rglob("*")
        if file.name.endswith(SUFFIXES)
    )
    if files:
        return files
    file = Path(getattr(module, "__file__", None) or "")
    return [(file.name, file)]
