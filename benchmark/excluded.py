"""What cannot take part in a run, and the lines that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_NAMES = 3  # of a line; --dry-run has all
COUNT = re.compile(r"(?<=\bhas )\d+(?= \w+ images\b)")


@dataclass(frozen=True)
class Excluded:
    """Something that cannot take part; ``kind`` is ``model``, ``task`` or ``protocol``.

    What follows a semicolon in `reason` is advice.
    """

    kind: str
    name: str
    reason: str


def excluded_lines(excluded: Sequence[Excluded], all_names: bool) -> Iterator[str]:
    """Yield a line per reason; more than three names are counted, unless all are asked for."""
    groups: dict[tuple[str, str], list[Excluded]] = {}
    for one in excluded:
        why = COUNT.sub("", one.reason.partition("; ")[0])
        groups.setdefault((_noun(one), why), []).append(one)
    for (noun, _), group in groups.items():
        names = list(dict.fromkeys(one.name for one in group))
        reason = _shared(list(dict.fromkeys(one.reason for one in group)))
        if len(names) == 1:
            yield f"Left out: {group[0].kind} {names[0]}: {reason}"
        elif all_names or len(names) <= MOST_NAMES:
            yield f"Left out: {noun}s {', '.join(names)}, each because {reason}"
        else:
            yield f"Left out: {len(names)} {noun}s, each because {reason} (--dry-run names them)"


def _noun(one: Excluded) -> str:
    """Return what is excluded; a model that only some tasks lack is excluded in pairs with them."""
    return "pair" if one.kind == "model" and " on " in one.name else one.kind


def _shared(reasons: Sequence[str]) -> str:
    """Return the reason of a group: its counts as a range, and the advice only if it is the same for all."""
    if len(reasons) == 1:
        return reasons[0]
    whys = {reason.partition("; ")[0] for reason in reasons}
    counts = [int(found[0]) for why in whys if (found := COUNT.search(why))]
    text = min(whys)
    return COUNT.sub(f"{min(counts)} to {max(counts)}", text) if len(whys) > 1 else text
