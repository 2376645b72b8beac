"""Text for people: printable strings, counted nouns, command lines."""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any


def printable(text: str) -> str:
    """Escape all characters that a terminal would obey instead of showing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count_of(1, "task"), count_of(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def amount(count: int, unit: str) -> str:
    """Return a number with its unit, which is in plural, as protocols name what an interaction is.

    Examples
    --------
    >>> amount(1, "boxes"), amount(1, "scribble steps"), amount(3, "clicks")
    ('1 box', '1 scribble step', '3 clicks')
    """
    return f"{count} {unit if count != 1 else re.sub('(?<=x)es$|s$', '', unit)}"


def join_names(names: Sequence[str], most: int | None = None) -> str:
    """Join names by commas and "and"; with ``most``, the names beyond it are counted.

    Examples
    --------
    >>> join_names(["teeth", "vessels", "lungs"]), join_names(["teeth", "vessels", "lungs"], most=1)
    ('teeth, vessels and lungs', 'teeth and 2 more')
    """
    names = list(names)
    if most is not None and len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def split_names(text: str) -> list[str]:
    """Split a list of names at its commas, except those in quotes of a command line after ``@cmd:``.

    Examples
    --------
    >>> split_names("multiverseg,mine:Mine@cmd:docker run --gpus 'device=0,1' image")
    ['multiverseg', "mine:Mine@cmd:docker run --gpus 'device=0,1' image"]
    """
    if "@cmd:" not in text:
        return text.split(",")
    return re.findall(r"""[^,@]*@cmd:(?:'[^']*'|"[^"]*"|[^,])*|[^,]+""", text)


def suggestion(name: str, known: Iterable[str], cutoff: float = 0.4) -> str:
    """Return a question for the known name that is nearest to an unknown one, or all known names.

    Examples
    --------
    >>> suggestion("subjct", ["file", "subject"]), suggestion("x", ["file", "subject"])
    ('did you mean subject?', 'known: file, subject')
    """
    names = [*known]
    near = difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def significant(value: float, digits: int) -> str:
    """Return a number with some significant digits, without trailing zeros.

    Digits before the decimal point are never rounded away. Only numbers below a millionth have an exponent.

    Examples
    --------
    >>> significant(99.7, 2), significant(0.01234, 2), significant(18_903_297.0, 3)
    ('100', '0.012', '18903297')
    """
    if not math.isfinite(value) or 0 < abs(value) < 1e-6:
        return f"{value:.{digits}g}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    rounded = Decimal(f"{value:.{max(digits, whole) - 1}e}")
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def render_command(command: str, arguments: Mapping[str, Any], *operands: object) -> str:
    """Return the command line of a subcommand, quoted for a shell.

    Parameters
    ----------
    command : str
        Name of the subcommand, such as ``run``.
    arguments : mapping
        Options by the names of their keyword arguments. True is a flag, None and False are left out, and a
        sequence of names is joined by commas.
    *operands : object
        Arguments without a name, such as the folder of a run.

    Examples
    --------
    >>> render_command("run", {"protocol": "center-clicks", "max_steps": 5, "dry_run": True})
    'python -m benchmark run --protocol center-clicks --max-steps 5 --dry-run'
    >>> render_command("report", {"only": ["fig3", "fig4"]}, "results/my run")
    "python -m benchmark report 'results/my run' --only fig3,fig4"
    """
    words = ["python", "-m", "benchmark", command, *map(str, operands)]
    for name, value in arguments.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(",".join(value) if isinstance(value, list | tuple) else str(value))
    return shlex.join(words)
