"""A whole report on disk: figures, tables and the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.reports.artefact import Artefact, InsufficientRecords
from segbench.reports.missing import Coverage, Gap
from segbench.reports.registry import PAPERS, get, names

if TYPE_CHECKING:
    import pandas as pd

    from segbench.reports.layout import Grid
    from segbench.reports.page.render import Section
    from segbench.results import Results

PIXELS_PER_INCH = 100  # on the page, so that letters are of one size in all figures


def build(results: Results, output: Path, only: Iterable[str] | None = None) -> Path:
    """Write figures (PNG, PDF, SVG), numbers and tables (CSV, Markdown, LaTeX), and the page.

    The same results give the same bytes.

    Parameters
    ----------
    results : Results
        Of one or several runs.
    output : Path
        Folder to write to; made where it is absent.
    only : iterable of str, optional
        Names of artefacts; all of them by default.

    Returns
    -------
    Path
        ``index.html`` in the folder. An artefact that the run has too little for is listed there, with the
        command that adds what is missing, and not drawn.

    Raises
    ------
    UnknownName
        If there is no such artefact; nothing is written then.
    """
    from segbench.reports.page.render import Missing, page
    from segbench.results.resampling import StatisticsError

    coverage = Coverage(results)
    absent = _absent(coverage) if only is None else {}
    left = {name for paper in absent for name in PAPERS[paper]}
    artefacts = {name: get(name) for name in (names() if only is None else only) if name not in left}
    _clear(output)
    sections: list[Section] = []
    comparisons = None
    missing: dict[tuple[bool, tuple[Gap, ...], str], list[str]] = {}  # what lacks the same is told together
    for name, artefact in artefacts.items():
        ready, lacking, reason = coverage.drawable(artefact), tuple(coverage.gaps(artefact)), ""
        if ready:
            try:
                section, data = _write(name, artefact, results, output)
                sections.append(section)
                comparisons = data if name == "comparisons" else comparisons
            except (StatisticsError, InsufficientRecords) as error:
                ready, reason = False, str(error)
        if lacking or reason:
            missing.setdefault((not ready, lacking, reason), []).append(name)
    told = [Missing(what, *why) for why, what in missing.items()]
    told += [Missing([paper], True, [gap]) for paper, gap in absent.items()]
    output.mkdir(parents=True, exist_ok=True)
    index = output / "index.html"
    index.write_text(
        page(results, sections, told, whole=only is None, comparisons=comparisons),
        encoding="utf-8",
        newline="\n",
    )
    return index


def _absent(coverage: Coverage) -> dict[str, Gap]:
    """A paper of which the run has nothing, where it has something of another; that is told in one line."""
    needs = {
        paper: [need for name in those for need in get(name).requires] for paper, those in PAPERS.items()
    }
    found = [
        paper for paper, those in needs.items() if coverage.has(p for need in those for p in need.protocols)
    ]
    missing = {paper: those for paper, those in needs.items() if found and paper not in found}
    return {
        paper: coverage.whole(
            list(dict.fromkeys(p for need in those if not need.optional for p in need.protocols))
        )
        for paper, those in missing.items()
    }


def _write(
    name: str, artefact: Artefact, results: Results, output: Path
) -> tuple[Section, pd.DataFrame | None]:
    """Write one artefact's files; its part of the page, and its numbers."""
    from segbench.reports import estimates, style
    from segbench.reports.page.render import Section

    data = artefact.data(results) if artefact.data else None
    picture, files, width = None, [], 0
    if artefact.draw is not None:
        figure = artefact.figure(results, data)
        (output / "figures").mkdir(parents=True, exist_ok=True)
        files += style.save(figure, output / "figures" / name)
        width, picture = round(PIXELS_PER_INCH * figure.get_figwidth()), files[0]
    grid = None if data is None else artefact.reading_grid(results, data)
    if data is not None and grid is not None:
        files += _write_numbers(data, grid, output / "tables" / name)
    section = Section(
        name=name,
        kind=artefact.kind,
        title=artefact.title,
        caption=artefact.caption,
        interval=estimates.describe_interval(artefact.interval, data),
        numbers=grid,
        files=[path.relative_to(output).as_posix() for path in files],
        picture=picture,
        width=width,
    )
    return section, data


def _clear(output: Path) -> None:
    """Remove what an earlier report left in the folder, so that every file there belongs to the page."""
    for name in names():
        for file in (*output.glob(f"figures/{name}.*"), *output.glob(f"tables/{name}.*")):
            file.unlink()


def _write_numbers(data: pd.DataFrame, grid: Grid, stem: Path) -> list[Path]:
    """``stem.csv`` with all columns, and ``stem.md`` and ``stem.tex`` for reading."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    data.to_csv(stem.with_suffix(".csv"), index=False, float_format="%.6g", lineterminator="\n")
    for suffix, text in ((".md", grid.markdown()), (".tex", grid.latex())):
        stem.with_suffix(suffix).write_text(text, encoding="utf-8", newline="\n")
    return [stem.with_suffix(suffix) for suffix in (".csv", ".md", ".tex")]
