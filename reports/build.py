"""A whole report on disk: figures, tables and the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from reports.gaps import Gap, drawable, gaps
from reports.registry import Artefact, get, names

if TYPE_CHECKING:
    import pandas as pd

    from reports.page.render import Section
    from results import Results

PIXELS_PER_INCH = 100  # on the page, so that letters are of one size in all figures


def build(results: Results, output: Path, only: Iterable[str] | None = None) -> Path:
    """Write figures (PNG, PDF), their numbers and the tables (CSV, Markdown), and the page.

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
    from reports.page.render import Missing, page
    from results.resampling import StatisticsError

    artefacts = [get(name) for name in (names() if only is None else only)]
    _clear(output)
    sections: list[Section] = []
    missing: dict[tuple[bool, tuple[Gap, ...], str], list[str]] = {}  # what lacks the same is told together
    for artefact in artefacts:
        ready, lacking, reason = drawable(artefact, results), tuple(gaps(artefact, results)), ""
        if ready:
            try:
                sections.append(_write(artefact, results, output))
            except StatisticsError as error:
                ready, reason = False, str(error)
        if lacking or reason:
            missing.setdefault((not ready, lacking, reason), []).append(artefact.name)
    output.mkdir(parents=True, exist_ok=True)
    index = output / "index.html"
    index.write_text(
        page(results, sections, [Missing(what, *why) for why, what in missing.items()]),
        encoding="utf-8",
        newline="\n",
    )
    return index


def _write(artefact: Artefact, results: Results, output: Path) -> Section:
    """Write one artefact's files and return its part of the page."""
    from reports import numbers, style
    from reports.page.render import Section
    from reports.tables.layout import wide

    files, width = [], 0
    if artefact.kind == "figure":
        data = artefact.function("_data")(results)
        (output / "figures").mkdir(parents=True, exist_ok=True)
        figure = artefact.function()(results, data)
        files += style.save(figure, output / "figures" / artefact.name)
        width = round(PIXELS_PER_INCH * figure.get_figwidth())
        shown = data if artefact.column == "unit" else numbers.first_unit(data)
        grid = wide(shown, artefact.rows, artefact.column)
    else:
        data = artefact.function()(results)
        grid = artefact.function("_grid")(data)
    files += _write_numbers(data, grid.markdown(), output / "tables" / artefact.name)
    return Section(
        name=artefact.name,
        kind=artefact.kind,
        title=artefact.title,
        caption=artefact.caption,
        interval=numbers.describe_interval(artefact.interval, data),
        numbers=grid,
        files=[path.relative_to(output).as_posix() for path in files],
        width=width,
    )


def _clear(output: Path) -> None:
    """Remove what an earlier report left in the folder, so that every file there belongs to the page."""
    for name in names():
        for file in (*output.glob(f"figures/{name}.*"), *output.glob(f"tables/{name}.*")):
            file.unlink()


def _write_numbers(data: pd.DataFrame, markdown: str, stem: Path) -> list[Path]:
    """``stem.csv`` with all columns and ``stem.md`` for reading."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    table, text = stem.with_suffix(".csv"), stem.with_suffix(".md")
    data.to_csv(table, index=False, float_format="%.6g", lineterminator="\n")
    text.write_text(markdown, encoding="utf-8", newline="\n")
    return [table, text]
