"""Numbers of `manual-scribbles`: what people drew beside what the simulated annotators drew."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segbench.models.registry import PAIR
from segbench.reports import pictures, style
from segbench.reports.artefact import HUMAN, MANUAL, InsufficientRecords, Requirement
from segbench.results import statistics
from segbench.results.resampling import plain
from segbench.results.schema import TASK

if TYPE_CHECKING:
    from segbench.results import Results

MODELS = (
    *("scribbleprompt", "sp-uvs", "multiverseg", "random-walker"),
    *PAIR,
)
NEED = Requirement((MANUAL,), MODELS, context=HUMAN)
# Who drew, as in the column ``context`` of the records, and as people read it.
WHO = {HUMAN: "People", "centerline": "Centerline", "line": "Line"}
SIDES = ("positive", "negative")
SAMPLE = [*TASK, "task", "subject", "image", "simulation"]
ALL = "all tasks"


def images(results: Results) -> pd.DataFrame:
    """The image records of the protocol, with who drew in the column ``who``.

    Raises
    ------
    InsufficientRecords
        If there are none.
    """
    rows = results.images[results.images.protocol == MANUAL]
    if rows.empty:
        raise InsufficientRecords("There are no predictions from scribbles that people drew.")
    return _told(rows)


def frames(results: Results) -> pd.DataFrame:
    """What was kept of every prediction, with who drew in the column ``who``; errors as of `images`."""
    images(results)
    return _told(results.read("pictures", [MANUAL]))


def _told(rows: pd.DataFrame) -> pd.DataFrame:
    return plain(rows).rename(columns={"context": "who"})


def one_by_one(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with every person told apart in ``who``: person 1 and so on."""
    person = "person " + (rows.simulation + 1).astype(str)
    return rows.assign(who=rows.who.where(rows.who != HUMAN, person))


def marks(results: Results) -> pd.DataFrame:
    """How long the scribbles are, and what they cover.

    Returns
    -------
    DataFrame
        A row per ``who``, image and ``simulation`` (which person, which draw): the columns of `SAMPLE`, and
        for either side ``positive_length`` and so on, the pixels of the thinned scribble, and
        ``positive_area``, all its pixels, at the size at which the models see the image.
    """
    kept = frames(results)
    kept = kept[kept.model == next(iter(style.looks(kept.model)))]  # all models were given the same
    rows: list[dict[str, Any]] = []
    for frame in kept.to_dict("records"):
        row = {name: frame[name] for name in ("who", *SAMPLE)}
        for side in SIDES:
            drawn = pictures.unpacked(frame[side], frame["height"], frame["width"])
            row |= {f"{side}_length": length(drawn), f"{side}_area": int(drawn.sum())}
        rows.append(row)
    return pd.DataFrame(rows)


def length(drawn: np.ndarray) -> int:
    """Pixels of a scribble, bool (H, W), after it has been thinned to a line (Zhang and Suen)."""
    import cv2

    framed = np.pad(drawn, 1).astype(np.uint8) * 255  # lines may run along the border
    return int(np.count_nonzero(cv2.ximgproc.thinning(framed)))


def agreement(results: Results) -> pd.DataFrame:
    """Dice between the predictions from two drawings of one kind, averaged over all pairs.

    Returns
    -------
    DataFrame
        A row per ``model``, ``who`` and image, with ``agreement``; none of kinds with one drawing an image.
    """
    keys = ["model", "who", *SAMPLE[:-1]]
    rows = []
    for key, part in frames(results).groupby(keys, sort=True):
        masks = [np.unpackbits(np.frombuffer(mask, np.uint8)).astype(bool) for mask in part.prediction]
        pairs = [_dice(*pair) for pair in combinations(masks, 2)]
        if pairs:
            rows.append(dict(zip(keys, key, strict=True)) | {"agreement": float(np.mean(pairs))})
    return pd.DataFrame(rows, columns=[*keys, "agreement"])


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    total = int(one.sum() + other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Dice of simulated scribbles minus that of people's, image by image.

    Returns
    -------
    DataFrame
        A row per ``model``, simulated ``who`` and image, with ``difference``; people and draws are averaged
        within the image first.
    """
    keys = ["model", *SAMPLE[:-1]]
    table = rows.groupby([*keys, "who"], sort=True).dice.mean().unstack("who")
    simulated = [who for who in WHO if who in table and who != HUMAN]
    if HUMAN not in table or not simulated:
        return pd.DataFrame(columns=[*keys, "who", "difference"])
    paired = table[simulated].sub(table[HUMAN], axis=0)
    return paired.melt(value_name="difference", ignore_index=False).reset_index()


def over_images(rows: pd.DataFrame, value: str, by: list[str]) -> pd.DataFrame:
    """Means over all tasks, then by task, with intervals over subjects, each of which is one image.

    Columns ``group`` (`ALL`, or the task's cohort and label), ``by``, and those of
    `segbench.results.statistics.bootstrap`; all tasks first, people before simulated annotators.
    """
    if rows.empty:
        return pd.DataFrame(columns=["group", *by, "mean", "low", "high", "std", "unit", "n_units"])
    titled = rows.assign(group=rows.cohort + ", " + rows.label)
    whole = statistics.bootstrap(rows, value, "subject", by).assign(group=ALL)
    each = statistics.bootstrap(titled, value, "subject", ["group", *by])
    table = pd.concat([whole, each], ignore_index=True)
    return _ordered(table[["group", *table.columns.drop("group")]])


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    names = {"who": list(WHO)} | ({"model": list(style.looks(table.model))} if "model" in table else {})
    place = {name: rank for those in names.values() for rank, name in enumerate(those)} | {ALL: ""}
    keys = ["group", *(name for name in ("model", "who") if name in table)]
    return table.sort_values(keys, key=lambda c: c.map(lambda v: place.get(v, v)), ignore_index=True)
