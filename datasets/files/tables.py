"""Small tables that people write: subjects, splits, labels."""

from __future__ import annotations

import csv
from pathlib import Path

from segbench.datasets.task import DataError


def read_columns(file: Path, first: str, second: str) -> list[tuple[str, str]]:
    """Read two columns of a CSV file; DataError if the file cannot be read or a column is missing."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            for column in (first, second):
                if column not in (rows.fieldnames or ()):
                    raise DataError(f"{file} lacks the column {column!r}; its columns are {first},{second}")
            return [(row[first] or "", row[second] or "") for row in rows]
    except DataError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file} cannot be read ({error}); save it as CSV in UTF-8") from error
