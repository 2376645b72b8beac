"""Errors that end in one sentence for people, and the exit status that goes with each."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from segbench.text import printable

FAILED, USAGE, INTERRUPTED = 1, 2, 130

PLUGINS: set[str] = set()
"""Packages from which plug-ins were imported in this process, so that errors can name them."""

_SPACE = "free some space or choose another folder"
_PERMISSION = "change the permissions or choose another place"
ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "choose a place on another disk",
    errno.ENOENT: "correct the path",
    errno.ENOTDIR: "give a folder in its place",
    errno.EISDIR: "give a file in its place",
    errno.EEXIST: "choose another place",
    errno.ELOOP: "the link leads to itself; correct it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "check the disk",
    errno.ESTALE: "mount the disk again",
}
"""What to do about an error of a disk, by its number."""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


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
        return f"{file}{reason_of(error)}", FAILED
    if disk := _disk_error(error):
        return _describe(disk)
    origin = _plugin_location(error) or "unexpected"
    return f"{origin} {type(error).__name__}: {error}; run with --debug for the traceback", FAILED


def reason_of(error: OSError) -> str:
    """Return the reason of an error of a disk or a network, and what to do if that is known."""
    advice = ADVICE.get(error.errno or 0)
    return f"{error.strerror or error}{f'; {advice}' if advice else ''}"


def _disk_error(error: BaseException) -> OSError | None:
    """Return the error of a full or broken disk in whose handling a library raised another one, or None."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _DISK:
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _plugin_location(error: BaseException) -> str | None:
    """The plug-in, file and line that raised an error, or None if no plug-in did."""
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in PLUGINS:
            return f"the plug-in {package} failed in {Path(frame.f_code.co_filename).name}, line {line}, with"
    return None
