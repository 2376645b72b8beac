"""Options whose defaults are those of the function behind the command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import click

POSITIVE = click.IntRange(min=1)


class NumberOrAll(click.ParamType):
    """A number from 1, or the word ``all``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return "all" if value == "all" else POSITIVE.convert(value, param, ctx)


IMAGES = NumberOrAll()
DATA_ROOT = click.Option(["--data-root"], metavar="DIR", help="Folder of the data sets.")


def option(function: Callable[..., Any], flag: str, help: str, **attributes: Any) -> click.Option:
    """An option of a command; ``--some-name`` sets the keyword argument ``some_name`` of `function`."""
    name = flag.removeprefix("--").replace("-", "_")
    default = inspect.signature(function).parameters[name].default
    return click.Option([flag], default=default, help=help, **attributes)
