"""Parameters of the networks of InterConv, counted on networks without storage."""

from __future__ import annotations

import pandas as pd

from segbench.reports.artefact import InsufficientRecords
from segbench.reports.layout import Grid, plain, shown
from segbench.results import published

CAPTION = (
    "Parameters as the paper prints them, rounded, and as counted on this project's networks, with 1 input "
    "channel and 21 output classes."
)


def counted(artefact: str) -> pd.DataFrame:
    """The paper's networks with their sizes.

    Parameters
    ----------
    artefact : str
        Name of a published table with ``model``, ``width`` and ``parameters``.

    Returns
    -------
    DataFrame
        The published columns with ``paper_parameters`` in place of ``parameters``, then ``parameters`` (ours)
        and ``difference_percent`` (ours against the paper's).

    Raises
    ------
    InsufficientRecords
        If a package that a network is built with is missing.
    """
    table = published(artefact).rename(columns={"parameters": "paper_parameters"})
    ours = [_parameters(model, width) for model, width in zip(table.model, table.width, strict=True)]
    difference = 100 * (pd.Series(ours) / table.paper_parameters - 1)
    return table.assign(parameters=ours, difference_percent=difference)


def _parameters(model: str, width: int) -> int:
    """Size of a model's network of that width."""
    import torch

    from segbench.models.registry import MODELS
    from segbench.models.weights import WeightsError

    adapter = MODELS.get(model)
    try:
        with torch.device("meta"):  # shapes only: nothing is drawn or stored
            network = adapter.network_class(width, interconv=adapter.interconv)
    except WeightsError as error:
        raise InsufficientRecords(str(error)) from error
    return sum(parameter.numel() for parameter in network.parameters())


def sizes_grid(table: pd.DataFrame, features: str = "width") -> Grid:
    """The table for reading; ``features`` is the column that tells the sizes of a model apart."""
    columns = {
        "model": "Network",
        features: "Features",
        "paper_parameters": "Paper: parameters",
        "parameters": "Ours: parameters",
        "difference_percent": "Difference (%)",
    }
    table = table.assign(
        model=[shown("model", name) for name in table.model],
        difference_percent=table.difference_percent.round(1),
    )
    return plain(table, columns, heads=2)
