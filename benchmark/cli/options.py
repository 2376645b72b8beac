"""Commands and options; types and defaults are those of the function behind a command."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from segbench.benchmark.api import run

POSITIVE = click.IntRange(1, 100_000)  # a larger number is a typing error that would fill the memory


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


class Choice(click.Choice[str]):
    """One of a few words; the error for another word suggests the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from segbench.registry import UnknownName

        if value not in self.choices and param is not None:
            raise UnknownName(f"value of {param.opts[0]}:", value, [*self.choices])
        return super().convert(value, param, ctx)


def texts_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return the first paragraph about each parameter in a docstring, by name; the others are for Python."""
    text = inspect.getdoc(function) or ""
    section = text.partition("Parameters\n----------\n")[2].partition("\n\nReturns\n")[0]
    entries = re.split(r"^(\w+) : .*\n", section, flags=re.MULTILINE)[1:]
    paragraphs = (inspect.cleandoc(text).partition("\n\n")[0] for text in entries[1::2])
    return {name: text.replace("\n", " ") for name, text in zip(entries[::2], paragraphs, strict=True)}


FOLDER_TEXT = texts_of(run)["data_root"]
IMAGES = NumberOrAll()
SHARE = Share()
METAVARS = {"output": "DIR", "data_root": "DIR", "protocol": "NAMES", "models": "NAMES", "datasets": "NAMES"}
DATA_ROOT = click.Option(["--data-root"], metavar="DIR", help=FOLDER_TEXT)
FORMAT = click.Option(
    ["--format"],
    type=Choice(["text", "json"]),
    default="text",
    help="Print text for people, or JSON for programs.",
)


def options_of(
    function: Callable[..., Any], texts: Mapping[str, str], **settings: Mapping[str, Any]
) -> list[click.Parameter]:
    """Create an option for each keyword argument of a function that has a help text.

    Parameters
    ----------
    function : callable
        A literal type becomes a choice, an optional number a positive one, a bool a flag.
    texts : mapping
        Help texts by names of keyword arguments, in the order of the help.
    **settings : mapping
        Settings of single options that differ from these, such as ``type`` and ``metavar``.
    """
    hints, parameters = get_type_hints(function), inspect.signature(function).parameters
    options: list[click.Parameter] = []
    for name, text in texts.items():
        hint, default = hints[name], parameters[name].default
        derived: dict[str, Any] = {"metavar": METAVARS.get(name)}
        if get_origin(hint) is Literal:
            derived["type"] = click.Choice(get_args(hint))
        elif hint == int | None:
            derived["type"] = POSITIVE
        elif hint is bool:
            derived["is_flag"] = True
        derived |= settings.get(name, {})
        flag = f"--{name.replace('_', '-')}"
        options.append(click.Option([flag], default=default, help=text, **derived))
    return options


def command_of(
    name: str, callback: Callable[..., Any], help: str, example: str, *params: click.Parameter
) -> click.Command:
    """Create a command whose help ends with an example; the first line of `help` is the short help."""
    return click.Command(
        name,
        callback=callback,
        help=help,
        epilog=f"\b\nExample:\n  {example}",
        short_help=help.partition("\n")[0],
        params=list(params),
    )
