"""Columns of the record tables, their keys, and their Parquet files.

Every figure, table and statistic is computed from these tables.
"""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TASK = ("dataset", "cohort", "modality", "axis", "label")

# The columns with which every row of every table begins.
IDENTITY: dict[str, str] = {
    "protocol": "string",
    "model": "string",
    **dict.fromkeys(TASK, "string"),
    "task": "string",  # the five columns of TASK, joined by slashes
    "split": "string",  # the split of the segmented images: test or val
    "context": "string",  # content of the context entries: none, binary, soft or ground-truth
    "annotator": "string",  # who interacts: none, human, or the name of a simulated annotator
    "training": "int32",  # which training of the model, in protocols with per_training; else 0
    "simulation": "int32",  # index of the seeded pass; 0 where the protocol draws nothing at random
    "person": "int32",  # which person drew, for the annotator human; else -1
    # 1, 2, ... in the order in which a simulation segments its images; 0 is the seed image (seeds and
    # pictures only).
    # set-automatic numbers the images of all scans of the split consecutively.
    "position": "int32",
    "image": "int32",  # index of the image in the task's data
    "subject": "string",
    "context_size": "int32",  # entries of the context; 0 without a context
    "set_size": "int32",  # images predicted together; 1 where each image is predicted on its own
}

STEPS: dict[str, str] = IDENTITY | {
    "step": "int32",  # interactions so far; 0 is the prediction before the first interaction
    "kind": "string",  # none, box, click+, click-, scribble+, scribble-; click+-, scribble+- (both at once)
    "row": "int32",  # of the click; -1 without a click
    "column": "int32",
    "drawn": "int32",  # pixels that the interactions of this step mark; a box marks none
    "dice": "float64",
    "tp": "int32",
    "fp": "int32",
    "fn": "int32",
}

IMAGES: dict[str, str] = IDENTITY | {
    "interactions": "int32",  # until the target Dice; the maximum if the target was not reached
    "reached": "bool",
    "dice": "float64",  # of the last prediction
    "hd95": "float64",  # pixels; the image diagonal where exactly one mask is empty
    "hd95_imputed": "bool",  # whether HD95 is that diagonal
    "nsd_1px": "float64",  # normalised surface distance of the last prediction at a tolerance of 1 pixel
    "nsd_2px": "float64",  # at 2 pixels
    "empty_scribbles": "int32",  # scribbles without a pixel on a region that has some
    "seconds": "float64",  # spent in the model; stored in a separate file because times differ between runs
}

# Predictions and interactions of a sample of the images; masks are ``numpy.packbits`` of the flattened mask.
PICTURES: dict[str, str] = IDENTITY | {
    "step": "int32",
    "kind": "string",
    "row": "int32",
    "column": "int32",
    "dice": "float64",
    "height": "int32",
    "width": "int32",
    "prediction": "object",  # bytes, after the interaction of this step
    "positive": "object",  # bytes, interactions added at this step; empty without any
    "negative": "object",
    "box": "object",  # bytes, the filled box added at this step; empty without one
}

# Columns that runs stored before lack, with the value that such runs have.
ADDED = {"box": b""}

# Together these identify one row of ``images``.
IMAGE_KEY = (
    *("protocol", "model", "split", "context", "annotator", "task"),
    *("training", "simulation", "person", "position", "image", "context_size", "set_size"),
)
STEP_KEY = (*IMAGE_KEY, "step")  # identifies one row of ``steps`` and of ``pictures``


# The tables of a unit; the seconds of ``images`` have a file of their own.
TIMINGS = {"seconds": IMAGES["seconds"]}
UNTIMED = {name: kind for name, kind in IMAGES.items() if name not in TIMINGS}
COLUMNS = {
    "steps": STEPS,
    "images": UNTIMED,
    "timings": TIMINGS,
    "seeds": UNTIMED,  # the seed images, which no average contains
    "pictures": PICTURES,
}
KEYS = {"steps": STEP_KEY, "images": IMAGE_KEY, "seeds": IMAGE_KEY, "pictures": STEP_KEY}
ARROW = {
    "string": pa.string(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "object": pa.binary(),
}


def typed(rows: list[dict], columns: dict[str, str]) -> pd.DataFrame:
    """Return rows as a table with exactly the declared columns, in their order and types."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def to_parquet(frame: pd.DataFrame, columns: dict[str, str]) -> bytes:
    """Return Parquet bytes that depend on the rows alone: no index, no pandas metadata, one codec."""
    schema = pa.schema([(name, ARROW[kind]) for name, kind in columns.items()])
    table = pa.Table.from_pandas(frame[list(columns)], schema=schema, preserve_index=False)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"compression": "zstd", "store_schema": False, "write_page_checksum": True}
    pq.write_table(table.replace_schema_metadata(None), buffer, **options)
    return buffer.getvalue()


def from_parquet(content: bytes, columns: dict[str, str]) -> pa.Table:
    """Return the table of a Parquet file, with text as codes into dictionaries."""
    text = [name for name, kind in columns.items() if kind == "string"]
    table = _parquet_file(content, read_dictionary=text).read(use_threads=False)
    for name in columns:
        if name in ADDED and name not in table.column_names:
            table = table.append_column(name, pa.array([ADDED[name]] * len(table), ARROW[columns[name]]))
    return table


def parquet_rows(content: bytes) -> int:
    """Return the number of rows of a Parquet file."""
    rows: int = _parquet_file(content).metadata.num_rows
    return rows


def _parquet_file(content: bytes, **options: Any) -> pq.ParquetFile:
    """Open one file; several times faster for small files than `pq.read_table`."""
    return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True, **options)
