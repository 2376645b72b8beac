"""What each method can do (MultiverSeg, Table 6)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from segbench.models.registry import PAIR
from segbench.reports import catalogue
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.gains import AUTOMATIC_NEED
from segbench.reports.layout import Grid, plain, shown, text
from segbench.results import published

if TYPE_CHECKING:
    from segbench.results import Results

ARTEFACT = Artefact(
    "table",
    "Capabilities of the methods (Table 6)",
    "Interactive: takes clicks or scribbles on the image. In context: takes segmented images of the same "
    "task. The paper's statement beside what the models of this project and of this run declare.",
    requires=(),
)

KINDS = {
    "interactive": "Interactive",
    "in_context": "In context",
    "interactive_in_context": "Interactive in context",
}


def table6(results: Results) -> pd.DataFrame:
    """Capabilities by method.

    Returns
    -------
    DataFrame
        A row per ``model``: the paper's methods, then the other models of the registry (without the variants
        of SP+UVS and InterConv's pairs) and of the run. ``title``; the paper's ``paper_interactive``,
        ``paper_in_context`` and ``paper_interactive_in_context`` (yes or no, empty for methods that it has
        not); the same three without prefix as the model declares them (``unknown`` where it cannot be
        imported, empty where this project has no such model); ``note``.
    """
    from segbench.models.registry import MODELS, VARIANTS

    paper = published("table6").set_index("model").rename(columns={name: f"paper_{name}" for name in KINDS})
    others = (*VARIANTS, *PAIR, *AUTOMATIC_NEED.models)
    built_in = [name for name in MODELS.names() if name not in others]
    known = dict.fromkeys([*built_in, *catalogue.models(results)])
    names = list(dict.fromkeys([*paper.index, *known]))
    table = paper.reindex(names)
    declared = pd.DataFrame([_declared(name) if name in known else {} for name in names], index=names)
    table = table.join(declared.rename(columns={"note": "own_note"}))
    table["title"] = table.title.fillna(pd.Series({name: shown("model", name) for name in names}))
    table["note"] = table.note.fillna(table.pop("own_note"))
    return table.rename_axis("model").reset_index()


def _declared(name: str) -> dict[str, str | None]:
    """What a model says of itself."""
    from segbench.models.registry import MODELS

    try:
        can = MODELS.get(name).capabilities
    except Exception:  # a plug-in of another machine or time may fail in any way when it is imported
        return {**dict.fromkeys(KINDS, "unknown"), "note": "cannot be imported here"}
    notes = [
        f"uses a context from {can.min_context} images on" if can.min_context > 1 else "",
        "trained on each task" if can.needs_training else "",
    ]
    return {
        "interactive": text(can.interactive),
        "in_context": text(can.in_context),
        "interactive_in_context": text(can.interactive and can.in_context),
        "note": "; ".join(filter(None, notes)) or None,
    }


def table6_grid(table: pd.DataFrame) -> Grid:
    """The table for reading."""
    columns = {
        "title": "Method",
        **{f"paper_{name}": f"Paper: {title}" for name, title in KINDS.items()},
        **{name: f"Ours: {title}" for name, title in KINDS.items()},
        "note": "Note",
    }
    return plain(table, columns)


ARTEFACTS = {"table6": dataclasses.replace(ARTEFACT, data=table6, grid=lambda _, table: table6_grid(table))}
