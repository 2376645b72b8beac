"""The artefacts by name, in the order of the page; each is a module of its own name, with _ for -."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from segbench.registry import UnknownName
from segbench.reports.artefact import Artefact

FIGURES = (
    *("fig3", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9", "fig10", "fig11", "fig12", "fig13", "fig14"),
    *("fig15", "fig16", "fig17a", "fig18", "fig19", "fig20", "fig21"),
)
TABLES = ("table1", "table2", "table3", "table4", "table5", "table6", "table7", "table17b")
INTERCONV_FIGURES = tuple(f"interconv-fig{number}" for number in range(4, 12))
INTERCONV_TABLES = tuple(f"interconv-table{number}" for number in range(1, 9))
PAPERS = {"MultiverSeg": (*FIGURES, *TABLES), "InterConv": (*INTERCONV_FIGURES, *INTERCONV_TABLES)}
# Not in the papers: what a reviewer asks next (docs/statistics.md).
BEYOND = {
    "comparisons": "tables",
    "profiles": "figures",
    "convergence": "figures",
    "upper-bounds": "tables",
    "manual-scribbles": "figures",
    "manual-scribbles-examples": "figures",
    "manual-scribbles-dice": "tables",
    "manual-scribbles-marks": "tables",
}


def names() -> list[str]:
    """Names of all artefacts: MultiverSeg's, InterConv's and those beyond, figures first."""
    return [*(name for paper in PAPERS.values() for name in paper), *BEYOND]


def module(name: str) -> ModuleType:
    """The module of an artefact, which holds ``ARTEFACT`` and its functions.

    Raises
    ------
    UnknownName
        If there is none; the message gives the nearest name.
    """
    if name not in names():
        raise UnknownName("figure or table", name, names())
    folder = BEYOND.get(name, "figures" if name in (*FIGURES, *INTERCONV_FIGURES) else "tables")
    return import_module(f"reports.{folder}.{stem(name)}")


def stem(name: str) -> str:
    """What the module of an artefact and its functions are called."""
    return name.replace("-", "_")


def get(name: str) -> Artefact:
    """What the artefact of that name is; errors as of `module`."""
    found: Artefact = module(name).ARTEFACT
    return found
