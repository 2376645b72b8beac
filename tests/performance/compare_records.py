"""Compare the records of a run of format 2, before records had one column per fact, with a newer run.

    python tests/performance/compare_records.py OLD_RUN NEW_RUN

Both runs need the same command and float32. Times are not compared. The exit status is 1 if any row is in one
run only or any value differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

# Old column -> new columns. Columns that are not named here have kept name and meaning.
#   context       -> context, annotator   (ANNOTATOR, DRAWN_BY; "set" is now "none")
#   simulation    -> simulation, training, person   (PER_TRAINING; person where the annotator is human)
#   context_size  -> context_size, set_size   (of sets, where context was "set": set_size - 1)
#   position      -> position   (RESTARTED: was numbered within a subject, is now numbered through)
ANNOTATOR = {
    "center-clicks": "center-clicks",
    "centerline-scribbles": "centerline-scribbles",
    "interactive-in-context-clicks": "center-clicks",
    "interactive-in-context-scribbles": "centerline-scribbles",
    "set-clicks": "random-clicks",
    "set-scribbles": "line-scribbles",
    **dict.fromkeys(("bootstrapped-in-context", "in-context", "set-automatic", "supervised"), "none"),
}
DRAWN_BY = {"human": "human", "centerline": "centerline-scribbles", "line": "line-scribbles"}
PER_TRAINING = ("supervised",)
RESTARTED = ("set-automatic",)

IMAGE = (
    *("protocol", "model", "split", "context", "annotator", "task"),
    *("training", "simulation", "person", "position", "image", "context_size", "set_size"),
)
KEYS = {"images": IMAGE, "steps": (*IMAGE, "step"), "pictures": (*IMAGE, "step")}


def read(run: Path, table: str) -> pd.DataFrame:
    """Return a table of all units; rows that several units hold once."""
    files = sorted(run.glob(f"units/*/{table}.parquet"))
    if not files:
        sys.exit(f"{run} holds no {table}")
    return pd.concat(map(pd.read_parquet, files), ignore_index=True).drop_duplicates(ignore_index=True)


def renamed(old: pd.DataFrame) -> pd.DataFrame:
    """Return an old table with the new columns."""
    drawn = old.context.isin(list(DRAWN_BY))
    sets = old.context == "set"
    training, human = old.protocol.isin(PER_TRAINING), old.context == "human"
    return old.assign(
        annotator=old.context.map(DRAWN_BY).where(drawn, old.protocol.map(ANNOTATOR)),
        context=old.context.where(~(drawn | sets), "none"),
        training=old.simulation.where(training, 0),
        person=old.simulation.where(human, -1),
        simulation=old.simulation.where(~(training | human), 0),
        set_size=(old.context_size + 1).where(sets, 1),
        context_size=old.context_size.where(~sets, 0),
    )


def positions_by_subject(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose positions count from the subject's first image, where numbering has changed."""
    rows = table.protocol.isin(RESTARTED)
    subject = ["protocol", "model", "dataset", "cohort", "modality", "axis", "split", "subject"]
    first = table.groupby(subject).position.transform("min")
    return table.assign(position=table.position.where(~rows, table.position - first))


def differing(name: str, old: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Print how two tables of the same columns differ, and return whether they do."""
    key = list(KEYS[name])
    unknown = set(old) ^ set(new)
    if unknown:
        sys.exit(f"{name}: column {', '.join(sorted(map(str, unknown)))} is in one run only")
    for run, table in (("old", old), ("new", new)):
        if table.duplicated(key).any():
            sys.exit(
                f"{name}: the {run} run has several rows of {table[table.duplicated(key)].iloc[0].to_dict()}"
            )
    both = old.merge(new, on=key, how="outer", suffixes=("_old", "_new"), indicator="found_in")
    shared = both[both.found_in == "both"]
    largest, unequal = 0.0, {}
    for column in old.columns.difference(key):
        before, now = (shared[f"{column}_{run}"] for run in ("old", "new"))
        differs = ~((before == now) | (before.isna() & now.isna()))
        if differs.any():
            unequal[column] = int(differs.sum())
            if pd.api.types.is_numeric_dtype(before):
                gap = (before[differs].astype(float) - now[differs].astype(float)).abs()
                largest = max(largest, float(gap.fillna(np.inf).max()))
    only = {
        run: int((both.found_in == f"{side}_only").sum()) for run, side in (("old", "left"), ("new", "right"))
    }
    print(
        f"{name}: {len(shared)} rows compared, {only['old']} only in the old run, {only['new']} only in the "
        f"new run; largest difference {largest:g}"
    )
    for run, side in (("old", "left_only"), ("new", "right_only")):
        rows = both[both.found_in == side].groupby(["protocol", "model"]).size().reset_index(name="count")
        for row in rows.to_dict("records"):
            print(f"    only in the {run} run: {row['count']} rows of {row['model']} in {row['protocol']}")
    for column, count in unequal.items():
        print(f"    {column}: {count} values differ")
    return bool(unequal) or any(only.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, help="folder of the run of format 2")
    parser.add_argument("new", type=Path, help="folder of the newer run")
    runs = parser.parse_args()
    results = [
        differing(name, *map(positions_by_subject, (renamed(read(runs.old, name)), read(runs.new, name))))
        for name in KEYS
    ]
    sys.exit(any(results))


if __name__ == "__main__":
    main()
