"""Pictures of single images: methods compared, and one simulated user (MultiverSeg, Fig. 5 and 10)."""

from __future__ import annotations

import textwrap
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd

from segbench.reports import pictures, protocols, style
from segbench.reports.artefact import Artefact
from segbench.reports.curves import note
from segbench.reports.estimates import grouping
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.text import count_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

EXAMPLE = 10  # Fig. 5 shows the last image up to this position
METHOD_CELL = 1.55  # inches
METHOD_COLUMNS = 8  # at most; the methods of a row continue on the next line
PROTOCOL, MODEL = "center-clicks", "multiverseg"
POSITIONS = (0, 1, 2, 3, 10)  # in Fig. 10; 0 is the seed image
STEPS = 6  # predictions in a row of Fig. 10 at most; more would not be legible
STEP_CELL = 1.45  # inches


def _method_rows(results: Results) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return the frames to choose from, and the protocol and task of each row.

    Each row shows the first task of a group; the protocols take turns.
    """
    stored = pictures.stored(results)
    frames = stored[
        stored.protocol.isin(protocols.of_families(results, "sequential", "boxes"))
        & stored.context.isin(["binary", "none"])
        & (stored.split == "test")
        & stored.position.between(1, EXAMPLE)
        & ~stored.model.astype(str).str.fullmatch(r"sp-uvs-\d+")  # Fig. 15 compares these variants
    ]
    if frames.empty:
        raise InsufficientRecords("The runs keep no pictures of test images with a binary context.")
    tasks = frames.astype({"task": str}).groupby(grouping(frames), observed=True).task.min()
    names = protocols.in_order(frames.protocol)[::-1]
    rows = []
    for number in range(max(len(tasks), len(names))):
        task = tasks.iloc[number % len(tasks)]
        present = set(frames.protocol[frames.task == task])
        possible = [protocol for protocol in names if protocol in present]
        rows.append((possible[number % len(possible)], task))
    return frames, sorted(dict.fromkeys(rows), key=lambda row: (names.index(row[0]), row[1]))


def _draw_methods(results: Results, data: None = None) -> Figure:
    """Draw a row per task, with a column for the image and one for each method."""
    from matplotlib.figure import Figure

    frames, chosen = _method_rows(results)
    rows, refusals = [], []
    for protocol, task in chosen:
        part = frames[(frames.protocol == protocol) & (frames.task == task)]
        part = part[part.position == part.position.max()]
        try:
            rows.append((part, *pictures.scene(results, task, int(part.image.iloc[0]))))
        except InsufficientRecords as error:
            refusals.append(str(error))
    if not rows:
        raise InsufficientRecords(refusals[0])
    styles = style.line_styles(pd.concat([part.model.astype(str) for part, *_ in rows]))
    columns = min(1 + len(styles), METHOD_COLUMNS)
    lines = ceil((1 + len(styles)) / columns)  # of each row
    size = (METHOD_CELL * columns + 0.6, (METHOD_CELL + 0.3) * lines * len(rows) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(lines * len(rows), columns, squeeze=False)
    headings = ["Image", *(look.title for look in styles.values())]
    for number, (part, image, label) in enumerate(rows):
        cells = grid[number * lines : (number + 1) * lines].ravel()
        pictures.draw(cells[0], image, label)
        cells[0].set_ylabel(_row_title(results, part.iloc[0]), fontsize="x-small")
        for axes, model in zip(cells[1:], styles, strict=False):
            _draw_method(axes, image, label, part[part.model == model].sort_values("step"))
        for axes, heading in zip(cells, headings if lines > 1 or not number else (), strict=False):
            axes.set_title(textwrap.fill(heading, 20), fontsize="small")
        for axes in cells[len(headings) :]:
            axes.set_axis_off()
    drawn = pictures.interactions_of(pd.concat([part for part, *_ in rows]))
    legend = pictures.legend([image for _, image, _ in rows], drawn)
    note(figure, " ".join([legend, *dict.fromkeys(refusals)]))
    return figure


def _row_title(results: Results, frame: pd.Series) -> str:
    title = protocols.labels(results, frame.protocol).title
    return (
        f"{frame.dataset} {frame.cohort}\n{frame.label}\n{title}\n{count_of(frame.position, 'earlier image')}"
    )


def _draw_method(axes: Axes, image, label, frames: pd.DataFrame) -> None:
    """Draw the prediction of one method after one step, or before any if it needed none."""
    first = frames[frames.step <= 1]
    pictures.draw(axes, image, label, None if first.empty else first)
    if first.empty:
        axes.set_xlabel("not run", fontsize="x-small")
        return
    last = first.iloc[-1]
    remark = "" if last.step else "\nwithout interaction"
    axes.set_xlabel(f"Dice {100 * last.dice:.1f}%{remark}", fontsize="x-small")


def _process_frames(results: Results) -> pd.DataFrame:
    """Return the frames of one task: the one whose number of clicks is nearest to the median of all tasks."""
    stored = pictures.stored(results)
    frames = stored[
        (stored.protocol == PROTOCOL)
        & (stored.model == MODEL)
        & (stored.context == "binary")
        & (stored.split == "test")
        & stored.position.isin(POSITIONS)
    ]
    later = frames[frames.position > 0]
    if later.empty:
        raise InsufficientRecords("The runs keep no pictures of MultiverSeg with center clicks.")
    clicks = (
        later.groupby(["task", "position"], observed=True).step.max().groupby("task", observed=True).mean()
    )
    task = (clicks - clicks.median()).abs().sort_index().idxmin()
    return frames[frames.task == task]


def _draw_process(results: Results, data: None = None) -> Figure:
    """Draw a row per example, from the image over the predictions in turn to the final one."""
    from matplotlib.figure import Figure

    frames = _process_frames(results)
    task = str(frames.task.iloc[0])
    rows = [frames[frames.position == position].sort_values("step") for position in POSITIONS]
    rows = [part for part in rows if len(part)]
    steps_of_rows = [_legible(part.step.tolist()) for part in rows]
    columns = 1 + max(map(len, steps_of_rows))
    size = (STEP_CELL * columns + 0.5, (STEP_CELL + 0.42) * len(rows) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    scenes = [pictures.scene(results, task, int(part.image.iloc[0])) for part in rows]
    for cells, part, steps, (image, label) in zip(grid, rows, steps_of_rows, scenes, strict=True):
        pictures.draw(cells[0], image, label)
        cells[0].set_ylabel(f"Example {part.position.iloc[0]}", fontsize="small", fontweight="bold")
        for axes, step in zip(cells[1:], steps, strict=False):
            pictures.draw(axes, image, label, part[part.step <= step])
            _describe(axes, part, step)
        for axes in cells[1 + len(steps) :]:
            axes.set_axis_off()
    grid[0][0].set_title("Image", fontsize="x-small")
    figure.suptitle(f"{task}, simulation 0", fontsize="small")
    note(figure, pictures.legend(image for image, _ in scenes))
    return figure


def _legible(steps: list[int]) -> list[int]:
    """Return the steps that a row has room for: the first ones and the last."""
    return steps if len(steps) <= STEPS else [*steps[: STEPS - 1], steps[-1]]


def _describe(axes: Axes, part: pd.DataFrame, step: int) -> None:
    """Write the inputs of a prediction above it, and its Dice below."""
    frame = part[part.step == step].iloc[-1]
    clicks = count_of(step, "click")
    context = f"In context of {count_of(int(frame.context_size), 'image')}"
    axes.set_title(clicks if step else context, fontsize="x-small")
    final = f", final: {clicks}" if step == part.step.max() else ""
    axes.set_xlabel(f"Dice {100 * frame.dice:.1f}%{final}", fontsize="x-small")


ARTEFACTS = {
    "fig5": Artefact(
        "figure",
        "Example predictions after one interaction step (Fig. 5)",
        "Predictions of each method after one click, scribble step or box on an image. The earlier images, "
        "up to ten, were segmented before, each to the target Dice or with the maximum number of "
        "interactions. One task of each data set, or of each cohort if there is one data set; simulation 0. "
        "A method that met the target without any interaction is shown before the first interaction.",
        requires=(Requirement(), Requirement(("boxes",), models=(), optional=True)),
        draw=_draw_methods,
    ),
    "fig10": Artefact(
        "figure",
        "Example of a process with MultiverSeg and center clicks (Fig. 10)",
        "One simulated user segments the images of a set. Example 0, the seed image, is segmented with "
        "clicks alone. Every later example begins with a prediction from the context, which holds the "
        "earlier images and the user's final masks of them; then clicks correct it until the target Dice or "
        "the maximum is reached. Longer rows leave out steps before the last. The task is the one whose "
        "number of clicks on these examples is nearest to the median of all tasks; simulation 0.",
        requires=(Requirement(protocols=(PROTOCOL,), models=(MODEL,), required=(MODEL,)),),
        draw=_draw_process,
    ),
}
