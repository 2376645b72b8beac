"""Errors that end in one sentence for people, and the exit status that goes with each."""

from __future__ import annotations

import traceback
from pathlib import Path

from segbench.text import printable

FAILED, USAGE, INTERRUPTED = 1, 2, 130

PLUGINS: set[str] = set()
"""Packages from which plug-ins were imported in this process, so that errors can name them."""


class SegbenchError(Exception):
    """Base of all errors whose message is meant for people: one sentence that says what to do."""

    exit_status = FAILED


class Failure(SegbenchError, RuntimeError):
    """A command cannot go on."""


class UsageError(SegbenchError, ValueError):
    """A command was given a value that it cannot use."""

    exit_status = USAGE


def describe(error: BaseException) -> tuple[str, int]:
    """Describe an error in one sentence, with the exit status: 1 failed, 2 wrong usage, 130 interrupted.

    Characters that a terminal would obey, in file names for example, are spelled out.
    """
    text, status = _describe(error)
    return printable(" ".join(text.split())), status


def _describe(error: BaseException) -> tuple[str, int]:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; the same command continues with what is not finished", INTERRUPTED
    if isinstance(error, SegbenchError):
        return str(error), error.exit_status
    if isinstance(error, MemoryError):
        return "out of memory; run again with fewer --workers, finished units are kept", FAILED
    if isinstance(error, OSError):
        file = f"{error.filename}: " if error.filename else ""
        return f"{file}{error.strerror or error}", FAILED
    origin = _plugin_location(error) or "unexpected"
    return f"{origin} {type(error).__name__}: {error}; run with --debug for the traceback", FAILED


def _plugin_location(error: BaseException) -> str | None:
    """The plug-in, file and line that raised an error, or None if no plug-in did."""
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in PLUGINS:
            return f"the plug-in {package} failed in {Path(frame.f_code.co_filename).name}, line {line}, with"
    return None
