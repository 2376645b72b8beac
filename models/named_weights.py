"""Weights of a run as one text: the same for all networks, or NAME=WEIGHTS for some of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from segbench.errors import UsageError
from segbench.paths import expanded

NAME = r"[^,=/\\]+="  # a path may have commas and equal signs, unless they read like another NAME=
BUNDLED = "bundled"
WITHOUT_PATH = (BUNDLED, "official")


def by_name(weights: str) -> dict[str, str] | None:
    """Return the weights of each network that a text names, or None if they are the same for all.

    Parameters
    ----------
    weights : str
        ``bundled``, ``official``, a path or an address, for all networks; or ``NAME=`` and one of these, for
        some of them, comma-separated. An existing path is never read as names.

    Raises
    ------
    UsageError
        If a network is named twice, or without weights.

    Examples
    --------
    >>> by_name("sam=hf://facebook/sam-vit-base,medsam=weights/medsam")
    {'sam': 'hf://facebook/sam-vit-base', 'medsam': 'weights/medsam'}
    """
    if not re.match(NAME, weights) or _exists(weights):
        return None
    named: dict[str, str] = {}
    for part in re.split(f",(?={NAME})", weights):
        name, _, value = (text.strip() for text in part.partition("="))
        if not value or name in named:
            fault = f"names {name} twice" if value else f"has nothing after {name}="
            raise UsageError(f"--weights {fault}; write {name}=official or {name}=PATH once")
        named[name] = str(expanded(Path(value))) if value.startswith("~") else value
    return named


def weights_of(weights: str, name: str) -> str:
    """Return the weights of one network: ``bundled`` if a text with names does not name it.

    Examples
    --------
    >>> text = "sam=official,medsam=weights/medsam"
    >>> weights_of(text, "medsam"), weights_of(text, "universeg"), weights_of("official", "universeg")
    ('weights/medsam', 'bundled', 'official')
    """
    named = by_name(weights)
    return weights if named is None else named.get(name, BUNDLED)


def weights_of_all(weights: str, names: Sequence[str]) -> str:
    """Return the part of a text that concerns some networks.

    Examples
    --------
    >>> text = "sam=official,multiverseg=official"
    >>> weights_of_all(text, ["sam"]), weights_of_all(text, ["multiverseg", "scribbleprompt"])
    ('official', 'multiverseg=official,scribbleprompt=bundled')
    """
    chosen = {name: weights_of(weights, name) for name in names}
    return chosen[names[0]] if len(set(chosen.values())) == 1 else as_text(chosen)


def for_others(weights: str) -> str:
    """Return the weights of the networks that a text does not name."""
    return weights if by_name(weights) is None else BUNDLED


def absolute(weights: str) -> str:
    """Return a text with absolute paths in place of those that exist here."""
    named = by_name(weights)
    if named is not None:
        return as_text({name: absolute(path) for name, path in named.items()})
    return str(Path(weights).absolute()) if weights not in WITHOUT_PATH and _exists(weights) else weights


def as_text(weights: str | Path | Mapping[str, str | Path]) -> str:
    """Return weights, which may be given by name, as one text.

    Raises
    ------
    UsageError
        If a path reads like the weights of another network.
    """
    if not isinstance(weights, Mapping):
        return str(weights)
    for value in map(str, weights.values()):
        if re.search(f",{NAME}", value):
            raise UsageError(f"{value} reads like the weights of several models; rename the file or folder")
    return ",".join(f"{name}={value}" for name, value in weights.items()) or BUNDLED


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # a text with many names is too long for a path
        return False
