"""Checksums that were recorded when a data set was imported or released, computed again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.datasets.checks.view import Finding
from segbench.datasets.importing import ImportedDataset, store
from segbench.datasets.registry import Dataset
from segbench.datasets.splits import digest_of
from segbench.datasets.task import DataError, Task

if TYPE_CHECKING:
    import pyarrow

    Tables = dict[str, pyarrow.NativeFile]


def recorded(dataset: Dataset) -> Iterator[Finding]:
    """Whether the files of a data set are those of which a checksum was recorded; nothing where none was."""
    source, root = dataset.source, dataset.root
    if isinstance(source, ImportedDataset):
        yield from manifest(root or Path(), source.name)
    elif getattr(source, "archives", ()):
        try:
            source.fetch(root)  # type: ignore[attr-defined]  # of files that are there, it verifies them
        except DataError as error:
            yield Finding("error", "files changed", str(error))


def manifest(root: Path, name: str) -> Iterator[Finding]:
    """Whether an imported data set holds what its manifest says."""
    said = store.read_manifest(root, name)
    again = f"import {name} again with --replace"
    if digest_of(said["subjects"]) != said["split"]:
        yield Finding("error", "split changed", f"the manifest's split was edited; {again}")
    try:
        with store.opened(root, name) as (said, tables):
            held = _content(root, name, tables)
    except DataError as error:
        yield Finding("error", "files damaged", str(error))
        return
    if held != said["content"]:
        yield Finding(
            "error", "content changed", f"pictures or labels differ from the imported ones; {again}"
        )


def content(root: Path, name: str) -> str:
    """The checksum of an imported data set's pictures, labels and subjects, as its manifest has it.

    Raises
    ------
    DataError
        If its tables cannot be read.
    """
    with store.opened(root, name) as (_, tables):
        return _content(root, name, tables)


def files(root: Path, task: Task) -> list[str]:
    """The file of each image of an imported task, in order; errors as of `content`."""
    parts = ("cohort", "modality", "axis", "label")
    with store.opened(root, task.dataset) as (_, tables):
        rows = _rows(root, task.dataset, tables, store.EXAMPLES, list(store.ROW))
        return [row["file"] for row in rows if all(row[part] == getattr(task, part) for part in parts)]


def _content(root: Path, name: str, tables: Tables) -> str:
    digest, keys = hashlib.sha256(), {}
    for row in _rows(root, name, tables, store.IMAGES, ["image", "pixels"]):
        keys[row["image"]] = hashlib.sha256(row["pixels"]).digest()
    for row in _rows(root, name, tables, store.EXAMPLES, [*store.HASHED, "image", "mask"]):
        digest.update(store.hashed(row, keys.get(row["image"], b""), row["mask"]))
    return digest.hexdigest()


def _rows(root: Path, name: str, tables: Tables, table: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table, a few of them in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(tables[table]).iter_batches(store.GROUP, columns=columns):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise store.damaged(store.folder_of(root, name) / table, name, error) from error
