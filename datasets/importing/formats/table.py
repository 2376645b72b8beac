"""``table``: a CSV, JSON Lines or Parquet file that names images and masks, also in Hugging Face's layout."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from segbench.datasets.examples import SPLIT_NAMES, Facts, named_split
from segbench.datasets.files.finding import list_files, named_folders, nearest
from segbench.datasets.files.labels import Labels, Values, labels_from_pairs
from segbench.datasets.files.tables import (
    clean,
    find_column,
    meant_column,
    named_columns,
    read_csv,
    read_text,
    without_column,
)
from segbench.datasets.importing.formats.base import FormatReader, merge_option, of_folders
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.subjects import Subjects
from segbench.datasets.importing.formats.volumes import stem
from segbench.datasets.task import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
PATHS = ("image", "mask")
MEANINGS = (*PATHS, "subject", "split", "cohort", "modality", "label", "value")


class TableReader(FormatReader):
    """Rows of an image and a mask, both 2D files or both volumes, with paths relative to the table's folder.

    Columns have one of `MEANINGS`, by their names (`segbench.datasets.files.tables.COLUMNS`); all but the
    first two are optional, others are ignored. The column ``label`` names the masks if no other does. A row
    with a ``label`` is about that label: where its mask has the ``value``, or is not 0 if there is no value.
    Rows of one image are its labels. A folder has ``metadata.csv``, ``.jsonl`` or ``.parquet``, or one in
    each of its folders ``train``, ``validation`` and ``test``, which are then the splits. An image is a
    subject unless a column names subjects.
    """

    name = "table"
    layout = (
        "metadata.csv, .jsonl or .parquet in it or in train/, validation/ and test/, or such a file itself"
    )

    def fits(self, folder: Path) -> bool:
        return bool(_tables(folder))

    def list_cases(self, folder: Path) -> list[Case]:
        files, base = _tables(folder), folder if folder.is_dir() else folder.parent
        tables = [_Table(file, file.parent.relative_to(base).name) for file in files]
        rows = [row for table in tables for row in table.rows()]
        if tables and not rows:
            raise DataError(f"{files[0]} has no rows; add one for each image")
        _require_files(rows)
        cases: dict[Case, list[MaskFile]] = {}
        first: dict[str, _Row] = {}  # of each image
        for row in rows:
            case, mask = self._read(row)
            _require_one_subject(row, first.setdefault(os.path.normpath(case.image), row), rows[0])
            cases.setdefault(case, []).append(mask)
        subjects = Subjects(None, self.options.subject_pattern)
        names = _image_names([case.image for case in cases if not case.subject], base)
        whole = []
        for case, masks in cases.items():
            subject = case.subject or subjects.of(case.image, stem(case.image), names[case.image])
            whole.append(case._replace(subject=subject, masks=_merge_by_file(masks)))
        self.facts = _facts(tables, rows, subjects.origin)
        return whole

    def _read(self, row: _Row) -> tuple[Case, MaskFile]:
        """A case without masks, with an empty subject if none is named, and its mask."""
        file, options = row.table.file, self.options
        merge_option("subject-pattern", options.subject_pattern, row.get("subject"), file)
        modality = merge_option("modality", options.modality, row.get("modality"), file)
        labels = merge_option("labels", options.labels, row.labels(), file)
        split = row.get("split") or row.table.folder
        case = Case(
            row.path("image"),
            (),
            row.get("subject") or "",
            cohort=row.get("cohort") or "all",
            modality=modality or "unknown",
            split=named_split(split, row.source) if split else None,
        )
        return case, MaskFile(row.path("mask"), labels)


class _Table:
    """A table, positions of its columns by meaning, and its folder if this states a split, or ``""``."""

    def __init__(self, file: Path, folder: str) -> None:
        self.file, self.folder = file, folder if folder.lower() in SPLIT_NAMES else ""
        self.header, self._cells = _read(file)
        found = {meaning: find_column(meaning, self.header, file) for meaning in MEANINGS}
        if found["mask"] is None:
            found["mask"], found["label"] = found["label"], None
        self.columns = {meaning: column for meaning, column in found.items() if column is not None}

    def rows(self) -> Iterator[_Row]:
        for number, cells in enumerate(self._cells, start=1):
            yield _Row(self, cells, f"{self.file} row {number}")

    def unused(self) -> list[str]:
        used = {clean(str(self.header[column])) for column in self.columns.values()}
        free = [meaning for meaning in MEANINGS if meaning not in self.columns]
        names = [name for name in named_columns(self.header) if name not in used]
        meant = {name: meant_column(name, free) for name in names}
        return [f"{name} (did you mean {near}?)" if near else name for name, near in meant.items()]


class _Row:
    """The values of a row by their meaning."""

    def __init__(self, table: _Table, cells: Sequence[Any], source: str) -> None:
        self.table, self.source = table, source
        self._texts: dict[str, str] = {}
        for meaning, column in table.columns.items():
            if isinstance(cells[column], bytes | dict):
                raise DataError(
                    f"{source} contains the {meaning} itself; save it as a file and name its path"
                )
            if text := _text(cells[column]):
                self._texts[meaning] = text if meaning in PATHS else clean(text)
        self.get = self._texts.get

    def path(self, meaning: str) -> Path:
        """The file of a meaning, or where it should be; DataError if the row names none."""
        if meaning not in self.table.columns:
            raise without_column(meaning, self.table.header, self.table.file)
        if meaning not in self._texts:
            raise DataError(f"{self.source} names no {meaning}; add its path")
        text = self._texts[meaning]
        forms = (
            text,
            text.replace("\\", "/"),
            *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")),
        )
        paths = [self.table.file.parent / form for form in forms]
        return next((path for path in paths if path.exists()), paths[1])

    def labels(self) -> Labels | None:
        label, value = self.get("label"), self.get("value")
        if value is not None:
            return labels_from_pairs([(value, label or value)], self.source)
        return None if label is None else {label: ()}


def _require_files(rows: Iterable[_Row]) -> None:
    """DataError, which names a few, if files that rows name do not exist."""
    named = {row.path(meaning): (row, meaning) for row in rows for meaning in PATHS}
    missing = [path for path in named if not path.exists()]
    if not missing:
        return
    row, meaning = named[missing[0]]
    hint = _near(missing[0])
    if len(missing) == 1:
        raise DataError(f"{row.source}: there is no {meaning} {missing[0]}{hint}; correct the path")
    raise DataError(
        f"{row.table.file} names {len(missing)} files that do not exist, {list_files(missing)}{hint}; "
        "correct the paths"
    )


def _near(path: Path) -> str:
    """Name a file beside a missing one whose name is similar, if there is one."""
    near = nearest(path.stem, {other.stem: other for other in path.parent.glob("*")})
    return f", but {near.name}" if near else ""


def _text(value: Any) -> str:
    """A cell as text; tables with gaps have NaN for empty cells and floats for whole numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or value != value else str(value).strip()


def _require_one_subject(row: _Row, same: _Row, first: _Row) -> None:
    """DataError if a row and another of the `same` image name two subjects, or not all rows name one."""
    subject, other = row.get("subject"), same.get("subject")
    if (subject is None) != (first.get("subject") is None):
        lacks = row if subject is None else first
        raise DataError(f"{lacks.source} names no subject, and other rows do; name one in each row")
    if subject != other:
        raise DataError(
            f"{row.source} names the subject {subject} for an image, and {same.source} the subject {other}; "
            "an image has one subject"
        )


def _facts(tables: Sequence[_Table], rows: Sequence[_Row], origin: str) -> Facts:
    def column(meaning: str) -> str:
        row = next((row for row in rows if row.get(meaning)), None)
        return "" if row is None else f"the column {clean(str(row.table.header[row.table.columns[meaning]]))}"

    return Facts(
        column("subject") or origin,
        column("split") or of_folders(table.folder for table in tables),
        tuple(dict.fromkeys(name for table in tables for name in table.unused())),
    )


def _merge_by_file(masks: Iterable[MaskFile]) -> tuple[MaskFile, ...]:
    """Merge the labels of each file so that it is read once; unnamed or repeated labels stay separate."""
    merged: dict[Path, dict[str, Values]] = {}
    separate: list[MaskFile] = []
    for path, labels, _ in masks:
        known = merged.setdefault(path, {})
        if labels is None or known.keys() & labels.keys():
            separate.append(MaskFile(path, labels))
        else:
            known |= labels
    return (*(MaskFile(path, labels) for path, labels in merged.items() if labels), *separate)


def _image_names(images: Iterable[Path], base: Path) -> dict[Path, str]:
    """Name images without a subject by their path below a folder, without suffix.

    The path of images outside of the folder would reveal the layout of the machine; they are named by the
    shortest ends of their paths that are all different.
    """
    paths = {image: image.with_name(stem(image)) for image in images}
    below = {image: _path_below(path, base) for image, path in paths.items()}
    names = {image: path for image, path in below.items() if path is not None}
    outside = {
        image: path.parent.resolve() / path.name for image, path in paths.items() if below[image] is None
    }
    for depth in range(1, max((len(path.parts) for path in outside.values()), default=0)):
        ends = {image: Path(*path.parts[-depth:]) for image, path in outside.items()}
        if len({*ends.values(), *names.values()}) == len({*outside.values(), *names.values()}):
            names |= ends
            break
    else:
        names |= outside
    return {image: path.as_posix() for image, path in names.items()}


def _path_below(path: Path, folder: Path) -> Path | None:
    """The path relative to a folder, as written or with links resolved; None if it is not below."""
    for form in (Path.absolute, Path.resolve):
        whole, start = form(path.parent) / path.name, form(folder)
        if whole.is_relative_to(start) and ".." not in (relative := whole.relative_to(start)).parts:
            return relative
    return None


def _tables(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder] if folder.suffix.lower() in SUFFIXES else []
    folders = [folder, *named_folders(folder, SPLIT_NAMES)]
    candidates = [[each / f"metadata{suffix}" for suffix in SUFFIXES] for each in folders]
    tables = [next((file for file in files if file.is_file()), None) for files in candidates]
    return [file for file in tables if file is not None]


def _read(file: Path) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Read the header and the rows of a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix.lower() in (".csv", ".tsv"):
        return read_csv(file)
    try:
        if file.suffix.lower() == ".parquet":
            table = pq.read_table(file)
            return table.column_names, [*zip(*(column.to_pylist() for column in table.columns), strict=True)]
        rows = [json.loads(line) for line in read_text(file).split("\n") if line.strip()]
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise DataError(f"{file} cannot be read ({error}); save it again") from error
    if not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{file} has a line that is not a JSON object; correct it")
    header = [*dict.fromkeys(name for row in rows for name in row)]
    return header, [[row.get(name) for name in header] for row in rows]
