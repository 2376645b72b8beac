"""Columns of the two record tables; everything people read is computed from them."""

from __future__ import annotations

import pandas as pd

TASK = ("dataset", "cohort", "modality", "axis", "label")

IDENTITY: dict[str, str] = {
    "protocol": "string",
    "model": "string",
    **dict.fromkeys(TASK, "string"),
    "task": "string",  # the five before it, joined by slashes
    "simulation": "int32",
    "position": "int32",  # 1 for the first image after the seed image, 0 for that (in pictures only)
    "image": "int32",  # index in the task's data
    "subject": "string",
    "context_size": "int32",  # entries the model was given, or other images of the set; 0 where it takes none
    # What they hold: binary, soft, ground-truth; set of a setwise model; else none. Of manual-scribbles, who
    # drew: human, centerline, line.
    "context": "string",
    "split": "string",  # which images are segmented: test or val
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

# What was seen of an image, for a sample of the images; masks as ``numpy.packbits`` of the flattened mask.
PICTURES: dict[str, str] = IDENTITY | {
    "step": "int32",
    "kind": "string",
    "row": "int32",
    "column": "int32",
    "dice": "float64",
    "height": "int32",
    "width": "int32",
    "prediction": "object",  # bytes, after the interaction of this step
    "positive": "object",  # bytes, marks drawn at this step; empty where there are none
    "negative": "object",
}

# Names one row of ``images``; the subject too, as the positions of `set-automatic` are those of its scans.
IMAGE_KEY = (
    *("protocol", "model", "context", "split", "task", "simulation", "position", "context_size"),
    "subject",
)
STEP_KEY = (*IMAGE_KEY, "step")  # names one row of ``steps`` and of ``pictures``


def typed(rows: list[dict], columns: dict[str, str]) -> pd.DataFrame:
    """Rows as a table with exactly the declared columns, in order and of the declared types."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
