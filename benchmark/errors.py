"""What can go wrong, said in one sentence, and the exit status that goes with it."""

from __future__ import annotations

import sys

FAILED, USAGE, INTERRUPTED = 1, 2, 130

# Whose messages are meant for people, and are one sentence already.
EXPECTED = {
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
    """One sentence about an error, and the exit status: 1 failed, 2 wrong usage, 130 interrupted."""
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
    return f"unexpected {type(error).__name__}: {error}; run with --debug for the traceback", FAILED


def _expected() -> list[type[Exception]]:
    """The classes of `EXPECTED`; a module that is not loaded, and may be slow to load, has raised nothing."""
    loaded = [(sys.modules[module], name) for module, name in EXPECTED.items() if module in sys.modules]
    return [getattr(module, name) for module, name in loaded]
