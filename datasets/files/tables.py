"""Small tables that people write: subjects, splits, labels, and lists of images."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from segbench.datasets.task import DataError
from segbench.files import require_regular

COLUMNS = {
    "image": ("image", "filename", "imagefilename", "imagefile", "imagepath"),
    "mask": (
        "mask",
        "maskfilename",
        "maskfile",
        "maskpath",
        "segmentation",
        "segmentationfilename",
        "segmentationfile",
        "segmentationpath",
    ),
    "file": ("file", "filename", "image", "imagefilename", "imagefile", "imagepath"),
    "subject": ("subject", "subjectid", "patient", "patientid", "participant", "participantid"),
}
"""Names of the columns of a meaning, as `plain_name` makes them; others have one name."""

NEAR = 0.75  # similarity of a misspelt name, as difflib measures it
EDGES = re.compile(r"^[\s\u200b\u2060\ufeff]+|[\s\u200b\u2060\ufeff]+$")  # also blanks of no width


def read_text(file: Path) -> str:
    """Read a text file in UTF-8, or in UTF-16 if a byte order mark says so.

    OSError or ValueError if it cannot be read.
    """
    content = require_regular(file).read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def clean(text: str) -> str:
    """Make texts that look the same the same: no blanks around them, and one form of accents (NFC)."""
    return unicodedata.normalize("NFC", EDGES.sub("", text))


def plain_name(text: str) -> str:
    """A name without capitals, blanks, dots, hyphens and underscores."""
    return re.sub(r"[\s_.-]+", "", clean(text)).casefold()


def spelling(subject: str) -> str:
    """A subject's name without capitals and blanks, in which two spellings of one subject are equal."""
    return "".join(unicodedata.normalize("NFKC", clean(subject)).casefold().split())


def read_csv(file: Path) -> tuple[list[str], list[list[str]]]:
    """Read the header and the rows of a CSV file; a comma, semicolon or tab separates its cells.

    Rows have as many cells as the header; rows without any content are left out.

    Raises
    ------
    DataError
        If the file cannot be read, or a row is longer than the header.
    """
    try:
        text = read_text(file)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
        header, *rows = [cells for cells in lines if any(map(clean, cells))] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file} cannot be read ({error}); save it as CSV in UTF-8") from error
    for number, cells in enumerate(rows, start=1):
        if any(map(clean, cells[len(header) :])):
            raise DataError(
                f"{file} row {number} has {len(cells)} cells and the header {len(header)}; name each column, "
                "and quote cells that contain a separator"
            )
    return header, [[*cells, *[""] * (len(header) - len(cells))][: len(header)] for cells in rows]


def find_column(meaning: str, header: Sequence[str], file: Path) -> int | None:
    """Position of the column with a meaning; None if there is none, DataError if there are several.

    A column without a name, such as the row names that R and pandas write, has no meaning.
    """
    names = COLUMNS.get(meaning, (meaning,))
    found = [position for position, name in enumerate(header) if plain_name(name) in names]
    if len(found) > 1:
        several = " and ".join(repr(header[position]) for position in found)
        raise DataError(
            f"{file} has several columns for the {meaning}, {several}; keep or rename all but one"
        )
    return found[0] if found else None


def without_column(meaning: str, header: Sequence[str], file: Path) -> DataError:
    """Make the error for a table that lacks a column; it names the nearest column, or all that are there."""
    names = named_columns(header)
    near = difflib.get_close_matches(meaning, {plain_name(name): name for name in names}, 1, NEAR)
    if near:
        meant = next(name for name in names if plain_name(name) == near[0])
        return DataError(f"{file} lacks the column {meaning!r}; did you mean {meant!r}? Rename that column")
    return DataError(f"{file} lacks the column {meaning!r}; its columns are {', '.join(names) or 'missing'}")


def meant_column(name: str, meanings: Iterable[str]) -> str | None:
    """The meaning that a column without one probably has, by its name; None if no name is near."""
    known = {each: meaning for meaning in meanings for each in COLUMNS.get(meaning, (meaning,))}
    near = difflib.get_close_matches(plain_name(name), known, 1, NEAR)
    return known[near[0]] if near else None


def named_columns(header: Iterable[str]) -> list[str]:
    """The columns that somebody has named; pandas calls the others ``Unnamed: 0`` and so on."""
    return [clean(name) for name in header if not re.match(r"$|unnamed:", plain_name(name))]


def read_columns(file: Path, first: str, second: str) -> list[tuple[str, str]]:
    """Read two columns of a CSV file, without blanks around the cells.

    Raises
    ------
    DataError
        As of `read_csv`, or if a column is missing or there are two of it.
    """
    header, rows = read_csv(file)
    positions = []
    for column in (first, second):
        position = find_column(column, header, file)
        if position is None:
            raise without_column(column, header, file)
        positions.append(position)
    return [(clean(cells[positions[0]]), clean(cells[positions[1]])) for cells in rows]


def _separator(text: str) -> str:
    """The separator that cuts the header of a CSV file into most cells."""
    header = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    return max(",;\t", key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))
