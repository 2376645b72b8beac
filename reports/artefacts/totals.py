"""Total interactions of a set of images as bars (MultiverSeg, Fig. 4 and 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import estimates, papers, protocols, selection, style
from segbench.reports.artefact import Artefact
from segbench.reports.bars import draw_bars, wrapped
from segbench.reports.comparable import RULES, comparable
from segbench.reports.curves import hollow, paper_label, shared_legend, top
from segbench.reports.layout import CHANGE, change
from segbench.reports.requirement import Requirement
from segbench.results.reference import CAMERA_READY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from segbench.results import Results

INTERVAL = "Whiskers: 95% bootstrap intervals, thick over {simulation}, thin over {subject}."
MODEL = "multiverseg"
FEW = 6  # bars with horizontal labels, at most


def _change_data(results: Results) -> pd.DataFrame:
    """Estimate both averages of the change in percent with MultiverSeg; ``paper`` is that of mean totals."""
    images = selection.select(results, Requirement())
    baselines = [name for name in style.line_styles(images.model) if name != MODEL]
    paper = papers.published(results, "fig4").rename(columns={"metric": "measure"})
    paper = comparable(results, images, paper)
    return estimates.with_published(estimates.changes(images, MODEL, baselines), paper)


def _draw_change(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per protocol, a bar per baseline: the change of mean totals, with every interval."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    data = data[data.measure == CHANGE]
    names = protocols.in_order(data.protocol)
    styles = style.line_styles(data.baseline)
    many = len(styles) > FEW
    size = (max((0.4 if many else 1.4) * len(styles), 2.8) * len(names) + 1.0, 5.2 if many else 4.0)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, protocol in zip(panels, names, strict=True):
        part = data[data.protocol == protocol].assign(model=MODEL)
        draw_bars(axes, part, list(styles), style.line_styles([MODEL]), "baseline", "model")
        axes.axhline(0, color="#444444", linewidth=0.9)
        bars = estimates.first_unit(part).set_index("baseline").reindex(list(styles))
        if bars.paper.notna().any():
            label = paper_label(bars.paper_version.dropna())
            axes.plot(range(len(styles)), bars.paper, label=label, **hollow(style.BLACK, "D"))
        # The number stands in the tick label, where no whisker can cross it.
        titles = [look.title if many else wrapped(look.title) for look in styles.values()]
        changes = [change(bars["mean"][name]) for name in styles]
        ticks = [f"{title}\n{number}" for title, number in zip(titles, changes, strict=True)]
        axes.set_xticks(range(len(styles)), ticks, rotation=90 if many else 0, va="top")
        axes.set_title(protocols.labels(results, protocol).title)
        axes.set_xlabel(f"{style.model_title(MODEL)} compared with")
        axes.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    panels[0].set_ylabel("Change of mean total interactions")
    numbers = data[[*estimates.SHOWN, "paper"]]
    lowest, highest = min(float(numbers.min().min()), 0.0), max(float(numbers.max().max()), 0.0)
    panels[0].set_ylim(1.18 * lowest - 2, 1.18 * highest + 2)
    shared_legend(figure, panels)
    return figure


def _total_data(results: Results) -> pd.DataFrame:
    """Estimate interactions per set of images by data set, or by cohort of a single data set."""
    images = selection.select(results, Requirement())
    return estimates.estimates(images, "interactions", ["model"], estimates.grouping(images), "total")


def _draw_total(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel per protocol, a cluster of bars per data set (or cohort), a bar per model."""
    from matplotlib.figure import Figure

    names = protocols.in_order(data.protocol)
    groups = sorted(data.group.unique())
    styles = style.line_styles(data.model)
    sizes = selection.select(results, Requirement()).groupby("task", observed=True).position.max()
    width = max(len(groups) * max(0.2 * len(styles) + 0.15, 1.05) + 1.2, 6.4)
    figure = Figure(figsize=(width, 2.7 * len(names) + 0.9), layout="constrained")
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, protocol in zip(panels, names, strict=True):
        part = data[data.protocol == protocol]
        draw_bars(axes, part, groups, styles, "group", "model")
        labels = protocols.labels(results, protocol)
        axes.set_title(labels.title)
        axes.set_ylabel(f"{labels.unit.capitalize()}\nper {estimates.range_of(sizes, 'image')}")
        axes.set_ylim(0, top(part))
    panels[-1].set_xlabel(estimates.group_title(data))
    shared_legend(figure, list(panels))
    return figure


ARTEFACTS = {
    "fig4": Artefact(
        "figure",
        "Change in total interactions per task (Fig. 4)",
        "Change in the interactions that a whole set of images needs with MultiverSeg instead of each other "
        "method. Negative is less work. Bars show the change of the mean over tasks; the mean of the tasks' "
        "changes stands beside it in the table. The comparison is paired: both methods saw the same images "
        "in the same order. An image that never reaches the target counts with the maximum number of "
        "interactions.",
        INTERVAL,
        requires=(Requirement(required=(MODEL,), least=2),),
        rows=("protocol", "baseline", "measure"),
        column="unit",
        data=_change_data,
        draw=_draw_change,
        beside_papers="Hollow markers are the paper's numbers, which are changes of the mean over tasks too "
        f"({CAMERA_READY}). {RULES}",
    ),
    "fig16": Artefact(
        "figure",
        "Total interactions per task by data set (Fig. 16)",
        "Interactions that a whole set of images needs, averaged over the tasks of each data set; of each "
        "cohort if the run has only one data set. An image that never reaches the target counts with the "
        "maximum number of interactions.",
        INTERVAL,
        rows=("protocol", "group"),
        column="model",
        data=_total_data,
        draw=_draw_total,
    ),
}
