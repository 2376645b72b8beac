"""``report``: figures, tables and a page from one or several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from segbench.benchmark.cli.options import option
from segbench.benchmark.cli.run import Names
from segbench.errors import Failure
from segbench.paths import RUNS

BUILD = Path("reports/build")


def report(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    only: Names | None = None,
    data_root: str | Path | None = None,
    output: str | Path | None = None,
) -> Path:
    """Draw every figure and table that the runs have the records for.

    Parameters
    ----------
    runs : path or sequence of paths
        Folders of runs with the same settings, or addresses of an object store; without any, the newest one
        under ``results/runs``, or none where what is asked for needs no records.
    only : str or sequence of str, optional
        Names of figures and tables.
    data_root : path, optional
        Folder of the data sets, for pictures of what was segmented.
    output : path, optional
        Folder of the report; without it one under ``reports/build``.

    Returns
    -------
    Path
        The page, ``index.html``.
    """
    from segbench.benchmark.selection import names
    from segbench.benchmark.settings import resolve_root
    from segbench.reports.build import build
    from segbench.reports.registry import get
    from segbench.results import load
    from segbench.results.reading import nothing
    from segbench.results.storage import place

    chosen = names(only) if only is not None else None
    folders = [place(run).address for run in ([runs] if isinstance(runs, str | Path) else runs)]
    if not folders and chosen is not None and not any(get(name).needs for name in chosen):
        return build(nothing(resolve_root(data_root)), Path(output or BUILD / "no-run"), chosen)
    folders = folders or [newest()]
    where = Path(output or BUILD / "+".join(Path(folder).resolve().name for folder in folders))
    if where.exists() and not where.is_dir():
        raise Failure(f"{where} is a file; name another folder for the report")
    return build(load(folders, resolve_root(data_root)), where, chosen)


def newest() -> Path:
    """The run that was begun or continued last.

    Raises
    ------
    Failure
        If there is none.
    """
    manifests = sorted(RUNS.glob("*/manifest.json"), key=lambda file: file.stat().st_mtime)
    if not manifests:
        raise Failure(f"there is no run in {RUNS}; start one with python -m benchmark run")
    return manifests[-1].parent


def _report(
    runs: tuple[str, ...], only: str | None, data_root: str | None, output: str | None, format: str
) -> None:
    page = report(runs, only=only, data_root=data_root, output=output)
    if format == "html":
        click.echo(page)
    else:
        for file in sorted(page.parent.glob("tables/*.csv")):
            click.echo(file)


command = click.Command(
    "report",
    callback=_report,
    help=f"Turn runs into figures, tables and a page; without RUN, the newest one in {RUNS}.",
    params=[
        click.Argument(["runs"], nargs=-1, metavar="[RUN]..."),
        option(report, "--only", "Figures and tables, comma-separated.  [default: all]", metavar="NAMES"),
        option(
            report,
            "--data-root",
            "Where the data sets are, for pictures.  [default: $SEGBENCH_DATA or the cache]",
            metavar="DIR",
        ),
        option(report, "--output", f"Folder of the report.  [default: one in {BUILD}]", metavar="DIR"),
        click.Option(
            ["--format"],
            type=click.Choice(["html", "csv"]),
            default="html",
            help="Whether to print the path of the page, or those of the numbers' CSV files.",
        ),
    ],
)
