"""What a page shows of the papers: their numbers, their tables and the names of their figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segbench.datasets.catalogue import entries, same_name
from segbench.reports.registry import PAPER_FACTS
from segbench.results import published as printed

if TYPE_CHECKING:
    import pandas as pd

    from segbench.reports.artefact import Artefact
    from segbench.results import Results

EVALUATED = ("table2", "interconv-table3", "interconv-table7")  # the papers' tables of evaluation data
INTERCONV = "InterConv, "
NAMED = re.compile(rf"(.*) \(((?:{INTERCONV})?(?:Fig\.|Table) \w+)\)", re.DOTALL)


def shown(results: Results) -> bool:
    """Return whether a page shows the papers: on their evaluation data, or if ``results.papers`` is set.

    The embedded phantoms are not the papers' data.
    """
    evaluated = {same_name(entry.key) for table in EVALUATED for entry in entries(table)}
    names = map(str, results.images.dataset.unique())
    return results.papers or any(same_name(name) in evaluated for name in names)


def published(results: Results, artefact: str) -> pd.DataFrame:
    """Return the numbers that stand beside a run: `segbench.results.published`, or no rows of it."""
    table = printed(artefact)
    return table if shown(results) else table.iloc[:0]


def own_columns(results: Results, data: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of an artefact; without the papers' columns where the papers are not shown."""
    of_papers = [] if shown(results) else [name for name in data if str(name).startswith("paper")]
    return data.drop(columns=of_papers)


def wording(results: Results, name: str, artefact: Artefact) -> tuple[str, str]:
    """Return the title and caption of an artefact; without the papers, they speak of the content alone."""
    if shown(results) or name in PAPER_FACTS:
        return artefact.title, f"{artefact.caption} {artefact.beside_papers}".strip()
    return split_title(artefact.title)[0], artefact.caption


def split_title(title: str) -> tuple[str, str]:
    """Split the title of an artefact into its topic and the name that a paper gives it.

    Examples
    --------
    >>> split_title("Dice by context size (Fig. 6)"), split_title("Seed images")
    (('Dice by context size', 'Fig. 6'), ('Seed images', ''))
    """
    found = NAMED.fullmatch(title)
    return (found[1], found[2]) if found else (title, "")


def display_name(name: str) -> str:
    """Return the name of an artefact for people.

    Examples
    --------
    >>> display_name("fig3"), display_name("interconv-table1")
    ('Fig. 3', 'InterConv, Table 1')
    """
    paper = INTERCONV if name.startswith("interconv-") else ""
    for old, new in (("interconv-", ""), ("fig", "Fig. "), ("table", "Table "), ("-", " ")):
        name = name.replace(old, new)
    return paper + name[:1].upper() + name[1:]
