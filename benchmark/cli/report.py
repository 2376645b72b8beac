"""``report``: figures, tables and a page from one or several runs."""

from __future__ import annotations

import click

from segbench.benchmark.api import BUILD, report
from segbench.benchmark.cli.options import FOLDER_TEXT, command_of, options_of
from segbench.paths import RUNS


def _report(
    runs: tuple[str, ...],
    only: str | None,
    papers: bool,
    data_root: str | None,
    output: str | None,
    format: str,
) -> None:
    page = report(runs, only=only, data_root=data_root, output=output, papers=papers)
    files = [page] if format == "html" else sorted(page.parent.glob("tables/*.csv"))
    for file in files:
        click.echo(file)


TEXTS = {
    "only": "Figures and tables, comma-separated.  [default: all]",
    "papers": "Show the papers' numbers, figures and tables too.  [default: only with data of the papers]",
    "data_root": FOLDER_TEXT,
    "output": f"Folder of the report.  [default: a folder in {BUILD}]",
}
FORMAT = click.Option(
    ["--format"],
    type=click.Choice(["html", "csv"]),
    default="html",
    help="Print the path of the page, or the paths of the CSV files.",
)

command = command_of(
    "report",
    _report,
    f"Draw the figures and tables of runs.\n\nWithout RUN: of the newest run in {RUNS}.",
    "python -m benchmark report results/runs/quick-1b2d3c4a --only fig3,table7",
    click.Argument(["runs"], nargs=-1, metavar="[RUN]..."),
    *options_of(report, TEXTS, only={"metavar": "NAMES"}),
    FORMAT,
)
