"""Comparison of two runs: differences of their manifests, and paired differences of their records."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

SECTIONS = {
    "environment": ("version", "git", "python", "platform", "packages"),
    "configuration": ("settings", "simulations", "images", "parts"),
    "data": ("tasks",),
    "weights": ("models", "seed_model"),
}
MEASURES = ("interactions", "dice", "failures", "hd95")
GOALS = ("target_dice", "max_steps")  # settings that define the number of interactions
DIGITS = 16  # of a checksum in a message
DESCRIPTIONS = {"licence", "trained_on"}  # of weights, whose checksums are compared


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of `compare`.

    Attributes
    ----------
    differing : dict
        Differences of the manifests, as lines for each of `SECTIONS`.
    equal : whether all records are the same
    notes : what is not compared, and why
    table : DataFrame
        As of `segbench.results.regression.differences`; the second run minus the first.
    """

    differing: dict[str, list[str]]
    equal: bool
    notes: list[str]
    table: pd.DataFrame


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Compare two runs, which may have different settings.

    Parameters
    ----------
    first, second : path or address of a run

    Raises
    ------
    StoreError
        If a run cannot be read.
    UsageError
        If a manifest lacks what a comparison needs.
    StatisticsError
        If the runs share no image of a model and protocol.

    Examples
    --------
    >>> compare("results/runs/before", "results/runs/after").equal  # doctest: +SKIP
    True
    """
    from segbench.results import load
    from segbench.results.regression import differences

    runs = [load(run) for run in (first, second)]
    old, new = (run.manifests[0] for run in runs)
    for manifest, name in ((old, first), (new, second)):
        validate_manifest(manifest, str(name))
    before, after = (run.images for run in runs)
    equal = before.drop(columns="seconds").equals(after.drop(columns="seconds"))
    equal = equal and runs[0].steps.equals(runs[1].steps)
    measures: tuple[str, ...] = MEASURES
    notes = [sentence for run in runs for sentence in run.unfinished_sentences()]
    other_goals = [name for name in GOALS if old["settings"][name] != new["settings"][name]]
    if other_goals:
        measures = ("dice", "hd95")
        notes.append(f"{' and '.join(other_goals)} differ: interactions and failures are not compared")
    changed = changed_tasks(old, new)
    if changed:
        notes.append(f"left out because their data differ: {', '.join(changed)}")
        before, after = (table[~table.task.isin(changed)] for table in (before, after))
    return Comparison(manifest_differences(old, new), equal, notes, differences(before, after, measures))


def validate_manifest(manifest: dict[str, Any], name: str) -> None:
    """Raise a `UsageError` if a manifest lacks what a comparison reads, or holds values of the wrong type."""
    try:
        for setting in (*GOALS, "seed"):
            manifest["settings"][setting]
        for task in (manifest["tasks"] or {}).values():
            task["fingerprint"]
        for arguments in manifest["all_arguments"]:
            arguments.items()
        experiments(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = f"lacks {error}" if isinstance(error, KeyError) else "has values of the wrong type"
        raise UsageError(
            f"the manifest of {name} {fault} and cannot be compared; restore it, or run it again"
        ) from error


def changed_tasks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the tasks of both manifests whose data differ."""
    before, now = (manifest.get("tasks") or {} for manifest in (old, new))
    return sorted(n for n in before.keys() & now if before[n]["fingerprint"] != now[n]["fingerprint"])


def manifest_differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """Return the differences of two manifests as lines, by section."""
    old, new = ({**manifest, "parts": experiments(manifest)} for manifest in (old, new))
    return {
        section: [line for name in names for line in _lines(name, old.get(name), new.get(name))]
        for section, names in SECTIONS.items()
    }


def experiments(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the experiments of a run by protocol, split, context and, where these are equal, length."""
    named: dict[str, dict[str, Any]] = {}
    for part in sorted(manifest.get("parts") or (), key=lambda part: part["images"] or math.inf):
        name = f"{part['protocol']} ({part['split']}, {part['context']})"
        while name in named:
            name += ", longer"
        named[name] = {key: part[key] for key in ("version", "models", "images", "tasks", "simulations")}
    return named


def _lines(name: str, old: Any, new: Any) -> Iterator[str]:
    """Describe how two values of a manifest differ, one line per entry."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted((old | new).keys() - DESCRIPTIONS):
            yield from _lines(f"{name} {key}", old.get(key), new.get(key))
    elif old != new:
        yield f"{name}: {_shortened(old)} and {_shortened(new)}"


def _shortened(value: Any) -> str:
    if isinstance(value, dict):
        return "present"
    if value is None:
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    checksum = len(text) >= 40 and set(text) <= set("0123456789abcdef")
    return text[:DIGITS] if checksum else text
