"""The short table at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def summary(images: pd.DataFrame) -> str:
    """Mean interactions to the target Dice (NoI90 where it is 0.9), Dice and failures, by protocol and model.

    Parameters
    ----------
    images : DataFrame
        The records, one row per image. Means are hierarchical: every data set counts the same. Splits and
        kinds of context are told apart where a model has several, and so are context sizes where it has
        several results of the same image.
    """
    from segbench.results.statistics import hierarchical_mean

    kinds = images.groupby(["protocol", "model"], observed=True)[["split", "context"]].nunique()
    by = ["protocol", "model", *kinds.columns[kinds.max() > 1]]
    same_image = [*by, "task", "simulation", "image"]
    repeated = images.groupby(same_image, observed=True).context_size.nunique().groupby("protocol").max() > 1
    if repeated.any():
        sized = images.protocol.isin(repeated.index[repeated])
        images = images.assign(context_size=images.context_size.where(sized, -1))
        by.append("context_size")
    table = hierarchical_mean(images, "interactions", by)
    table["Dice"] = hierarchical_mean(images, "dice", by).dice
    table["failures"] = (1 - hierarchical_mean(images, "reached", by).reached).map("{:.0%}".format)
    if repeated.any():
        table["context_size"] = table["context_size"].map(lambda size: "" if size < 0 else str(size))
    return table.to_string(index=False, float_format="{:.2f}".format)


def shortened(trainings: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """A line for each model whose training was shorter than its authors have it.

    Parameters
    ----------
    trainings : as of `segbench.reports.catalogue.trainings`
    """
    schedules = {
        model: dict.fromkeys(said["schedule"] for said in tasks.values() if said["shortened"])
        for model, tasks in trainings.items()
    }
    return [
        f"{model} was trained for {' or '.join(found)} only (shortened): no upper bound of a whole training"
        for model, found in schedules.items()
        if found
    ]
