"""``table``: a CSV, JSON Lines or Parquet file that names images and masks, as Hugging Face has it too."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from segbench.datasets.examples import SPLITS_AS_NAMED, named_split
from segbench.datasets.importing.formats.base import (
    Case,
    FormatReader,
    Labels,
    MaskFile,
    by_file,
    labels_from_pairs,
    only_one,
    stem,
)
from segbench.datasets.task import DataError

ENDINGS = (".csv", ".jsonl", ".parquet")
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
"""What a column may be called; ``label`` is a label's name where another column names the masks."""


class Table(FormatReader):
    """Rows of an image and a mask, both 2D files or both volumes, with paths from the table's folder on.

    Columns are those of `COLUMNS`; all but the first two are optional, others are not looked at. A row
    with a ``label`` is about that label: where its mask has the ``value``, or without one is not 0. Rows of
    one image are its labels. A folder has ``metadata.csv``, ``.jsonl`` or ``.parquet``, or one in each of its
    folders ``train``, ``validation`` and ``test``, which are then the splits. An image is its own subject
    unless a column says otherwise.
    """

    name = "table"
    layout = (
        "metadata.csv, .jsonl or .parquet in it or in train/, validation/ and test/, or such a file itself"
    )

    @staticmethod
    def fits(folder: Path) -> bool:
        return bool(_tables(folder))

    def listed(self, folder: Path) -> list[Case]:
        tables, base = _tables(folder), folder if folder.is_dir() else folder.parent
        rows = [row for file in tables for row in self._rows(file, file.parent.relative_to(base).name)]
        if tables and not rows:
            raise DataError(f"{tables[0]} has no rows; add one for each image")
        cases: dict[Case, list[MaskFile]] = {}
        for case, mask in rows:
            cases.setdefault(case, []).append(mask)
        name = _names([case.image for case in cases if not case.subject], base)
        return [
            case._replace(subject=case.subject or name[case.image], masks=by_file(masks))
            for case, masks in cases.items()
        ]

    def _rows(self, file: Path, below: str) -> Iterator[tuple[Case, MaskFile]]:
        """Each row as a case without masks, its subject empty where nothing says it, and its mask."""
        for number, row in enumerate(_read(file), start=1):
            where = f"{file} row {number}"
            said = _Said(row, where)
            image, mask = said.path("image", file), said.path("mask", file)
            pattern, subject = self.given.subject_pattern, said.get("subject")
            only_one("subject-pattern", pattern, subject, file)
            if pattern is not None:
                subject = self.given.subject_of(stem(image), image)
            modality = only_one("modality", self.given.modality, said.get("modality"), file)
            labels = only_one("labels", self.given.labels, said.labels(), file)
            split = said.get("split") or (below if below.lower() in SPLITS_AS_NAMED else None)
            case = Case(
                image,
                (),
                subject or "",
                cohort=said.get("cohort") or "all",
                modality=modality or "unknown",
                split=None if split is None else named_split(split, where),
            )
            yield case, MaskFile(mask, labels)


class _Said:
    """A row, by what its columns are about."""

    def __init__(self, row: Mapping[str, Any], where: str) -> None:
        self._where, self._columns = where, list(row)
        lower = {str(column).strip().lower(): value for column, value in row.items()}
        self._values: dict[str, str] = {}
        for about, columns in COLUMNS.items():
            column = next((name for name in columns if name in lower), "")
            if about == "label" and not any(name in lower for name in COLUMNS["mask"][:-1]):
                continue
            value = lower.get(column)
            if isinstance(value, bytes | dict):
                raise DataError(f"{where} holds the {about} itself; save it as a file and name its path")
            if text := _text(value):
                self._values[about] = text
        self.get = self._values.get

    def __getitem__(self, about: str) -> str:
        if about not in self._values:
            names = " or ".join(COLUMNS[about][:2])
            has = ", ".join(map(str, self._columns))
            raise DataError(f"{self._where} names no {about}; it needs a column {names}, and has {has}")
        return self._values[about]

    def path(self, about: str, file: Path) -> Path:
        found = file.parent / self[about]
        if not found.exists():
            raise DataError(f"{self._where}: there is no {about} {found}; correct the path")
        return found

    def labels(self) -> Labels | None:
        label, value = self.get("label"), self.get("value")
        if value is not None:
            return labels_from_pairs([(value, label or value)], self._where)
        return None if label is None else {label: ()}


def _text(value: Any) -> str:
    """A cell as text; tables with gaps hold NaN for nothing and floats for whole numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or value != value else str(value).strip()


def _names(images: Iterable[Path], base: Path) -> dict[Path, str]:
    """What images without a subject are called: their path from a folder on, without ending.

    That of those outside of the folder would tell how a machine is laid out; they have the shortest end of
    their paths that tells all apart.
    """
    paths = {image: image.with_name(stem(image)) for image in images}
    below = {image: _below(path, base) for image, path in paths.items()}
    found = {image: path for image, path in below.items() if path is not None}
    outside = {
        image: path.parent.resolve() / path.name for image, path in paths.items() if below[image] is None
    }
    for depth in range(1, max((len(path.parts) for path in outside.values()), default=0)):
        ends = {image: Path(*path.parts[-depth:]) for image, path in outside.items()}
        if len({*ends.values(), *found.values()}) == len({*outside.values(), *found.values()}):
            found |= ends
            break
    else:
        found |= outside
    return {image: path.as_posix() for image, path in found.items()}


def _below(path: Path, folder: Path) -> Path | None:
    """The path from a folder on, as it is written or else as links lead; None if it is not below."""
    for written in (Path.absolute, Path.resolve):
        whole, start = written(path.parent) / path.name, written(folder)
        if whole.is_relative_to(start) and ".." not in (found := whole.relative_to(start)).parts:
            return found
    return None


def _tables(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder] if folder.suffix.lower() in ENDINGS else []
    if not folder.is_dir():
        return []
    parts = [path for path in sorted(folder.iterdir()) if path.name.lower() in SPLITS_AS_NAMED]
    found = [_metadata(part) for part in [folder, *parts]]
    return [file for file in found if file is not None]


def _metadata(folder: Path) -> Path | None:
    files = (folder / f"metadata{ending}" for ending in ENDINGS)
    return next((file for file in files if file.is_file()), None)


def _read(file: Path) -> list[dict[str, Any]]:
    """The rows of a table."""
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
        raise DataError(f"{file} has a line that is no JSON object; correct it")
    return rows
