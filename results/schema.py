"""Columns of the record tables; every figure, table and statistic is computed from these tables."""

from __future__ import annotations

import pandas as pd

TASK = ("dataset", "cohort", "modality", "axis", "label")

# The columns with which every row of every table begins.
IDENTITY: dict[str, str] = {
    "protocol": "string",
    "model": "string",
    **dict.fromkeys(TASK, "string"),
    "task": "string",  # the five columns of TASK, joined by slashes
    "split": "string",  # the split of the segmented images: test or val
    "context": "string",  # content of the context entries: none, binary, soft or ground-truth
    # Who interacts: none, center-clicks, centerline-scribbles, random-clicks, line-scribbles, human, or the
    # name of a plug-in's annotator.
    "annotator": "string",
    "training": "int32",  # which training of the model, in protocols with per_training; else 0
    "simulation": "int32",  # index of the seeded pass; 0 where the protocol draws nothing at random
    "person": "int32",  # which person drew, for the annotator human; else -1
    # 1, 2, ... in the order in which a simulation segments its images; 0 is the seed image (pictures only).
    # set-automatic numbers the images of all scans of the split consecutively.
    "position": "int32",
    "image": "int32",  # index of the image in the task's data
    "subject": "string",
    "context_size": "int32",  # entries of the context; 0 without a context
    "set_size": "int32",  # images predicted together; 1 where each image is predicted on its own
}

STEPS: dict[str, str] = IDENTITY | {
    "step": "int32",  # interactions so far; 0 is the prediction before the first interaction
    "kind": "string",  # of the interaction: none, click+, click-, scribble+, scribble-, scribble+- (both at once)
    "row": "int32",  # of the click; -1 without a click
    "column": "int32",
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
}

# Together these identify one row of ``images``.
IMAGE_KEY = (
    *("protocol", "model", "split", "context", "annotator", "task"),
    *("training", "simulation", "person", "position", "image", "context_size", "set_size"),
)
STEP_KEY = (*IMAGE_KEY, "step")  # identifies one row of ``steps`` and of ``pictures``


def typed(rows: list[dict], columns: dict[str, str]) -> pd.DataFrame:
    """Return rows as a table with exactly the declared columns, in their order and types."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)
