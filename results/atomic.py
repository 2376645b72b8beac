"""Files and folders that appear on a disk complete or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

DAY = 86400.0  # seconds


@cache
def _machine() -> str:
    """Identify the scope of process numbers: this host since its start, or a container on it."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def temporary_path(folder: Path) -> Path:
    """A fresh name with process and machine, by which leftovers differ from work in progress."""
    return folder / f".tmp-{os.getpid()}-{uuid.uuid4().hex}@{_machine()}"


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files whose process on this machine has ended, or that are a day old."""
    for entry in folder.glob(".tmp-*"):
        name = re.fullmatch(r"\.tmp-(\d+)-\w+@(.*)", entry.name)
        ended = name is not None and name[2] == _machine() and not _alive(int(name[1]))
        with suppress(FileNotFoundError):  # its writer has just finished
            if ended or time.time() - entry.stat().st_mtime > DAY:
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()


def _alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere, signal 0 is not a question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write(file: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def link(temporary: Path, file: Path) -> None:
    """Give a complete file its name unless the name is taken."""
    try:
        file.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not file.exists():
            temporary.replace(file)


def sync(folder: Path) -> None:
    """Make a rename survive a power cut, on systems that can sync a folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
