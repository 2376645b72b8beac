"""Figures of people's scribbles and simulated ones on the same images, and the records behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.reports import estimates, pictures, protocols, style
from segbench.reports.artefact import Artefact
from segbench.reports.artefacts.set_gains import INTERACTIVE_PAIR
from segbench.reports.bars import draw_bars
from segbench.reports.curves import note, plain_axes
from segbench.reports.panels import share_y_range
from segbench.reports.requirement import InsufficientRecords, Requirement
from segbench.results import statistics
from segbench.results.resampling import as_text
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from segbench.results import Results

HUMAN = "human"
MODELS = ("scribbleprompt", "sp-uvs", "multiverseg", "random-walker", *INTERACTIVE_PAIR)
MANUAL = Requirement(("manual",), MODELS)
# Values of the column ``annotator`` with their titles.
ANNOTATORS = {HUMAN: "People", "centerline-scribbles": "Centerline", "line-scribbles": "Line"}
STYLES = {
    HUMAN: style.LineStyle("People", style.GREEN, "o", "-"),
    "centerline-scribbles": style.LineStyle("Centerline scribbles", style.ORANGE, "s", "--"),
    "line-scribbles": style.LineStyle("Line scribbles", style.PURPLE, "^", ":"),
}
SIDES = {"positive": "On the structure", "negative": "On the background"}
IMAGE = [*TASK, "task", "subject", "image"]  # columns that identify an image
TICKS = (0, 3, 10, 30, 100, 300, 1000)  # pixels
ROWS = 6  # images of the examples
CELL = 1.75  # inches


def image_records(results: Results) -> pd.DataFrame:
    """Return the image records of people's and simulated scribbles.

    Raises
    ------
    InsufficientRecords
        If there are none.
    """
    records = results.images[results.images.protocol.isin(protocols.of_families(results, "manual"))]
    if records.empty:
        raise InsufficientRecords("There are no predictions from scribbles that people drew.")
    return as_text(records)


def frames(results: Results) -> pd.DataFrame:
    """Return the stored predictions and scribbles; raises as `image_records` does.

    The column ``drawing`` numbers the drawings of an image by one annotator: people, or random draws.
    """
    names = [str(name) for name in image_records(results).protocol.unique()]
    stored = as_text(results.read("pictures", names))
    return stored.assign(drawing=stored.person.where(stored.annotator == HUMAN, stored.simulation))


def by_person(rows: pd.DataFrame) -> pd.DataFrame:
    """Replace the annotator ``human`` by "person 1", "person 2" and so on."""
    person = "person " + (rows.person + 1).astype(str)
    return rows.assign(annotator=rows.annotator.where(rows.annotator != HUMAN, person))


def scribble_sizes(results: Results) -> pd.DataFrame:
    """Measure all scribbles at the size at which the models see the image.

    Returns
    -------
    DataFrame
        A row per ``annotator``, image, ``simulation`` and ``person``: ``positive_length`` and
        ``negative_length`` in pixels of the thinned scribble, ``positive_area`` and ``negative_area`` in
        pixels.
    """
    stored = frames(results)
    stored = stored[stored.model == next(iter(style.line_styles(stored.model)))]  # the same for all models
    rows: list[dict[str, Any]] = []
    for frame in stored.to_dict("records"):
        row = {name: frame[name] for name in ("annotator", "simulation", "person", *IMAGE)}
        for side in SIDES:
            scribble = pictures.unpacked(frame[side], frame["height"], frame["width"])
            row |= {f"{side}_length": length(scribble), f"{side}_area": int(scribble.sum())}
        rows.append(row)
    return pd.DataFrame(rows)


def length(scribble: np.ndarray) -> int:
    """Count the pixels of a scribble, bool (H, W), after thinning it to a line (Zhang and Suen)."""
    import cv2

    framed = np.pad(scribble, 1).astype(np.uint8) * 255  # lines may run along the border
    return int(np.count_nonzero(cv2.ximgproc.thinning(framed)))


def mean_dice(results: Results) -> pd.DataFrame:
    """Estimate the mean Dice by model and annotator.

    Returns
    -------
    DataFrame
        A row per ``model`` and ``annotator``: human (all people), the simulated ones, and each person alone
        ("person 1" and so on); ``mean``, ``std``, ``low`` and ``high`` of Dice times 100, ``unit`` and
        ``n_units``.
    """
    records = image_records(results)
    persons = by_person(records[records.annotator == HUMAN])
    keys = ["model", "annotator"]
    tables = [statistics.bootstrap(rows, "dice", "subject", keys) for rows in (records, persons) if len(rows)]
    order = [*ANNOTATORS, *sorted(persons.annotator.unique())]
    return estimates.in_percent(estimates.in_reading_order(pd.concat(tables), keys, annotator=order))


def draw_summary(results: Results, data: pd.DataFrame) -> Figure:
    """Draw a panel of Dice, and two of lengths."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 4.8), layout="constrained")
    dice, *lengths = figure.subplots(1, 3, width_ratios=(2.4, 1, 1))
    _draw_dice(dice, data)
    sizes = by_person(scribble_sizes(results))
    for axes, (side, title) in zip(lengths, SIDES.items(), strict=True):
        _draw_lengths(axes, sizes, f"{side}_length")
        axes.set_title(title)
    share_y_range(lengths)
    for axes in lengths:
        axes.set_ylim(bottom=-0.5)  # a scribble can be empty
    lengths[0].set_ylabel("Length (pixels)")
    return figure


def _draw_dice(axes: Axes, data: pd.DataFrame) -> None:
    """Draw a cluster of bars per model, one per kind of annotator, and a dot per person."""
    titles = {model: look.title for model, look in style.line_styles(data.model).items()}
    data = data.assign(model=data.model.map(titles))
    groups = list(titles.values())
    kinds = {name: look for name, look in STYLES.items() if (data.annotator == name).any()}
    draw_bars(axes, data, groups, kinds, "model", "annotator")
    persons = [name for name in data.annotator.unique() if name not in STYLES]
    width = 0.8 / len(kinds)  # as in `draw_bars`; people are the first bar of a cluster
    for number, person in enumerate(persons):
        means = data[data.annotator == person].set_index("model")["mean"].reindex(groups)
        shift = 0.5 * width - 0.4 + 0.3 * width * (number - (len(persons) - 1) / 2)
        x = [group + shift for group in range(len(groups))]
        label = "One person" if number == 0 else None
        axes.plot(x, means, "o", color="white", markeredgecolor="#222222", markersize=5, label=label)
    axes.tick_params("x", labelsize="small")
    axes.set_title("One prediction")
    axes.set_ylabel("Dice (×100)")
    axes.set_ylim(0, 100)
    axes.legend(loc="upper right", ncols=4, fontsize="small")


def _draw_lengths(axes: Axes, sizes: pd.DataFrame, column: str) -> None:
    """Draw a box for each person and each simulated annotator."""
    names = [name for name in sorted(sizes.annotator.unique()) if name not in STYLES]
    names += [name for name in STYLES if (sizes.annotator == name).any()]
    boxes = axes.boxplot(
        [sizes[column][sizes.annotator == name] for name in names],
        whis=(0, 100),
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "#222222"},
    )
    for patch, name in zip(boxes["boxes"], names, strict=True):
        patch.set(facecolor=STYLES.get(name, STYLES[HUMAN]).color, alpha=0.85)
    titles = [ANNOTATORS.get(name, name.capitalize()) for name in names]
    axes.set_xticks(range(1, len(names) + 1), titles, rotation=35, ha="right", fontsize="small")
    axes.set_yscale("symlog", linthresh=10)
    axes.set_yticks(TICKS, map(str, TICKS))
    plain_axes(axes)


def draw_examples(results: Results, data: None) -> Figure:
    """Draw a row per image, a column per drawing.

    Raises
    ------
    InsufficientRecords
        If no such pictures are stored, or the images are not available.
    """
    from matplotlib.figure import Figure

    stored = frames(results)
    model, look = next(iter(style.line_styles(stored.model).items()))
    stored = stored[(stored.model == model) & (stored.position == 1)]
    stored = stored[(stored.annotator == HUMAN) | (stored.drawing == 0)]
    tasks = sorted(stored.task.unique())
    count = min(ROWS, len(tasks))
    tasks = [tasks[number * len(tasks) // count] for number in range(count)]
    columns = [
        (annotator, int(drawing))
        for annotator in ANNOTATORS
        for drawing in sorted(stored.drawing[stored.annotator == annotator].unique())
    ]
    size = (CELL * len(columns) + 0.9, (CELL + 0.3) * len(tasks) + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(tasks), len(columns), squeeze=False)
    images = []
    for cells, task in zip(grid, tasks, strict=True):
        of_task = stored[stored.task == task]
        first = of_task.iloc[0]
        image, label = pictures.scene(results, task, int(first.image))
        images.append(image)
        cells[0].set_ylabel(f"{first.cohort}\n{first.label}", fontsize="x-small")
        for axes, (annotator, drawing) in zip(cells, columns, strict=True):
            frame = of_task[(of_task.annotator == annotator) & (of_task.drawing == drawing)]
            pictures.draw(axes, image, label, frame)
            if len(frame):
                axes.set_xlabel(f"Dice {100 * frame.dice.iloc[0]:.1f}%", fontsize="x-small")
    for axes, (annotator, drawing) in zip(grid[0], columns, strict=True):
        title = f"Person {drawing + 1}" if annotator == HUMAN else ANNOTATORS[annotator]
        axes.set_title(title, fontsize="small")
    note(figure, f"Predictions of {look.title}. {pictures.legend(images)}")
    return figure


ARTEFACTS = {
    "manual-scribbles": Artefact(
        "figure",
        "People's scribbles and simulated ones",
        "Left: Dice of one prediction from all scribbles of one person on an image, or from those that a "
        "simulated annotator draws before the first prediction, averaged over images and tasks; a dot for "
        "each person. Right: length of the scribbles of every image, on the structure and on the "
        "background, in pixels of the thinned line; boxes from the lower to the upper quartile, whiskers "
        "over the whole range. Models that use a context have none here: SP+UVS and MultiverSeg then "
        "segment as ScribblePrompt does.",
        interval="Whiskers: 95% bootstrap interval over {subject}; tasks and people are fixed.",
        requires=(MANUAL,),
        rows=("model",),
        column="annotator",
        data=mean_dice,
        draw=draw_summary,
    ),
    "manual-scribbles-examples": Artefact(
        "figure",
        "Examples of people's scribbles and simulated ones",
        "The first image of evenly spaced tasks: the scribbles of each person, and the first draw of each "
        "simulated annotator, with the prediction from these scribbles alone.",
        requires=(MANUAL,),
        draw=draw_examples,
    ),
}
