"""The command line: one module per subcommand."""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from segbench.errors import Failure, describe
from segbench.paths import PACKAGE

COMMANDS = ("run", "report", "check", "compare", "list", "data", "weights", "train")


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta["debug"] = context.meta.get("debug", False) or value


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show the traceback of an error.",
    )


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show each warning of this project once, as a note without a line of code."""
    show_other, shown = warnings.showwarning, set()

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any, **more: Any
    ) -> None:
        if category is UserWarning and Path(filename).is_relative_to(PACKAGE):
            if str(message) not in shown:
                click.echo(f"Note: {message}", err=True)
            shown.add(str(message))
        else:
            show_other(message, category, filename, lineno, *rest, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = show_other


class OneSentence(click.ClickException):
    """An error as people see it: one line and an exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = status  # type: ignore[misc]


class Tool(click.Group):
    """A group that imports a subcommand when it is used, and turns every error into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # `list` is also the name of a module here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"segbench.benchmark.cli.{cmd_name}").command
        if not any(p.name == "debug" for p in command.params):
            command.params.append(_debug_option())
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _plain_warnings():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except BaseException as error:  # also SystemExit, by which a plug-in would end a run with status 0
            if ctx.meta["debug"]:
                traceback.print_exception(error)
            raise OneSentence(*describe(error)) from error


@click.group(
    cls=Tool,
    params=[_debug_option()],
    context_settings={"show_default": True},
    epilog="\b\nExample:\n  python -m benchmark run && python -m benchmark report",
)
def cli() -> None:
    """Benchmark interactive and in-context segmentation models, reproducibly."""
    try:
        here = str(Path.cwd())
    except FileNotFoundError as error:
        raise Failure("the current folder has been removed; change to a folder that exists") from error
    if here not in sys.path:  # `module:Class` names may refer to modules in the current folder
        sys.path.append(here)
