"""Subjects of a user's own data: by a table, a pattern, or names of files and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from segbench.datasets.files.finding import list_files
from segbench.datasets.files.tables import clean, read_columns, spelling
from segbench.datasets.importing.formats.case import Case
from segbench.datasets.importing.formats.volumes import stem
from segbench.datasets.task import DataError

TABLE = "subjects.csv"
EACH = "each "  # begins the description of subjects that nobody has stated

BIDS = re.compile(r"(?:^|/)(sub-[A-Za-z0-9]+)(?=[_/]|$)")
SESSION = re.compile(r"(?:ses|session|visit|timepoint|baseline|follow-?up)(?:[\W_]*\d+|-\w+)?", re.IGNORECASE)
"""Name of a folder of one session of a subject."""


class Subjects:
    """Finds the subject of each image: in ``subjects.csv``, by a pattern, or else by a name.

    Parameters
    ----------
    folder : Path or None
        The folder of the data set, in which `TABLE` has the columns ``file`` and ``subject``; None if the
        layout has no such table.
    pattern : str, optional
        A regular expression with one group, the subject, searched in an image's name without suffix.
    settings : Path, optional
        The file that states the pattern; without it, ``--subject-pattern`` does.
    each : str
        What is a subject if nothing is stated, such as ``image``.

    Attributes
    ----------
    origin : str
        Where the subjects come from, for `segbench.datasets.examples.Facts`.

    Raises
    ------
    DataError
        If there are both a table and a pattern, or the table is unusable.
    """

    def __init__(
        self, folder: Path | None, pattern: str | None, settings: Path | None = None, each: str = "image"
    ) -> None:
        self._folder, self._pattern = folder or Path(), pattern
        self._prefix = "" if settings is None else f"{settings}: "
        self._table = self._folder / TABLE
        self._rows = _read_table(self._table) if folder and self._table.exists() else None
        if self._rows is not None and pattern is not None:
            stated = "--subject-pattern" if settings is None else f"subject_pattern in {settings.name}"
            raise DataError(f"{self._table} and {stated} both name subjects; keep one")
        self.origin = EACH + each
        if pattern is not None:
            self.origin = f"the pattern {pattern}"
        elif self._rows is not None:
            self.origin = TABLE

    def of(self, image: Path, name: str, default: str | None = None) -> str:
        """Find the subject of an image.

        Parameters
        ----------
        image : Path
        name : str
            The image's name, in which the pattern is searched.
        default : str, optional
            The subject if nothing is stated, unless it is a path or name of BIDS; by default the name.

        Raises
        ------
        DataError
            If the pattern yields no subject. An image that the table lacks has an empty subject.
        """
        if self._rows is not None:
            return self._by_table(self._rows, image, name)
        if self._pattern is not None:
            return subject_of(name, self._pattern, image, self._prefix)
        default = name if default is None else default
        bids = BIDS.search(f"{default}/{name}")
        if bids is None:
            return default
        self.origin = "sub-XX in the names of files or folders"
        return bids[1]

    def _by_table(self, rows: dict[str, str], image: Path, name: str) -> str:
        folders = image.relative_to(self._folder).parts[:-1]
        for last in (image.name, stem(image), name):
            for start in range(len(folders) + 1):
                path = clean("/".join((*folders[start:], last)))
                if path in rows:
                    return rows[path]
        return ""


def subject_of(name: str, pattern: str, file: Path, source: str = "") -> str:
    """Find the subject in a name by a regular expression with one group.

    DataError, starting with `source`, if the pattern is invalid, does not have one group or does not match.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{source}{pattern!r} is not a regular expression ({error}); correct it") from error
    if expression.groups != 1:
        raise DataError(f"{source}{pattern!r} must have one group, the subject, not {expression.groups}")
    match = expression.search(name)
    if match is None or not match[1]:
        raise DataError(f"{source}{pattern!r} finds no subject in {name} ({file}); change the pattern")
    return match[1]


def without_sessions(folders: Iterable[str]) -> str:
    """Join names of folders to a path, without those of sessions: sessions of a subject are no subjects."""
    return "/".join(name for name in folders if not SESSION.fullmatch(name))


def with_clean_subjects(cases: Iterable[Case], stated: bool) -> list[Case]:
    """Write each subject in one way.

    Raises
    ------
    DataError
        If a subject has no name, or `stated` subjects differ in capitals or blanks only.
    """
    cleaned = [case._replace(subject=clean(case.subject)) for case in cases]
    if unnamed := [case.image for case in cleaned if not case.subject]:
        raise DataError(f"no subject is named for {list_files(unnamed)}; add a row for each to {TABLE}")
    first: dict[str, Case] = {}
    for case in cleaned:
        other = first.setdefault(spelling(case.subject), case) if stated else case
        if other.subject != case.subject:
            raise DataError(
                f"the subjects {other.subject!r} of {other.image} and {case.subject!r} of {case.image} "
                "differ in capitals or blanks only; write one subject in one way"
            )
    return cleaned


def _read_table(table: Path) -> dict[str, str]:
    """Read the subject of each file; rows without a subject count as absent."""
    rows: dict[str, str] = {}
    for file, subject in read_columns(table, "file", "subject"):
        name = file.replace("\\", "/").removeprefix("./")
        if name in rows:
            raise DataError(f"{table} names {name} twice; keep one row of it")
        rows[name] = subject
    return {name: subject for name, subject in rows.items() if subject}
