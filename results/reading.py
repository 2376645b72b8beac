"""Reading runs back: all their units as tables, after a look at whether they may be read together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from segbench.results.schema import IMAGE_KEY, IMAGES, typed
from segbench.results.store import ARROW, COLUMNS, KEYS, READERS, TIMINGS, Run, StoreError, differences

TOGETHER = 500  # units whose tables are joined at once


class Results:
    """Everything that one or several runs recorded.

    Parameters
    ----------
    images : DataFrame
        Columns of `segbench.results.schema.IMAGES`, sorted by `segbench.results.schema.IMAGE_KEY`; text as categories.
    manifests : list of dict
        The manifest of each run, in the order of the runs.
    read : callable
        ``read(table, protocols)`` gives the table ``steps`` or ``pictures`` of some protocols (None: of all).
    data_root : Path or None
        Folder of the data sets, for pictures of what was segmented.
    folders : sequence of Path or str
        Where the runs are.

    Attributes
    ----------
    steps, pictures : DataFrame
        Columns of `segbench.results.schema.STEPS` and `segbench.results.schema.PICTURES`, read when first asked for.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        manifests: list[dict[str, Any]],
        read: Callable[[str, Sequence[str] | None], pd.DataFrame],
        data_root: Path | None = None,
        folders: Sequence[Path | str] = (),
    ) -> None:
        self.images, self.manifests, self.read = images, manifests, read
        self.data_root, self.folders = data_root, folders

    @cached_property
    def steps(self) -> pd.DataFrame:
        return self.read("steps", None)

    @cached_property
    def pictures(self) -> pd.DataFrame:
        return self.read("pictures", None)

    def steps_of(self, protocols: Sequence[str]) -> pd.DataFrame:
        """The steps of some protocols only, as those of a large study take much memory."""
        return self.read("steps", protocols)


def nothing(data_root: Path | None = None) -> Results:
    """Results without any record, for what needs none."""
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
                f"{runs[0].path} and {other.path} were run with other settings ({differing}); "
                "read them one at a time"
            )
    units = sorted(((run, key) for run in runs for key in run.units()), key=lambda unit: unit[1])
    if not units:
        raise StoreError(
            f"{', '.join(map(str, paths)) or 'the list of runs'} holds no finished unit; run it first"
        )
    descriptions = _each(units, lambda run, key: run.description(key))
    _check_identity(units, descriptions)

    def read(table: str, protocols: Sequence[str] | None) -> pd.DataFrame:
        wanted = [
            unit
            for unit, said in zip(units, descriptions, strict=True)
            if protocols is None or said.get("protocol") in protocols
        ]
        tables = _joined(wanted, lambda run, key: run.read(key, [table])[table])
        return _merged(tables, COLUMNS[table], KEYS[table])

    return Results(
        _merged(_joined(units, _timed), IMAGES, IMAGE_KEY),
        [r.manifest() for r in runs],
        read,
        data_root,
        [r.path for r in runs],
    )


def _timed(run: Run, key: str) -> pa.Table:
    unit = run.read(key, ("images", "timings"))
    return unit["images"].append_column("seconds", unit["timings"]["seconds"])


def _joined(units: list[tuple[Run, str]], read: Callable[[Run, str], pa.Table]) -> list[pa.Table]:
    """Tables of many units each, as a small table takes many times the memory of its rows."""
    parts = [units[start : start + TOGETHER] for start in range(0, len(units), TOGETHER)]
    tables = (pa.concat_tables(_each(part, read)) for part in parts)
    return [table.unify_dictionaries().combine_chunks() for table in tables]


def _each(units: list[tuple[Run, str]], read: Callable[[Run, str], Any]) -> list[Any]:
    """What is read of each unit, of several at a time, as shared disks and object stores answer slowly."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda unit: read(*unit), units))


def _check_identity(units: list[tuple[Run, str]], descriptions: list[dict[str, Any]]) -> None:
    """Nothing is averaged over units of other weights, data or versions."""
    known: dict[str, tuple[Any, Run]] = {}
    for (run, _), description in zip(units, descriptions, strict=True):
        for name, value in description.get("identity", {}).items():
            other, where = known.setdefault(name, (value, run))
            if other != value:
                runs = " and ".join(dict.fromkeys(str(r.path) for r in (where, run)))
                raise StoreError(
                    f"the {name} differs between units of {runs} ({_brief(other)}, {_brief(value)}); "
                    "such records are not averaged: read one run at a time, or run anew in another folder"
                )


def _brief(value: Any) -> str:
    return str(value)[:12]


def _merged(tables: list[pa.Table], columns: dict[str, str], key: tuple[str, ...]) -> pd.DataFrame:
    """One sorted table; rows that several units hold are kept once and must agree but for the clock."""
    schema = pa.schema([(name, _in_memory(kind)) for name, kind in columns.items()])
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    frame = table.unify_dictionaries().to_pandas()
    for name, kind in columns.items():
        if kind == "string":  # categories in order of the alphabet, so that sorting sorts by it
            frame[name] = frame[name].cat.set_categories(sorted(frame[name].cat.categories))
    repeated = frame[frame.duplicated(list(key), keep=False)]
    if len(repeated):
        distinct = repeated.drop_duplicates([name for name in columns if name not in TIMINGS])
        clash = distinct[distinct.duplicated(list(key))]
        if len(clash):
            row = ", ".join(f"{name} {clash.iloc[0][name]}" for name in key)
            raise StoreError(
                f"two units disagree about {row}; delete one of them or run anew in another folder"
            )
        frame = frame.drop_duplicates(list(key))
    return frame.sort_values(list(key), kind="stable", ignore_index=True)


def _in_memory(kind: str) -> pa.DataType:
    """Arrow type of a column when read: text as codes into a dictionary, since it repeats."""
    return pa.dictionary(pa.int32(), pa.string()) if kind == "string" else ARROW[kind]
