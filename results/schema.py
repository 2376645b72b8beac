"""Columns of the two record tables; everything people read is computed from them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

IDENTITY: dict[str, str] = {
    "protocol": "string",
    "model": "string",
    "dataset": "string",
    "cohort": "string",
    "modality": "string",
    "axis": "string",
    "label": "string",
    "task": "string",  # the five before it, joined by slashes
    "simulation": "int32",
    "position": "int32",  # 1 for the first image after the seed image
    "image": "int32",  # index in the task's data
    "subject": "string",
    "context_size": "int32",  # entries the model was given; 0 where it takes no context
}

STEPS: dict[str, str] = IDENTITY | {
    "step": "int32",  # interactions so far; 0 is the prediction from the context alone
    "kind": "string",  # none, click+, click-, scribble+, scribble-, scribble+- (both at once)
    "row": "int32",  # of the click, else -1
    "column": "int32",
    "dice": "float64",
    "tp": "int32",
    "fp": "int32",
    "fn": "int32",
}

IMAGES: dict[str, str] = IDENTITY | {
    "interactions": "int32",  # to the target, or the maximum where it was not reached
    "reached": "bool",
    "dice": "float64",  # of the last prediction
    "hd95": "float64",  # pixels; the image diagonal where exactly one mask is empty
    "seconds": "float64",  # in the model; kept apart on disk because clocks do not repeat
}


@dataclass(frozen=True)
class Records:
    """What a protocol returns: ``steps`` has one row per prediction, ``images`` one per image."""

    steps: pd.DataFrame
    images: pd.DataFrame


def typed(rows: list[dict], columns: dict[str, str]) -> pd.DataFrame:
    """Rows as a table with exactly the declared columns, in order and of the declared types."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
