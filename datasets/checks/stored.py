"""Comparison of a data set's files with the checksums recorded at its import or release."""

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


def verify_files(dataset: Dataset) -> Iterator[Finding]:
    """Find files that differ from their recorded checksum; data sets without one give no finding."""
    source, root = dataset.source, dataset.root
    if isinstance(source, ImportedDataset):
        yield from verify_manifest(root or Path(), source.name)
    elif getattr(source, "archives", ()):
        try:
            source.fetch(root)  # type: ignore[attr-defined]  # verifies existing files
        except DataError as error:
            yield Finding("error", "files changed", str(error))


def verify_manifest(root: Path, name: str) -> Iterator[Finding]:
    """Find differences between an imported data set and its manifest."""
    manifest = store.read_manifest(root, name)
    again = f"import {name} again with --replace"
    if digest_of(manifest["subjects"]) != manifest["split"]:
        yield Finding("error", "split changed", f"the manifest's split was edited; {again}")
    try:
        with store.open_tables(root, name) as (manifest, tables):
            checksum = _checksum_tables(root, name, tables)
    except DataError as error:
        yield Finding("error", "files damaged", str(error))
        return
    if checksum != manifest["content"]:
        yield Finding("error", "content changed", f"images or labels differ from the imported ones; {again}")


def image_files(root: Path, task: Task) -> list[str]:
    """List the file of each image of an imported task; DataError if its tables cannot be read."""
    fields = ("cohort", "modality", "axis", "label")
    with store.open_tables(root, task.dataset) as (_, tables):
        rows = _rows(root, task.dataset, tables, store.EXAMPLES, list(store.ROW))
        return [row["file"] for row in rows if all(row[field] == getattr(task, field) for field in fields)]


def _checksum_tables(root: Path, name: str, tables: Tables) -> str:
    digest, keys = hashlib.sha256(), {}
    for row in _rows(root, name, tables, store.IMAGES, ["image", "pixels"]):
        keys[row["image"]] = hashlib.sha256(row["pixels"]).digest()
    for row in _rows(root, name, tables, store.EXAMPLES, [*store.HASHED, "image", "mask"]):
        digest.update(store.hashed(row, keys.get(row["image"], b""), row["mask"]))
    return digest.hexdigest()


def _rows(root: Path, name: str, tables: Tables, table: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, with a few of them in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(tables[table]).iter_batches(store.GROUP, columns=columns):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise store.damaged(store.folder_of(root, name) / table, name, error) from error
