"""The artefacts by name, in the order of the page, and the names that the papers use."""

from __future__ import annotations

from importlib import import_module

from segbench.registry import UnknownName
from segbench.reports.artefact import Artefact

# Each artefact with its module in ``reports/artefacts``, which is imported when it is needed.
ARTEFACTS: dict[str, str] = {
    "fig3": "effort",
    "fig4": "totals",
    "fig5": "examples",
    "fig6": "context_size",
    "fig7": "steps",
    "fig8": "synthetic_task",
    "fig9": "splits",
    "fig10": "examples",
    "fig11": "effort",
    "fig12": "effort",
    "fig13": "effort",
    "fig14": "effort",
    "fig15": "effort",
    "fig16": "totals",
    "fig17a": "bootstrapped",
    "fig18": "bootstrapped",
    "fig19": "context_size",
    "fig20": "steps",
    "fig21": "steps",
    "table1": "splits",
    "table2": "data_sets",
    "table3": "data_sets",
    "table4": "augmentations",
    "table5": "augmentations",
    "table6": "capabilities",
    "table7": "quality",
    "table17b": "quality",
    "interconv-fig4": "set_gains",
    "interconv-fig5": "set_examples",
    "interconv-fig6": "set_gains",
    "interconv-fig7": "label_maps",
    "interconv-fig8": "scan_counts",
    "interconv-fig9": "set_gains",
    "interconv-fig10": "set_gains",
    "interconv-fig11": "set_examples",
    "interconv-table1": "automatic_dice",
    "interconv-table2": "scan_counts",
    "interconv-table3": "scan_counts",
    "interconv-table4": "network_sizes",
    "interconv-table5": "network_sizes",
    "interconv-table6": "network_sizes",
    "interconv-table7": "data_sets",
    "interconv-table8": "data_sets",
    "tasks": "tasks",
    "dice-by-step": "dice_by_step",
    "worst-images": "worst_images",
    "seed-images": "seed_images",
    "metrics": "metrics",
    "comparisons": "comparisons",
    "profiles": "profiles",
    "boxes": "boxes",
    "convergence": "convergence",
    "upper-bounds": "upper_bounds",
    "manual-scribbles": "manual_scribbles",
    "manual-scribbles-examples": "manual_scribbles",
    "manual-scribbles-dice": "manual_scribbles_tables",
    "manual-scribbles-marks": "manual_scribbles_tables",
}
# Facts of the papers, and comparisons of a run's data with theirs. Pages show them beside the papers only.
PAPER_FACTS = (
    *("table1", "table2", "fig9", "table3", "fig8", "table4", "table5", "table6"),
    *("interconv-table2", "interconv-table3", "interconv-table4", "interconv-table5", "interconv-table6"),
    *("interconv-table7", "interconv-table8"),
)
PAPERS = {
    "MultiverSeg": tuple(name for name in ARTEFACTS if name.startswith(("fig", "table"))),
    "InterConv": tuple(name for name in ARTEFACTS if name.startswith("interconv-")),
}


def names() -> list[str]:
    """Return the names of all artefacts: MultiverSeg's, InterConv's, then the others; figures first."""
    return list(ARTEFACTS)


def get(name: str) -> Artefact:
    """Return the artefact of that name.

    Raises
    ------
    UnknownName
        If there is none; the message gives the nearest name.
    """
    if name not in ARTEFACTS:
        raise UnknownName("figure or table", name, names())
    artefact: Artefact = import_module(f"segbench.reports.artefacts.{ARTEFACTS[name]}").ARTEFACTS[name]
    return artefact
