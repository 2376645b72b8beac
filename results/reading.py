"""Read the units of runs as tables, after checking that they may be read together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from segbench.results.progress import Progress, progress
from segbench.results.schema import ARROW, COLUMNS, IMAGE_KEY, IMAGES, KEYS, TIMINGS, typed
from segbench.results.store import MALFORMED, READERS, Run, StoreError, differences
from segbench.text import printable

BATCH = 500  # units whose tables are joined at once


class Results:
    """The records of one or several runs as DataFrames.

    The columns of all tables are declared, with units and meanings, in `segbench.results.schema`. Rows are
    sorted by the table's key. Text is held as categories in alphabetical order; `segbench.results.statistics`
    returns plain text.

    Parameters
    ----------
    images : DataFrame
        One row per image: columns `segbench.results.schema.IMAGES`.
    manifests : list of dict
        The manifest of each run: settings, versions, weights, data and commands.
    read : callable
        ``read(table, protocols)`` reads the table ``steps``, ``seeds`` or ``pictures`` of some protocols
        (None: of all).
    data_root : Path, optional
        Folder of the data sets, for pictures of the segmented images.
    folders : sequence of Path or str
        Folders or addresses of the runs.
    progress : sequence of Progress
        The finished units of each run.

    Attributes
    ----------
    papers : bool
        Whether a report shows the papers' numbers and tables whatever the data; False until it is set.
    steps : DataFrame
        One row per prediction: columns `segbench.results.schema.STEPS`. Read on first access.
    seeds : DataFrame
        One row per seed image of a simulation: columns `segbench.results.schema.UNTIMED`. Read on first
        access. No other table but the pictures has seed images.
    pictures : DataFrame
        Masks of some predictions: columns `segbench.results.schema.PICTURES`. Read on first access.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        manifests: list[dict[str, Any]],
        read: Callable[[str, Sequence[str] | None], pd.DataFrame],
        data_root: Path | None = None,
        folders: Sequence[Path | str] = (),
        progress: Sequence[Progress] = (),
    ) -> None:
        self.images, self.manifests, self.read = images, manifests, read
        self.data_root, self.folders, self.progress = data_root, folders, progress
        self.papers = False

    @cached_property
    def steps(self) -> pd.DataFrame:
        return self.read("steps", None)

    @cached_property
    def seeds(self) -> pd.DataFrame:
        return self.read("seeds", None)

    @cached_property
    def pictures(self) -> pd.DataFrame:
        return self.read("pictures", None)

    def __repr__(self) -> str:
        from segbench.results.overview import as_text

        return as_text(self.images, self.manifests, self.unfinished_sentences())

    def _repr_html_(self) -> str:
        from segbench.results.overview import as_html

        return as_html(self.images, self.manifests, self.unfinished_sentences())

    def unfinished(self) -> list[tuple[Path | str, Progress]]:
        """Return the runs that lack planned units, each with its progress."""
        runs = zip(self.folders, self.progress, strict=False)
        return [(folder, one) for folder, one in runs if one.commands]

    def unfinished_sentences(self) -> list[str]:
        """Return a sentence about each run that lacks planned units."""
        return [
            printable(f"{folder} is not finished: {one.share}; continue by: {' && '.join(one.commands)}")
            for folder, one in self.unfinished()
        ]

    def steps_of(self, protocols: Sequence[str]) -> pd.DataFrame:
        """Read the steps of some protocols only, which saves memory in a large study."""
        return self.read("steps", protocols)


def empty_results(data_root: Path | None = None) -> Results:
    """Return results without any record, for artefacts that need none."""
    return Results(typed([], IMAGES), [], lambda table, protocols: typed([], COLUMNS[table]), data_root)


def load(run: str | Path | Sequence[str | Path], data_root: Path | None = None) -> Results:
    """Read all units of one run, or of several runs with the same settings.

    Rows that two units share, because simulations were grouped differently, are kept once.

    Parameters
    ----------
    run : path or sequence of paths
        Folders, or addresses such as ``s3://bucket/run``.
    data_root : Path, optional
        Folder of the data sets, for `Results.data_root`.

    Raises
    ------
    StoreError
        If a folder holds no run, no unit or a damaged unit, if the settings of the runs or the weights, data
        or versions behind two units differ, or if two units disagree about the same row.
    """
    paths = [run] if isinstance(run, str | Path) else list(run)
    runs = [Run(path) for path in paths]
    for other in runs[1:]:
        differing = differences(runs[0].settings, other.settings)
        if differing:
            raise StoreError(
                f"{runs[0].path} and {other.path} have different settings ({differing}); "
                "read them one at a time"
            )
    stored = [run.units() for run in runs]
    units = sorted(
        ((run, key) for run, keys in zip(runs, stored, strict=True) for key in keys), key=lambda unit: unit[1]
    )
    if not units:
        raise StoreError(
            f"{', '.join(map(str, paths)) or 'the list of runs'} holds no finished unit; repeat the command "
            "of the run"
        )
    descriptions = _read_each(units, lambda run, key: run.description(key))
    _check_identity(units, descriptions)

    def read(table: str, protocols: Sequence[str] | None) -> pd.DataFrame:
        wanted = [
            unit
            for unit, description in zip(units, descriptions, strict=True)
            if protocols is None or description.get("protocol") in protocols
        ]
        tables = _read_tables(wanted, lambda run, key: run.read(key, [table])[table])
        return _merge(tables, COLUMNS[table], KEYS[table])

    images = _merge(_read_tables(units, _timed_images), IMAGES, IMAGE_KEY)
    manifests = [run.manifest() for run in runs]
    finished = [_progress(*run) for run in zip(runs, manifests, stored, strict=True)]
    return Results(images, manifests, read, data_root, [run.path for run in runs], finished)


def _progress(run: Run, manifest: dict[str, Any], keys: list[str]) -> Progress:
    try:
        return progress(manifest, keys, run.path)
    except MALFORMED:
        raise StoreError(f"{run.path}/manifest.json is damaged; run it again in another folder") from None


def _timed_images(run: Run, key: str) -> pa.Table:
    unit = run.read(key, ("images", "timings"))
    return unit["images"].append_column("seconds", unit["timings"]["seconds"])


def _read_tables(units: list[tuple[Run, str]], read: Callable[[Run, str], pa.Table]) -> list[pa.Table]:
    """Join the tables of many units: a small table takes many times the memory of its rows."""
    batches = [units[start : start + BATCH] for start in range(0, len(units), BATCH)]
    tables = (pa.concat_tables(_read_each(batch, read)) for batch in batches)
    return [table.unify_dictionaries().combine_chunks() for table in tables]


def _read_each(units: list[tuple[Run, str]], read: Callable[[Run, str], Any]) -> list[Any]:
    """Read several units at a time: shared disks and object stores answer slowly."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda unit: read(*unit), units))


def _check_identity(units: list[tuple[Run, str]], descriptions: list[dict[str, Any]]) -> None:
    """Raise a `StoreError` if units have different weights, data or versions."""
    known: dict[str, tuple[Any, Run]] = {}
    for (run, _), description in zip(units, descriptions, strict=True):
        for name, value in description.get("identity", {}).items():
            first, origin = known.setdefault(name, (value, run))
            if first != value:
                runs = " and ".join(dict.fromkeys(str(r.path) for r in (origin, run)))
                raise StoreError(
                    f"the {name} differs between units of {runs} ({str(first)[:12]}, {str(value)[:12]}); "
                    "such records are not averaged: read one run at a time, or run again in another folder"
                )


def _merge(tables: list[pa.Table], columns: dict[str, str], key: tuple[str, ...]) -> pd.DataFrame:
    """Return one sorted table; rows that several units hold are kept once and must agree except in time."""
    schema = pa.schema([(name, _in_memory(kind)) for name, kind in columns.items()])
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    frame = table.unify_dictionaries().to_pandas()
    for name, kind in columns.items():
        if kind == "string":  # alphabetical order of the categories makes sorting alphabetical
            frame[name] = frame[name].cat.set_categories(sorted(frame[name].cat.categories))
    repeated = frame[frame.duplicated(list(key), keep=False)]
    if len(repeated):
        distinct = repeated.drop_duplicates([name for name in columns if name not in TIMINGS])
        clash = distinct[distinct.duplicated(list(key))]
        if len(clash):
            row = ", ".join(f"{name} {clash.iloc[0][name]}" for name in key)
            raise StoreError(
                f"two units disagree about {row}; delete one of them or run again in another folder"
            )
        frame = frame.drop_duplicates(list(key))
    return frame.sort_values(list(key), kind="stable", ignore_index=True)


def _in_memory(kind: str) -> pa.DataType:
    """Arrow type of a column in memory: repeated text is held as codes into a dictionary."""
    return pa.dictionary(pa.int32(), pa.string()) if kind == "string" else ARROW[kind]
