"""Options whose defaults are those of the function behind the command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import click

POSITIVE = click.IntRange(1, 100_000)  # more is a slip, and would only fill the memory


class NumberOrAll(click.ParamType):
    """A number from 1, or the word ``all``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return "all" if value == "all" else POSITIVE.convert(value, param, ctx)


class Share(click.FloatRange):
    """A number above 0 and up to 1, which ``nan`` is not."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        return self.fail(f"{value} is no number.", param, ctx) if number != number else number


IMAGES = NumberOrAll()
SHARE = Share()
DATA_ROOT = click.Option(["--data-root"], metavar="DIR", help="Folder of the data sets.")


def option(function: Callable[..., Any], flag: str, help: str, **attributes: Any) -> click.Option:
    """An option of a command; ``--some-name`` sets the keyword argument ``some_name`` of `function`."""
    name = flag.removeprefix("--").replace("-", "_")
    default = inspect.signature(function).parameters[name].default
    return click.Option([flag], default=default, help=help, **attributes)
