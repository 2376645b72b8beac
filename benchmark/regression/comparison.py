"""Two runs beside each other: what differs behind them, and paired differences of their records."""

from __future__ import annotations

import math
import shlex
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
GOALS = ("target_dice", "max_steps")  # settings that decide what the number of interactions means
SHOWN = 16  # characters of a checksum


@dataclass(frozen=True, eq=False)
class Compared:
    """What `compare` finds.

    Attributes
    ----------
    differing : dict
        For each of `SECTIONS` the differences in words, maybe none.
    equal : whether all records are the same
    notes : what is not compared, and why
    table : DataFrame
        As of `segbench.results.regression.differences`; the second run minus the first.
    """

    differing: dict[str, list[str]]
    equal: bool
    notes: list[str]
    table: pd.DataFrame


def compare(first: str | Path, second: str | Path) -> Compared:
    """Compare two runs; neither needs the settings of the other.

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
        If they share no image of a model and protocol.
    """
    from segbench.results import load
    from segbench.results.regression import differences
    from segbench.results.resampling import plain

    runs = [load(run) for run in (first, second)]
    old, new = (run.manifests[0] for run in runs)
    demand(old, str(first))
    demand(new, str(second))
    equal = all(
        plain(ours).equals(plain(theirs))
        for ours, theirs in (
            [run.images.drop(columns="seconds") for run in runs],
            [run.steps for run in runs],
        )
    )
    measures: tuple[str, ...] = MEASURES
    notes = []
    unlike = [name for name in GOALS if old["settings"][name] != new["settings"][name]]
    if unlike:
        measures = ("dice", "hd95")
        notes.append(f"{' and '.join(unlike)} differ, so interactions and failures are not compared")
    before, after = (run.images for run in runs)
    changed = other_data(old, new)
    if changed:
        notes.append(f"left out, as their data differ: {', '.join(changed)}")
        before, after = (table[~table.task.isin(changed)] for table in (before, after))
    return Compared(differing(old, new), equal, notes, differences(before, after, measures))


def demand(manifest: dict[str, Any], name: str) -> None:
    """Refuse a manifest without what a comparison reads: commands, settings, parts, and the tasks' data.

    Raises
    ------
    UsageError
        The sentence names whose manifest it is and, where one entry is absent, which.
    """
    try:
        for setting in (*GOALS, "seed"):
            manifest["settings"][setting]
        for task in (manifest["tasks"] or {}).values():
            task["fingerprint"]
        for line in manifest["commands"]:
            shlex.split(line)
        parts(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else "has entries of another kind"
        raise UsageError(
            f"the manifest of {name} {what}, so it cannot be compared; restore it, or run it again"
        ) from error


def other_data(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The tasks of two manifests whose data are not the same."""
    known = new.get("tasks") or {}
    return sorted(
        name
        for name, entry in (old.get("tasks") or {}).items()
        if name in known and entry["fingerprint"] != known[name]["fingerprint"]
    )


def differing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """What differs between two manifests, in words, by section; a section may be empty."""
    old, new = ({**one, "parts": parts(one)} for one in (old, new))
    return {
        section: [line for name in names for line in _unlike(name, old.get(name), new.get(name))]
        for section, names in SECTIONS.items()
    }


def parts(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The experiments of a run by protocol, split and context, and longer ones where there are several."""
    found: dict[str, dict[str, Any]] = {}
    for part in sorted(manifest.get("parts") or (), key=lambda part: part["images"] or math.inf):
        name = f"{part['protocol']} ({part['split']}, {part['context']})"
        while name in found:
            name += ", longer"
        found[name] = {key: part[key] for key in ("version", "models", "images", "tasks", "simulations")}
    return found


def _unlike(name: str, one: Any, other: Any) -> Iterator[str]:
    """Lines about what two values of a manifest do not have in common."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one | other):
            yield from _unlike(f"{name} {key}", one.get(key), other.get(key))
    elif one != other:
        yield f"{name}: {_brief(one)} and {_brief(other)}"


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return "present"
    if value is None:
        return "none"
    words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    checksum = len(words) >= 40 and set(words) <= set("0123456789abcdef")
    return words[:SHOWN] if checksum else words
