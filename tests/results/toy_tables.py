"""Image records whose statistics are known by hand or in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segbench.results.schema import TASK


def table(rows: list[tuple], columns: str) -> pd.DataFrame:
    """Rows with the named columns; other columns are constant."""
    given = pd.DataFrame(rows, columns=columns.split())
    same = dict.fromkeys(("protocol", "model", *TASK, "subject"), "x")
    numbers = dict.fromkeys(("simulation", "position", "image"), 1)
    frame = given.assign(**{k: v for k, v in (same | numbers).items() if k not in given})
    return frame.assign(task=frame[list(TASK)].agg("/".join, axis=1))


def passes(values: np.ndarray, model: str = "m", dataset: str = "d") -> pd.DataFrame:
    """Values (simulations, images) of one task; every position has its own subject."""
    s, p = np.indices(values.shape)
    frame = pd.DataFrame({"simulation": s.ravel(), "position": p.ravel() + 1, "v": values.ravel()})
    frame = frame.assign(subject=frame.position.astype(str), image=frame.position, protocol="p", model=model)
    return frame.assign(**dict.fromkeys(TASK, "x")).assign(dataset=dataset, task=f"{dataset}/x/x/x/x")


def studies(values: np.ndarray, subject: np.ndarray) -> pd.DataFrame:
    """Independent studies, one per data set: values and subjects, (studies, simulations, images)."""
    study, simulation, position = (index.ravel() for index in np.indices(values.shape))
    frame = pd.DataFrame({"simulation": simulation, "position": position, "v": values.ravel()})
    frame = frame.assign(**dict.fromkeys(("protocol", "model", *TASK), "x"))
    names = np.array([f"study{i:04}" for i in range(len(values))])
    return frame.assign(dataset=names[study], subject=subject.ravel())
