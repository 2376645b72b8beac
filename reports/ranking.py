"""The methods of one protocol in sentences: who needs the fewest interactions, and how many images fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations

import pandas as pd

from segbench.reports import estimates, style
from segbench.reports.layout import change, number
from segbench.reports.style import model_title
from segbench.results import statistics
from segbench.results.resampling import PASS, StatisticsError, Unit
from segbench.text import amount as counted
from segbench.text import count_of, join_names

MOST_NAMES = 3  # in a sentence; more are counted
SAME = 5  # percent: methods need about the same if no change is larger, nor distinguishable from zero
SAME_IMAGE = ["task", *PASS, "position", "image"]


@dataclass(frozen=True)
class Effort:
    """Image records of one protocol, with its unit of interaction ("clicks") and its target ("90% Dice")."""

    images: pd.DataFrame
    unit: str
    target: str
    shared: bool = False  # whether these are the images of all methods named, of more

    @property
    def models(self) -> list[str]:
        return list(style.line_styles(self.images.model))

    def solvers(self) -> set[str]:
        """Return the models that reached the target on some image."""
        return set(self.images.model[self.images.reached.astype(bool)])


def ranking(effort: Effort, changes: pd.DataFrame | None = None) -> str:
    """Rank the methods, with their interactions per image, the change between the first two, and failures.

    Parameters
    ----------
    effort : Effort
        Some image reached the target.
    changes : DataFrame, optional
        Rows ``change_percent`` of `segbench.reports.artefacts.comparisons`, if they are already computed.
    """
    pairs = _pairs(effort) if changes is None else changes
    if pairs.empty:
        return _alone(effort) + _failures(effort, effort.models)
    best, second = _leaders(pairs)
    of_best = _changes(effort, best) if changes is None else changes[changes.model == best]
    if _about_the_same(of_best):
        common = _common(effort, effort.models)
        return _equal(common) + _failures(common, common.models[:MOST_NAMES])
    text = _winner(effort, best, second, of_best[of_best.baseline == second])
    return text + _failures(_common(effort, [best, second]), [best, second])


def dice(
    images: pd.DataFrame, by: Sequence[str] = ("model",), units: Sequence[Unit] = estimates.SUBJECTS_FIRST
) -> pd.DataFrame:
    """Estimate Dice times 100 of each method, the best first, with the first interval that exists."""
    table = estimates.estimates(images.assign(percent=100 * images.dice), "percent", list(by), units=units)
    return _one_interval(table, by).sort_values("mean", ascending=False, kind="stable", ignore_index=True)


def named_amounts(rows: pd.DataFrame, titles: Sequence[str]) -> list[str]:
    """Return title, mean and interval of each row; the first one also names the resampled units."""
    return [f"{title} {mean}{ends}" for title, (mean, ends) in zip(titles, _amounts(rows), strict=True)]


def _amounts(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the mean and the interval of each row as text; the first one also names the resampled units."""
    texts = []
    for index, (_, row) in enumerate(rows.iterrows()):
        over = "" if index else f" over {count_of(row.n_units, row.unit)}"
        ends = f" [{number(row.low, 1)}, {number(row.high, 1)}{over}]"
        texts.append((number(row["mean"], 1), "" if pd.isna(row.low) else ends))
    return texts


def _one_interval(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Keep one row of each estimate: that of the first unit with an interval."""
    return table.sort_values("low", key=pd.isna, kind="stable").drop_duplicates([*by]).sort_index()


def _pairs(effort: Effort) -> pd.DataFrame:
    """Compare all pairs in both directions, without intervals."""
    tables = [_change(effort, *pair, "simulation", reps=2) for pair in permutations(effort.models, 2)]
    known = [table for table in tables if len(table)]
    return pd.concat(known) if known else pd.DataFrame()


def _changes(effort: Effort, best: str) -> pd.DataFrame:
    """Compare the best method with each other one, with both intervals."""
    others = [name for name in effort.models if name != best]
    return pd.concat([_change(effort, best, name, unit) for name in others for unit in estimates.UNITS])


def _change(effort: Effort, model: str, baseline: str, unit: Unit, reps: int = 1000) -> pd.DataFrame:
    """Return the change of the total; no rows if the two methods share no image."""
    try:
        return statistics.paired_change(effort.images, model, [baseline], unit=unit, reps=reps)
    except StatisticsError:
        return pd.DataFrame()


def _leaders(changes: pd.DataFrame) -> tuple[str, str]:
    """Return the method that beats most others, and its best opponent."""
    rows = estimates.first_unit(changes)
    wins = (rows["mean"] < 0).groupby(rows.model).sum()
    order = sorted(style.line_styles(wins.index), key=lambda name: -wins[name])
    opponents = set(rows.baseline[rows.model == order[0]])
    return order[0], next(name for name in order[1:] if name in opponents)


def _about_the_same(changes: pd.DataFrame) -> bool:
    """Return whether the best method's change from each other one is small, and could be zero."""
    return all(
        abs(rows["mean"].iloc[0]) <= SAME and _undecided(rows)
        for _, rows in changes.fillna({"mean": 0}).groupby("baseline")
    )


def _undecided(rows: pd.DataFrame) -> bool:
    """Return whether the first interval contains zero, or neither method needs less."""
    return not abs(rows["mean"].iloc[0]) > 0 or bool(_contain_zero(rows)[:1].any())


def _contain_zero(rows: pd.DataFrame) -> pd.Series:
    """Return which of the intervals that exist contain zero."""
    known = rows.dropna(subset="low")
    return (known.low <= 0) & (known.high >= 0)


def _common(effort: Effort, models: Sequence[str]) -> Effort:
    """Keep the images that all of some models segmented, of the models that segmented all of these."""
    images = effort.images
    code = images.groupby(SAME_IMAGE, observed=True).ngroup()
    counts = code[images.model.isin(models)].value_counts()
    kept = images[code.isin(counts.index[counts == len(models)])]
    sizes = kept.groupby("model", observed=True).size()
    complete = kept[kept.model.isin(sizes.index[sizes == sizes.max()])]
    if complete.empty:
        return effort
    return replace(effort, images=complete, shared=len(kept) < len(images))


def _interactions(images: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Estimate the interactions per image of each model, with the interval that the results by task have."""
    images, units = images[images.model.isin(models)], estimates.SUBJECTS_FIRST
    table = estimates.estimates(images, "interactions", ["model"], units=units)
    return _one_interval(table, ["model"]).set_index("model").loc[list(models)]


def _alone(effort: Effort) -> str:
    """State the interactions of methods that cannot be compared."""
    texts = []
    for model in effort.models:
        if model not in effort.solvers():
            texts.append(f"{model_title(model)} reached {effort.target} on no image.")
            continue
        images = effort.images[effort.images.model == model]
        rows = estimates.estimates(images, "interactions", ["model"])
        amount = f"{number(rows['mean'].iloc[0], 1)} {effort.unit} per image"
        texts.append(f"{model_title(model)} needs {amount}{_both(rows, partial(number, digits=1))}.")
    return f"{' '.join(texts)} No other method segmented the same images."


def _equal(effort: Effort) -> str:
    """State that all methods need about the same."""
    amounts = named_amounts(
        _interactions(effort.images, effort.models), [model_title(name) for name in effort.models]
    )
    listed = join_names(amounts, MOST_NAMES)
    noun = "shared image" if effort.shared else "image"
    solvers = effort.solvers()
    never = [model_title(name) for name in effort.models if name not in solvers]
    if solvers and never:
        return (
            f"The number of {effort.unit} per {noun} does not rank the methods: {listed}. "
            f"{join_names(never, MOST_NAMES)} reached {effort.target} on no {noun}."
        )
    return f"All methods need about the same number of {effort.unit} per {noun}: {listed}."


def _winner(effort: Effort, best: str, second: str, rows: pd.DataFrame) -> str:
    """State the interactions of the first two methods, and the change from the second."""
    pair = effort.images[effort.images.model.isin([best, second])]
    shared = pair[pair.duplicated(SAME_IMAGE, keep=False)]
    first, other = model_title(best), model_title(second)
    (mean, ends), after = _amounts(_interactions(shared, [best, second]))
    amount = f"{mean} {effort.unit} per image{ends}"
    difference = rows["mean"].iloc[0]
    both = "" if len(shared) == len(pair) else ", on the images of both"
    if not abs(difference) > 0:
        return f"{first} and {other} need the fewest {effort.unit}: {mean} per image{ends}{both}."
    if second not in effort.solvers():
        never = f"{other} reached {effort.target} on no image."
        return f"{first} needs the fewest {effort.unit}: {mean} per image{ends}. {never}"
    if len(effort.models) > 2:
        other = f"The next best, {other},"
    compared = f"{other} needs {''.join(after)}{both}."
    total = f"The change of the total is {change(difference)}{_both(rows, change)}"
    if _undecided(rows):
        return f"{first} needs {amount}. {compared} {total}, too small to rank the two."
    doubt = "; with other subjects the order could differ" if _contain_zero(rows).any() else ""
    return f"{first} needs the fewest {effort.unit}: {mean} per image{ends}. {compared} {total}{doubt}."


def _failures(effort: Effort, models: Iterable[str]) -> str:
    """State how many images these methods missed, and which one misses the fewest."""
    share = missed_shares(effort.images, ["model"]).set_index("model").missed
    named, noun = list(models), "shared image" if effort.shared else "image"
    if not share.any():
        return f" Every {noun} reached {effort.target}."
    reliable = min([*named, *effort.models], key=lambda name: share[name])
    named = list(dict.fromkeys([*named, reliable]))
    if not share[named].any():
        return (
            f" Every {noun} reached {effort.target} with {join_names([model_title(name) for name in named])}."
        )
    parts = [f"{percent(share[name])} with {model_title(name)}" for name in named]
    maximum = int(effort.images.interactions[~effort.images.reached.astype(bool)].max())
    text = (
        f" {noun.capitalize()}s that missed {effort.target}: {join_names(parts)}; "
        f"each counts as {counted(maximum, effort.unit)}."
    )
    if percent(share[named[0]]) != percent(share[reliable]):
        text += f" {model_title(named[0])} fails on more {noun}s than {model_title(reliable)}."
    return text


def missed_shares(images: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the share of the images below the target, in the column ``missed``."""
    missed = ~images.reached.astype(bool)
    return statistics.hierarchical_mean(images.assign(missed=missed), "missed", by)


def percent(share: float) -> str:
    """Format a share of images: "none", "less than 0.1%" or "25.0%"."""
    if share == 0:
        return "none"
    return "less than 0.1%" if share < 0.0005 else f"{number(100 * share, 1)}%"


def _both(rows: pd.DataFrame, formatted: Callable[[float], str]) -> str:
    """Return the intervals over simulations and subjects in brackets, as far as they exist."""
    texts = [
        f"{formatted(row.low)}, {formatted(row.high)} over {count_of(row.n_units, row.unit)}"
        for _, row in rows.dropna(subset="low").iterrows()
    ]
    return f" [{'; '.join(texts)}]" if texts else ""
