"""Options and commands whose defaults are those of the function behind the command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import click

POSITIVE = click.IntRange(1, 100_000)  # a larger number is a typing error that would fill the memory
DEVICES = click.Choice(["auto", "cpu", "cuda"])
PRECISIONS = click.Choice(["auto", "float32", "bfloat16"])


class NumberOrAll(click.ParamType):
    """A number from 1, or the word ``all``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return "all" if value == "all" else POSITIVE.convert(value, param, ctx)


class Share(click.FloatRange):
    """A number above 0 and up to 1, but not ``nan``."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        return self.fail(f"{value} is not a number.", param, ctx) if number != number else number


IMAGES = NumberOrAll()
SHARE = Share()
DATA_ROOT = click.Option(
    ["--data-root"],
    metavar="DIR",
    help="Folder that contains the data sets.  [default: $SEGBENCH_DATA, else the user's cache]",
)
FORMAT = click.Option(
    ["--format"],
    type=click.Choice(["text", "json"]),
    default="text",
    help="Print text for people, or JSON for programs.",
)


def option(function: Callable[..., Any], flag: str, help: str, **attributes: Any) -> click.Option:
    """Create an option; ``--some-name`` sets the keyword argument ``some_name`` of `function`."""
    name = flag.removeprefix("--").replace("-", "_")
    default = inspect.signature(function).parameters[name].default
    return click.Option([flag], default=default, help=help, **attributes)


def command_of(
    name: str, callback: Callable[..., Any], help: str, example: str, *params: click.Parameter
) -> click.Command:
    """Create a command whose help ends with an example.

    Parameters
    ----------
    name : str
    callback : callable
        Takes the values of all parameters by keyword.
    help : str
        Its first line is the short help.
    example : str
        One or several command lines.
    *params : click.Parameter
    """
    return click.Command(
        name,
        callback=callback,
        help=help,
        epilog=f"\b\nExample:\n  {example}",
        short_help=help.partition("\n")[0],
        params=list(params),
    )
