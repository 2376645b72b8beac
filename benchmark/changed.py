"""Plug-ins and classes of a notebook that were edited since the last run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from segbench.benchmark.plan import RunPlan
from segbench.paths import RUNS
from segbench.results.store import MALFORMED, Run, StoreError, exists
from segbench.text import count_of

KINDS = {"model": "models", "protocol": "protocols"}  # with their sections of a manifest


def changed_lines(plan: RunPlan) -> Iterator[str]:
    """Yield a line for each model or protocol whose source differs from that of the last run with it.

    The last run is the one in the output folder, or else the newest in the folder of all runs.
    """
    from segbench.benchmark.execution import unfinished

    if not plan.checksums.sources or not unfinished(plan.units, plan.output):
        return
    own = exists(plan.output)
    runs = {plan.output: _sources(Run(plan.output).manifest())} if own else _newest_runs()
    for name, source in plan.checksums.sources.items():
        last = next((run for run, sources in runs.items() if name in sources), None)
        if last is not None and runs[last][name] != source:
            kind, named = name.removeprefix("source of ").split(" ", 1)
            units = f"{count_of(_number_of_units(last, kind, named), 'unit')} in {last}"
            then = "another --output computes them again" if own else "its units are computed again"
            yield f"{named} changed since the last run ({units}); {then}"


def _sources(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of a manifest, by names as in `segbench.benchmark.plan.Checksums`."""
    return {
        f"source of {kind} {name}": entry["source"]
        for kind, section in KINDS.items()
        for name, entry in manifest.get(section, {}).items()
        if "source" in entry
    }


def _newest_runs() -> dict[Path | str, dict[str, str]]:
    """Return the digests of all readable runs in the folder of runs, the newest first."""
    runs: dict[Path | str, dict[str, str]] = {}
    for file in sorted(RUNS.glob("*/manifest.json"), key=lambda file: file.stat().st_mtime, reverse=True):
        with suppress(*MALFORMED):
            runs[file.parent] = _sources(json.loads(file.read_text("utf-8")))
    return runs


def _number_of_units(run: Path | str, kind: str, name: str) -> int:
    """Return how many finished units a run has of a model or protocol."""
    store, found = Run(run), 0
    for key in store.units():
        with suppress(StoreError):  # the unit is damaged
            found += store.description(key).get(kind) == name
    return found
