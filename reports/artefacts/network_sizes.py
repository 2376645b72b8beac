"""Parameters of the networks of InterConv, counted on networks without storage (Tables 4 to 6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports.artefact import Artefact
from segbench.reports.layout import Grid, plain
from segbench.reports.requirement import InsufficientRecords
from segbench.reports.style import model_title
from segbench.results import published
from segbench.results.reference import INTERCONV

if TYPE_CHECKING:
    from segbench.results import Results


def network_sizes(results: Results, artefact: str) -> pd.DataFrame:
    """Count the parameters of the paper's networks; the same for every run.

    Parameters
    ----------
    results : Results
    artefact : str
        Name of a published table with ``model``, ``width`` and ``parameters``.

    Returns
    -------
    DataFrame
        The published columns with ``paper_parameters`` instead of ``parameters``, then ``parameters`` of
        this project's networks and ``difference_percent`` from the paper's.

    Raises
    ------
    InsufficientRecords
        If a package that a network is built with is missing.
    """
    table = published(artefact).rename(columns={"parameters": "paper_parameters"})
    counts = [_parameters(model, width) for model, width in zip(table.model, table.width, strict=True)]
    difference = 100 * (pd.Series(counts) / table.paper_parameters - 1)
    return table.assign(parameters=counts, difference_percent=difference)


def _parameters(model: str, width: int) -> int:
    """Count the parameters of a model's network of that width."""
    import torch

    from segbench.models.registry import MODELS
    from segbench.models.weights import WeightsError

    adapter = MODELS.get(model)
    try:
        with torch.device("meta"):  # shapes only, without memory or random numbers
            network = adapter.network_class(width, interconv=adapter.interconv)
    except WeightsError as error:
        raise InsufficientRecords(str(error)) from error
    return sum(parameter.numel() for parameter in network.parameters())


def network_sizes_grid(results: Results, table: pd.DataFrame) -> Grid:
    """Lay out a row per network; ``features`` are those of all stages where the paper lists them."""
    columns = {
        "model": "Network",
        "features" if "features" in table else "width": "Features",
        "paper_parameters": "Paper: parameters",
        "parameters": "Ours: parameters",
        "difference_percent": "Difference (%)",
    }
    table = table.assign(
        model=[model_title(name) for name in table.model],
        difference_percent=table.difference_percent.round(1),
    )
    return plain(table, columns, heads=2)


def _sizes(number: int, network: str, details: str) -> Artefact:
    return Artefact(
        "table",
        f"Sizes of {network} (InterConv, Table {number})",
        f"Parameters as the paper ({INTERCONV}) prints them, rounded, and as counted on this project's "
        f"networks, with 1 input channel and 21 output classes. {details}",
        requires=(),
        data=partial(network_sizes, artefact=f"interconv-table{number}"),
        grid=network_sizes_grid,
    )


ARTEFACTS = {
    "interconv-table4": _sizes(
        4,
        "SimpleUNet",
        "Features are those of every level. Networks of one printed size are listed together; the paper "
        "names them by round numbers.",
    ),
    "interconv-table5": _sizes(
        5,
        "nnU-Net",
        "Features are those of the six stages of the encoder. The 34.9 M that the paper prints for the wider "
        "InterConv network equals the last number of its Table 6; our count is of a network in which every "
        "3x3 convolution of the baseline is widened.",
    ),
    "interconv-table6": _sizes(6, "SwinUNet", "Features are those of the first stage."),
}
