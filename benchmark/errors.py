"""What can go wrong, said in one sentence, and the exit status that goes with it."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

FAILED, USAGE, INTERRUPTED = 1, 2, 130

# Whose messages are meant for people, and are one sentence already.
EXPECTED = {
    "datasets.lookup": "PluginError",
    "datasets.task": "DataError",
    "models.training.checkpointed": "TrainingError",
    "models.weights": "WeightsError",
    "protocols.config": "ProtocolError",
    "results.statistics": "StatisticsError",
    "results.store": "StoreError",
}


class Failure(RuntimeError):
    """The tool cannot go on; the message is one sentence that says what to do."""


class Usage(Failure):
    """The command was given something that it cannot mean."""


def describe(error: BaseException) -> tuple[str, int]:
    """One sentence about an error, and the exit status: 1 failed, 2 wrong usage, 130 interrupted.

    Names of files and the like are in it as they are, but for what a terminal would obey.
    """
    from benchmark.cli.telling import plain

    text, status = _described(error)
    return plain(" ".join(text.split())), status


def _described(error: BaseException) -> tuple[str, int]:
    from datasets.lookup import UnknownName

    if isinstance(error, KeyboardInterrupt):
        return "interrupted; the same command goes on from what is finished", INTERRUPTED
    if isinstance(error, Usage | UnknownName):
        return str(error), USAGE
    if isinstance(error, (Failure, *_expected())):
        return str(error), FAILED
    if isinstance(error, MemoryError):
        return "out of memory; run again with fewer --workers, finished units are kept", FAILED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", FAILED
    said = f"{type(error).__name__}: {error}"
    return f"{_of_plugin(error) or 'unexpected'} {said}; run with --debug for the traceback", FAILED


def _of_plugin(error: BaseException) -> str | None:
    """Whose fault an error is and where, if it came out of a plug-in's code."""
    from datasets.lookup import PLUGINS

    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if name in PLUGINS:
            return f"the plug-in {name} failed in {Path(frame.f_code.co_filename).name}, line {line}, with"
    return None


def _expected() -> list[type[Exception]]:
    """The classes of `EXPECTED`; a module that is not loaded, and may be slow to load, has raised nothing."""
    loaded = [(sys.modules[module], name) for module, name in EXPECTED.items() if module in sys.modules]
    return [getattr(module, name) for module, name in loaded]
