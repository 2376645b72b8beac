"""Commands that come before a run: they train models and fetch data sets that have to be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.datasets.all_test import original
from segbench.datasets.registry import EMBEDDED, open_dataset
from segbench.datasets.scans import ALL
from segbench.models.hub import official_address
from segbench.models.named_weights import WITHOUT_PATH, weights_of
from segbench.models.registry import MODELS, capabilities, required_weights
from segbench.models.weights import OFFICIAL, WeightsError, trained_files, trained_folder
from segbench.reports.protocols import of_families
from segbench.text import render_command

if TYPE_CHECKING:
    from segbench.results import Results


SCRIBBLED = "medscribble"  # people's scribbles, which can be downloaded


def fetching_commands(results: Results, families: Iterable[str]) -> tuple[str, ...]:
    """Return the command that downloads people's scribbles, if protocols need them and the run has none."""
    if "manual" not in families or of_families(results, "manual"):
        return ()
    return (render_command("data", {"data_root": _arguments(results).get("data_root")}, "fetch", SCRIBBLED),)


def training_commands(results: Results, models: Sequence[str]) -> tuple[str, ...]:
    """Return a command for each model that has to be trained on the data sets of a run.

    Their weights end up where the run looks for them. A command ends at once if the training is finished.
    """
    arguments = _arguments(results)
    weights, root = str(arguments.get("weights", "bundled")), arguments.get("data_root")
    commands = []
    for model in _known(models):
        if not capabilities(model).needs_training:
            continue
        tasks, own = _tasks(results, capabilities(model).automatic), weights_of(weights, model)
        output = None if own in WITHOUT_PATH else own
        if output or not all(_has_bundled_weights(model, task) for task in tasks):
            options = {"datasets": sorted(set(tasks.values())), "data_root": root, "output": output}
            commands.append(render_command("train", options, model))
    return tuple(commands)


def lack_public_weights(models: Sequence[str]) -> bool:
    """Return whether any of some models has weights, but none that are published."""
    networks = {network for model in _known(models) for network in required_weights(model)}
    return any(network not in OFFICIAL and official_address(network) is None for network in networks)


def _arguments(results: Results) -> Mapping[str, Any]:
    return results.manifests[0].get("arguments") or {} if results.manifests else {}


def _known(models: Sequence[str]) -> list[str]:
    """Return the built-in models; a name such as module:Class from a record is not imported."""
    return [name for name in models if name in MODELS.builtin]


def _tasks(results: Results, scans: bool) -> dict[str, str]:
    """Return the data set of each task of a run that has scans or not, else of the embedded data."""
    sources = {
        name: original(str(entry["source"]))
        for manifest in results.manifests
        for name, entry in (manifest.get("tasks_found") or {}).items()
        if name.endswith(f"/{ALL}") == scans and "source" in entry
    }
    if sources:
        return sources
    embedded = EMBEDDED["scans" if scans else "tasks"]
    return {task.name: embedded for task in open_dataset(embedded, Path()).tasks()}


def _has_bundled_weights(model: str, task: str) -> bool:
    try:
        return bool(trained_files(model, trained_folder(task)))
    except WeightsError:
        return False
