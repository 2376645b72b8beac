"""The records that an artefact requires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import protocols
from segbench.reports.requirement import NO_CONTEXT, InsufficientRecords, Requirement
from segbench.results import overview

if TYPE_CHECKING:
    from segbench.results import Results


def select(results: Results, *requirements: Requirement) -> pd.DataFrame:
    """Return the image records that any of some requirements asks for.

    Parameters
    ----------
    results : Results
    *requirements : Requirement
        Protocols, split, context and length of the sets decide. Models do not: figures show every model.

    Returns
    -------
    DataFrame
        Rows of ``results.images``, in their order.

    Raises
    ------
    InsufficientRecords
        If there are none.
    """
    return _matching(results, results.images, requirements)


def select_models(results: Results, *requirements: Requirement) -> pd.DataFrame:
    """Return the same as `select`, but only of the models that the requirements name."""
    rows = select(results, *requirements)
    models = list(dict.fromkeys(name for requirement in requirements for name in requirement.models))
    rows = rows[rows.model.isin(models)]
    if rows.empty:
        raise InsufficientRecords(
            f"There are no results of {' or '.join(models)} on the {requirements[0].split} split."
        )
    return rows


def select_steps(results: Results, requirement: Requirement) -> pd.DataFrame:
    """Return the step records that a requirement asks for; otherwise as `select`."""
    steps = results.steps_of(protocols.recorded(results, requirement))
    return _matching(results, steps, [requirement])


def _matching(results: Results, frame: pd.DataFrame, requirements: Sequence[Requirement]) -> pd.DataFrame:
    standard = in_standard_sets(results, frame)
    wanted = pd.Series(False, index=frame.index)
    for requirement in requirements:
        wanted |= (
            frame.protocol.isin(protocols.recorded(results, requirement))
            & (frame.split == requirement.split)
            & frame.context.isin([requirement.context, NO_CONTEXT])
            & (standard | requirement.longer)
        )
    if not wanted.any():
        texts = dict.fromkeys(
            f"{' or '.join(protocols.expected(r))} with {r.context} contexts on the {r.split} split"
            for r in requirements
        )
        raise InsufficientRecords(f"There are no results of {' or of '.join(texts)}.")
    return frame[wanted]


def standard_size(results: Results) -> int | None:
    """Return the number of images of a standard set; None without a manifest or without a limit."""
    return overview.standard_size(results.manifests)


def in_standard_sets(results: Results, frame: pd.DataFrame) -> pd.Series:
    """Return which records belong to a standard set; longer sets go on beyond its number of images.

    Only protocols in which one image follows another have standard sets. In all others the position merely
    numbers the images, and all records count.
    """
    size = standard_size(results)
    if size is None:
        return pd.Series(True, index=frame.index)
    unordered = [name for name in frame.protocol.unique() if not protocols.labels(results, name).ordered]
    return frame.protocol.isin(unordered) | (frame.position <= size)
