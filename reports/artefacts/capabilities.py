"""Capabilities of the methods (MultiverSeg, Table 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import catalogue
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.set_gains import AUTOMATIC, INTERACTIVE_PAIR
from segbench.reports.layout import Grid, plain, text
from segbench.reports.style import model_title
from segbench.results import published
from segbench.results.reference import PREPRINT

if TYPE_CHECKING:
    from segbench.results import Results

KINDS = {
    "interactive": "Interactive",
    "in_context": "In context",
    "interactive_in_context": "Interactive in context",
}


def _data(results: Results) -> pd.DataFrame:
    """Collect the capabilities by method.

    Returns
    -------
    DataFrame
        A row per ``model``: the paper's methods, then the other models of the registry and of the run.
        ``title``; ``paper_interactive``, ``paper_in_context`` and ``paper_interactive_in_context`` (yes or
        no, empty for methods that are not in the paper); the same three without prefix as the model declares
        them (``unknown`` if it cannot be imported, empty if this project has no such model);
        ``paper_weights``, whether the paper calls the weights public, and ``weights``, what was found since,
        with the month; ``note``; ``version`` of the paper.
    """
    from segbench.models.registry import MODELS

    paper = published("table6").set_index("model").rename(columns={name: f"paper_{name}" for name in KINDS})
    interconv = (*INTERACTIVE_PAIR, *AUTOMATIC.models)  # InterConv's own tables list them
    # Variants of a method are in the table if they are in the run.
    variants = [name for name in MODELS.builtin if getattr(MODELS.get(name), "default_protocols", None) == ()]
    built_in = [name for name in MODELS.names() if name not in (*interconv, *variants)]
    known = dict.fromkeys([*built_in, *catalogue.models(results)])
    names = list(dict.fromkeys([*paper.index, *known]))
    table = paper.reindex(names)
    declared = pd.DataFrame([_declared(name) if name in known else {} for name in names], index=names)
    table = table.join(declared.rename(columns={"note": "our_note"}))
    table["title"] = table.title.fillna(pd.Series({name: model_title(name) for name in names}))
    table["note"] = table.note.fillna(table.pop("our_note"))
    return table.rename_axis("model").reset_index()


def _declared(name: str) -> dict[str, str | None]:
    """Return the capabilities that an adapter declares."""
    from segbench.models.registry import capabilities

    try:
        can = capabilities(name)
    except Exception:  # the import of another machine's plug-in may fail in any way
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


def _grid(results: Results, table: pd.DataFrame) -> Grid:
    columns = {
        "title": "Method",
        **{f"paper_{name}": f"Paper: {title}" for name, title in KINDS.items()},
        **{name: f"Ours: {title}" for name, title in KINDS.items()},
        "paper_weights": "Paper: weights",
        "weights": "Weights, last checked",
        "note": "Note",
    }
    return plain(table, columns)


ARTEFACTS = {
    "table6": Artefact(
        "table",
        "Capabilities of the methods (Table 6)",
        "Interactive: takes clicks or scribbles on the image. In context: takes segmented images of the same "
        f"task. The paper's statement ({PREPRINT}, December 2024), and what the models of this project and "
        "of this run declare. SegGPT, which the paper cites but does not list, has had public weights since "
        "April 2023.",
        requires=(),
        data=_data,
        grid=_grid,
    )
}
