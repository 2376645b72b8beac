"""A report on disk: figures, tables and the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.files import write_file
from segbench.reports import papers, style
from segbench.reports.artefact import Artefact
from segbench.reports.missing import Coverage, Gap
from segbench.reports.registry import PAPER_FACTS, PAPERS, get, names
from segbench.reports.requirement import InsufficientRecords
from segbench.text import significant

if TYPE_CHECKING:
    import pandas as pd

    from segbench.reports.layout import Grid
    from segbench.reports.page.render import Section
    from segbench.results import Results

PIXELS_PER_INCH = 100  # on the page, where letters have one size in all figures


def build(
    results: Results,
    output: Path,
    only: Iterable[str] | None = None,
    formats: Iterable[str] = style.FORMATS,
) -> Path:
    """Write figures (PNG, PDF, SVG), numbers and tables (CSV, Markdown, LaTeX), and the page.

    The same results give the same bytes. `segbench.reports.papers.shown` decides whether the page shows the
    papers.

    Parameters
    ----------
    results : Results
        Records of one or several runs.
    output : Path
        Folder of the report, which is created if needed. Files of an earlier report are removed.
    only : iterable of str, optional
        Names of artefacts; by default all of them, or all but the papers' own if the papers are not shown.
    formats : iterable of {"png", "pdf", "svg"}
        Formats of the figures. The page shows those in PNG, which is always written.

    Returns
    -------
    Path
        The page, ``index.html``. Artefacts for which the run has too few records are listed there, with the
        command that adds the missing ones.

    Raises
    ------
    UnknownName
        If there is no such artefact; nothing is written then.
    Failure
        If a file cannot be written; the sentence names it.
    """
    from segbench.reports.page.render import Missing, page
    from segbench.results.resampling import StatisticsError

    coverage = Coverage(results)
    # Whoever names artefacts wants to know what each of them lacks.
    own = only is None and not papers.shown(results)
    absent = _absent_papers(coverage) if only is None and not own else {}
    excluded = set(PAPER_FACTS) if own else {name for paper in absent for name in PAPERS[paper]}
    artefacts = {name: get(name) for name in (names() if only is None else only) if name not in excluded}
    formats = tuple(dict.fromkeys(["png", *formats]))
    _clear(output)
    sections: list[Section] = []
    comparisons = None
    # Artefacts that lack the same records share one entry of the page.
    missing: dict[tuple[bool, tuple[Gap, ...], str], list[str]] = {}
    for name, artefact in artefacts.items():
        drawn, gaps, reason = coverage.drawable(artefact), tuple(coverage.gaps(artefact)), ""
        if drawn:
            try:
                data = artefact.data(results) if artefact.data else None
                if own and _repeats_the_whole(data):
                    continue
                sections.append(_write(name, artefact, results, data, output, formats))
                comparisons = data if name == "comparisons" else comparisons
            except (StatisticsError, InsufficientRecords) as error:
                drawn, reason = False, "" if results.unfinished() else str(error)
        if gaps or reason:
            missing.setdefault((not drawn, gaps, reason), []).append(papers.display_name(name))
    entries = [Missing(titles, *why) for why, titles in missing.items()]
    entries += [Missing([paper], True, [gap]) for paper, gap in absent.items()]
    if own:
        lacking = coverage.lacking(artefacts.values())
        entries = [Missing([], False, lacking)] if lacking else []
    text = page(results, sections, entries, whole=only is None, comparisons=comparisons)
    return write_file(output / "index.html", text)


def _absent_papers(coverage: Coverage) -> dict[str, Gap]:
    """Return the papers of which the run has nothing; empty if it has nothing of any paper."""
    of_papers = {paper: [get(name) for name in artefacts] for paper, artefacts in PAPERS.items()}
    absent = {paper: them for paper, them in of_papers.items() if not coverage.has_any(them)}
    if len(absent) == len(of_papers):
        return {}
    return {paper: coverage.whole_paper(artefacts) for paper, artefacts in absent.items()}


def _repeats_the_whole(data: pd.DataFrame | None) -> bool:
    """Return whether numbers by cohort are those of a single one, which other artefacts show already."""
    return data is not None and "level" in data and {*data.level} == {"cohort"} and data.group.nunique() == 1


def _write(
    name: str,
    artefact: Artefact,
    results: Results,
    data: pd.DataFrame | None,
    output: Path,
    formats: tuple[str, ...],
) -> Section:
    """Write one artefact's files; return its section of the page."""
    from segbench.reports import estimates
    from segbench.reports.page.render import Section

    title, caption = papers.wording(results, name, artefact)
    picture, files, width = None, [], 0
    if artefact.draw is not None:
        figure = artefact.figure(results, data)
        files += style.save(figure, output / "figures" / name, formats)
        width, picture = round(PIXELS_PER_INCH * figure.get_figwidth()), files[0]
    grid = None if data is None else artefact.reading_grid(results, data)
    if data is not None and grid is not None:
        files += _write_numbers(papers.own_columns(results, data), grid, output / "tables" / name)
    return Section(
        name=name,
        kind=artefact.kind,
        title=title,
        caption=caption,
        interval=estimates.describe_interval(artefact.interval, data),
        numbers=grid,
        files=[path.relative_to(output).as_posix() for path in files],
        picture=picture,
        width=width,
    )


def _clear(output: Path) -> None:
    """Remove the files of an earlier report."""
    for name in names():
        for file in (*output.glob(f"figures/{name}.*"), *output.glob(f"tables/{name}.*")):
            file.unlink()


def _write_numbers(data: pd.DataFrame, grid: Grid, stem: Path) -> list[Path]:
    """Write ``stem.csv`` with all columns, and ``stem.md`` and ``stem.tex`` for reading."""

    def cell(value: Any) -> str:
        return significant(value, 6)

    numbers = data.to_csv(index=False, float_format=cell, lineterminator="\n")
    texts = {".csv": numbers, ".md": grid.markdown(), ".tex": grid.latex()}
    return [write_file(stem.with_suffix(suffix), text) for suffix, text in texts.items()]
