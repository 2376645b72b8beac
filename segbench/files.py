"""Checks of files before they are read, and files that are written whole."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from segbench.errors import Failure, reason_of


def require_regular(file: Path) -> Path:
    """Return a path unless it is a pipe, a socket or a device, from which a reader could wait forever.

    Raises
    ------
    OSError
        If it is one of these; the error names the file. An absent file is no error here.
    """
    with suppress(FileNotFoundError):
        mode = file.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError(f"{file} is a pipe or a device, not a file")
    return file


def write_file(file: Path, content: str | bytes) -> Path:
    """Write a file whole or not at all; text in UTF-8. Its folder is created.

    Libraries that write files of their own make many errors of a full disk. They write to memory instead.

    Raises
    ------
    Failure
        If the file cannot be written; the sentence names it and the reason.
    """
    part = file.with_name(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise Failure(f"{file} cannot be written: {reason_of(error)}") from error
    return file
