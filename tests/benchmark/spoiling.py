"""Rows of tables of bad inputs, and ways to spoil one file of a folder, each a function of that folder."""

from __future__ import annotations

import io
import json
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

Spoil = Callable[[Path], Any]


FAILED, USAGE = 1, 2


class Bad(NamedTuple):
    """A bad input.

    Attributes
    ----------
    what : str
        In a few words.
    words : str
        The command, as in a shell; ``SERVER`` stands for the address of a server.
    status : int
        1 failed, 2 wrong usage.
    message : str
        A part of the one sentence.
    spoil : callable, optional
        Breaks the file at fault in a folder.
    keeps : str
        What may be left nevertheless, and all below it.
    """

    what: str
    words: str
    status: int
    message: str
    spoil: Spoil | None = None
    keeps: str = ""


def options(words: str, status: int, *rows: tuple[str, str, str]) -> list[Bad]:
    """Make rows of a fault, further words of a command, and a part of the message."""
    return [Bad(what, f"{words} {more}", status, message) for what, more, message in rows]


def files(words: str, status: int, *rows: tuple[str, str, Spoil]) -> list[Bad]:
    """Make rows of a fault, a part of the message, and a function that spoils a file before the command."""
    return [Bad(what, words, status, message, spoil) for what, message, spoil in rows]


def faults(words: str, status: int, *rows: tuple[str, str, str]) -> list[Bad]:
    """As `options`, of what is found only when a run has begun, whose folder is there then without a unit."""
    return [bad._replace(keeps="new") for bad in options(words, status, *rows)]


def cut(name: str, left: float = 0.6) -> Spoil:
    """Keep only the beginning."""

    def spoil(here: Path) -> None:
        content = (here / name).read_bytes()
        (here / name).write_bytes(content[: int(len(content) * left)])

    return spoil


def put(name: str, content: bytes | str = "not what it should be") -> Spoil:
    """Write something else."""

    def spoil(here: Path) -> None:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return spoil


def remove(name: str) -> Spoil:
    return lambda here: shutil.rmtree(here / name) if (here / name).is_dir() else (here / name).unlink()


def flip(name: str) -> Spoil:
    """Change one bit in the middle."""

    def spoil(here: Path) -> None:
        content = bytearray((here / name).read_bytes())
        content[len(content) // 2] ^= 16
        (here / name).write_bytes(content)

    return spoil


def picture(name: str, values: np.ndarray) -> Spoil:
    return lambda here: Image.fromarray(values).save(here / name)


def array(name: str, values: np.ndarray) -> Spoil:
    def spoil(here: Path) -> None:
        (here / name).with_suffix(".png").unlink()
        np.save(here / name, values)

    return spoil


def volume(name: str, values: np.ndarray, affine: np.ndarray | None = None) -> Spoil:
    def spoil(here: Path) -> None:
        import nibabel

        nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), here / name)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    return lambda here: [spoil(here) for spoil in spoils]


def edit(name: str, **changes: Any) -> Spoil:
    """Change entries of a JSON file; None takes one away."""

    def spoil(here: Path) -> None:
        content = json.loads((here / name).read_text()) | changes
        (here / name).write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return spoil


def every(pattern: str, way: Callable[..., Spoil], *given: Any, **named: Any) -> Spoil:
    """Spoil the first file that matches a pattern in one way."""
    return lambda here: way(str(min(here.glob(pattern)).relative_to(here)), *given, **named)(here)


def saved(name: str, content: Any) -> Spoil:
    return lambda here: torch.save(content, here / name)


def link(name: str, target: str) -> Spoil:
    def spoil(here: Path) -> None:
        (here / name).unlink(missing_ok=True)
        (here / name).symlink_to(target)

    return spoil


def zipped(*entries: str | zipfile.ZipInfo, content: bytes = b"content") -> Spoil:
    def spoil(here: Path) -> None:
        with zipfile.ZipFile(here / "pack.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for entry in entries:
                file.writestr(entry, content)

    return spoil


def tarred(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Spoil:
    def spoil(here: Path) -> None:
        with tarfile.open(here / "pack.zip", "w:gz") as file:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            file.addfile(entry)

    return spoil


class Code:
    """Unpickling it writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("pickled-code-ran"),)


def unix_link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("pack/link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def gigantic_png() -> bytes:
    """A header that claims a million by a million pixels, and nothing else."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 10**6, 10**6, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def gigantic_npy() -> bytes:
    """A header that claims 10^9 x 10^9 numbers."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
    )
    return stream.getvalue()


def gigantic_nifti() -> bytes:
    """A header that claims 32767 x 32767 x 32767 voxels."""
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((32767, 32767, 32767))
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + b"\0" * 100


def meta_image(size: str, data: str) -> str:
    """The header of a MetaImage whose voxels are in another file, or follow (``LOCAL``)."""
    lines = "ObjectType = Image", "NDims = 3", f"DimSize = {size}", "ElementType = MET_SHORT"
    return "\n".join([*lines, f"ElementDataFile = {data}", ""])
