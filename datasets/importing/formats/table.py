"""``table``: a CSV, JSON Lines or Parquet file that names images and masks, also in Hugging Face's layout."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.examples import SPLIT_NAMES, named_split
from segbench.datasets.files.labels import Labels, labels_from_pairs
from segbench.datasets.importing.formats.base import FormatReader, merge_option
from segbench.datasets.importing.formats.case import Case, MaskFile
from segbench.datasets.importing.formats.volumes import stem
from segbench.datasets.task import DataError

SUFFIXES = (".csv", ".jsonl", ".parquet")
COLUMNS = {
    "image": ("image", "file_name", "image_file_name"),
    "mask": ("mask", "mask_file_name", "segmentation", "segmentation_file_name", "label"),
    "subject": ("subject", "patient"),
    "split": ("split",),
    "cohort": ("cohort",),
    "modality": ("modality",),
    "label": ("label",),
    "value": ("value",),
}
"""Names of each column; ``label`` is the name of a label if another column names the masks."""


class TableReader(FormatReader):
    """Rows of an image and a mask, both 2D files or both volumes, with paths relative to the table's folder.

    Columns are those of `COLUMNS`; all but the first two are optional, others are ignored. A row with a
    ``label`` is about that label: where its mask has the ``value``, or is not 0 if there is no value. Rows of
    one image are its labels. A folder has ``metadata.csv``, ``.jsonl`` or ``.parquet``, or one in each of its
    folders ``train``, ``validation`` and ``test``, which are then the splits. An image is a subject unless a
    column names subjects.
    """

    name = "table"
    layout = (
        "metadata.csv, .jsonl or .parquet in it or in train/, validation/ and test/, or such a file itself"
    )

    @staticmethod
    def fits(folder: Path) -> bool:
        return bool(_tables(folder))

    def list_cases(self, folder: Path) -> list[Case]:
        tables, base = _tables(folder), folder if folder.is_dir() else folder.parent
        rows = [row for file in tables for row in self._rows(file, file.parent.relative_to(base).name)]
        if tables and not rows:
            raise DataError(f"{tables[0]} has no rows; add one for each image")
        cases: dict[Case, list[MaskFile]] = {}
        for case, mask in rows:
            cases.setdefault(case, []).append(mask)
        names = _image_names([case.image for case in cases if not case.subject], base)
        return [
            case._replace(subject=case.subject or names[case.image], masks=_merge_by_file(masks))
            for case, masks in cases.items()
        ]

    def _rows(self, file: Path, folder: str) -> Iterator[tuple[Case, MaskFile]]:
        """Yield a case without masks for each row, with an empty subject if none is named, and its mask."""
        options = self.options
        for number, columns in enumerate(_read(file), start=1):
            row = _Row(columns, f"{file} row {number}")
            image, mask = row.path("image", file), row.path("mask", file)
            subject = row.get("subject")
            merge_option("subject-pattern", options.subject_pattern, subject, file)
            if options.subject_pattern is not None:
                subject = options.subject(stem(image), image)
            modality = merge_option("modality", options.modality, row.get("modality"), file)
            labels = merge_option("labels", options.labels, row.labels(), file)
            split = row.get("split") or (folder if folder.lower() in SPLIT_NAMES else None)
            case = Case(
                image,
                (),
                subject or "",
                cohort=row.get("cohort") or "all",
                modality=modality or "unknown",
                split=None if split is None else named_split(split, row.source),
            )
            yield case, MaskFile(mask, labels)


class _Row:
    """The values of a row by the keys of `COLUMNS`."""

    def __init__(self, row: Mapping[str, Any], source: str) -> None:
        self.source, self._columns = source, list(row)
        values = {str(column).strip().lower(): value for column, value in row.items()}
        self._texts: dict[str, str] = {}
        for key, columns in COLUMNS.items():
            column = next((name for name in columns if name in values), "")
            if key == "label" and not any(name in values for name in COLUMNS["mask"][:-1]):
                continue
            value = values.get(column)
            if isinstance(value, bytes | dict):
                raise DataError(f"{source} contains the {key} itself; save it as a file and name its path")
            if text := _text(value):
                self._texts[key] = text
        self.get = self._texts.get

    def path(self, key: str, file: Path) -> Path:
        if key not in self._texts:
            names, columns = " or ".join(COLUMNS[key][:2]), ", ".join(map(str, self._columns))
            raise DataError(f"{self.source} names no {key}; it needs a column {names}, and has {columns}")
        path = file.parent / self._texts[key]
        if not path.exists():
            raise DataError(f"{self.source}: there is no {key} {path}; correct the path")
        return path

    def labels(self) -> Labels | None:
        label, value = self.get("label"), self.get("value")
        if value is not None:
            return labels_from_pairs([(value, label or value)], self.source)
        return None if label is None else {label: ()}


def _text(value: Any) -> str:
    """A cell as text; tables with gaps have NaN for empty cells and floats for whole numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or value != value else str(value).strip()


def _merge_by_file(masks: Iterable[MaskFile]) -> tuple[MaskFile, ...]:
    """Merge the labels of each file so that it is read once; unnamed or repeated labels stay separate."""
    merged: dict[Path, dict[str, tuple[int, ...]]] = {}
    separate: list[MaskFile] = []
    for path, labels in masks:
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
    if not folder.is_dir():
        return []
    folders = [folder, *(path for path in sorted(folder.iterdir()) if path.name.lower() in SPLIT_NAMES)]
    candidates = [[each / f"metadata{suffix}" for suffix in SUFFIXES] for each in folders]
    tables = [next((file for file in files if file.is_file()), None) for files in candidates]
    return [file for file in tables if file is not None]


def _read(file: Path) -> list[dict[str, Any]]:
    """Read the rows of a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if file.suffix.lower() == ".parquet":
            rows: list[Any] = pq.read_table(file).to_pylist()
        elif file.suffix.lower() == ".jsonl":
            lines = file.read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        else:
            with file.open(newline="", encoding="utf-8-sig") as text:
                rows = list(csv.DictReader(text))
    except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
        raise DataError(f"{file} cannot be read ({error}); save it again") from error
    if not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{file} has a line that is not a JSON object; correct it")
    return rows
