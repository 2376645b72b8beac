"""Reading runs back: all their units as tables, after a look at whether they may be read together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from results.schema import IMAGE_KEY, IMAGES, typed
from results.store import ARROW, COLUMNS, KEYS, TIMINGS, Run, StoreError, damaged_unit, differences, read_unit


class Results:
    """Everything that one or several runs recorded.

    Parameters
    ----------
    images : DataFrame
        Columns of `results.schema.IMAGES`, sorted by `results.schema.IMAGE_KEY`; text as categories.
    manifests : list of dict
        The manifest of each run, in the order of the runs.
    read : callable
        ``read(table, protocols)`` gives the table ``steps`` or ``pictures`` of some protocols (None: of all).
    data_root : Path or None
        Folder of the data sets, for pictures of what was segmented.
    folders : sequence of Path
        The folders of the runs.

    Attributes
    ----------
    steps, pictures : DataFrame
        Columns of `results.schema.STEPS` and `results.schema.PICTURES`, read when first asked for.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        manifests: list[dict[str, Any]],
        read: Callable[[str, Sequence[str] | None], pd.DataFrame],
        data_root: Path | None = None,
        folders: Sequence[Path] = (),
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
    folders = sorted((r.path / "units" / key for r in runs for key in r.units()), key=lambda f: f.name)
    if not folders:
        raise StoreError(
            f"{', '.join(map(str, paths)) or 'the list of runs'} holds no finished unit; run it first"
        )
    descriptions = {folder: _description(folder) for folder in folders}
    _check_identity(descriptions)

    def read(table: str, protocols: Sequence[str] | None) -> pd.DataFrame:
        wanted = [f for f, d in descriptions.items() if protocols is None or d.get("protocol") in protocols]
        return _merged([read_unit(f, [table])[table] for f in wanted], COLUMNS[table], KEYS[table])

    units = [read_unit(folder, ("images", "timings")) for folder in folders]
    timed = [unit["images"].append_column("seconds", unit["timings"]["seconds"]) for unit in units]
    return Results(
        _merged(timed, IMAGES, IMAGE_KEY),
        [r.manifest() for r in runs],
        read,
        data_root,
        [r.path for r in runs],
    )


def _check_identity(descriptions: dict[Path, dict[str, Any]]) -> None:
    """Nothing is averaged over units of other weights, data or versions."""
    known: dict[str, tuple[Any, Path]] = {}
    for folder, description in descriptions.items():
        for name, value in description.get("identity", {}).items():
            other, where = known.setdefault(name, (value, folder))
            if other != value:
                runs = " and ".join(dict.fromkeys(str(f.parents[1]) for f in (where, folder)))
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


def _description(folder: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads((folder / "unit.json").read_bytes())["description"]
        return description
    except (OSError, ValueError, KeyError, TypeError):
        raise damaged_unit(folder) from None
