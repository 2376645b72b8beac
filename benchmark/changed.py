"""Plug-ins and classes of a notebook that were edited since the last run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segbench.benchmark.plan import RunPlan
from segbench.paths import RUNS
from segbench.text import count_of

KINDS = {"model": "models", "protocol": "protocols"}  # with their sections of a manifest


def changed_lines(plan: RunPlan) -> Iterator[str]:
    """Yield a line for each model or protocol whose source differs from that of the last run with it.

    The last run is the one in the output folder, or else the newest in the folder of all runs.
    """
    from segbench.benchmark.execution import count_finished
    from segbench.results.store import Run, exists

    if not plan.checksums.sources or count_finished(plan.units, plan.output) == len(plan.units):
        return
    own = exists(plan.output)
    runs = {plan.output: Run(plan.output).manifest()} if own else _newest_runs()
    for name, source in plan.checksums.sources.items():
        kind, named = name.removeprefix("source of ").split(" ", 1)
        of_runs = {run: manifest.get(KINDS[kind], {}).get(named) for run, manifest in runs.items()}
        last = next((run for run, entry in of_runs.items() if entry), None)
        if last is not None and of_runs[last].get("source", source) != source:
            store = Run(last)
            old = sum(store.description(key)[kind] == named for key in store.units())
            then = "another --output computes them again" if own else "its units are computed again"
            yield f"{named} changed since the last run ({count_of(old, 'unit')} in {last}); {then}"


def _newest_runs() -> dict[Path | str, dict[str, Any]]:
    """Return the manifests of all runs in the folder of runs, the newest first; damaged ones are left out."""
    manifests: dict[Path | str, dict[str, Any]] = {}
    for file in sorted(RUNS.glob("*/manifest.json"), key=lambda file: file.stat().st_mtime, reverse=True):
        try:
            manifests[file.parent] = dict(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            continue
    return manifests
