"""Runs, weights, trainings and tasks behind the numbers of a page, and warnings about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segbench.datasets.task import base_name
from segbench.reports import bounds, catalogue, cautions, pictures, protocols, selection, style
from segbench.reports.layout import Grid
from segbench.text import join_names, render_command

if TYPE_CHECKING:
    from segbench.results import Results

Manifest = Mapping[str, Any]


def warnings(results: Results) -> list[dict[str, str]]:
    """List reasons why numbers are not comparable; each has ``title`` and ``text``."""
    texts = {
        "Bundled weights.": _bundled_weights(results),
        "Other weights.": _other_weights(results),
        "Evaluated data in the training.": _trained_on_evaluated(results),
        "Shortened training.": _short_trainings(results),
        "Seen in training.": catalogue.not_held_out(results),
        "Seed images.": cautions.missed_seeds(results),
        "Empty scribbles.": cautions.empty_scribbles(results),
        "All images are test.": cautions.all_test(results),
        "Small tasks.": cautions.small_tasks(results),
        "Different images.": _different_images(results),
    }
    return [{"title": title, "text": text} for title, text in texts.items() if text]


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """List the settings and versions of a run with their labels."""
    settings, git = dict(manifest.get("settings") or {}), manifest.get("git") or {}
    commit = git.get("commit")
    state = " (with uncommitted changes)" if git.get("dirty") else ""
    values = {
        "Date": str(manifest.get("created", "unknown")).replace("T", " "),
        "Version": manifest.get("version"),
        "Git commit": f"{commit[:12]}{state}" if commit else None,
        "Preset": manifest.get("preset"),
        "Simulations": manifest.get("simulations"),
        "Images per simulation": _images(manifest),
        "Target Dice": settings.pop("target_dice", None),
        "Maximum interactions": settings.pop("max_steps", None) or "as each protocol defines",
        "Weights": settings.pop("weights", None),
        "Seed image segmented by": _seed_model(manifest),
        "Seed image below the target": settings.pop("seed_image", None),
        "Device": settings.pop("device", None),
        "Processor": ", ".join(manifest.get("processors") or []) or None,
        "Precision": settings.pop("precision", None),
        "Seed": settings.pop("seed", None),
        **{name.replace("_", " ").capitalize(): value for name, value in sorted(settings.items())},
        "Platform": manifest.get("platform"),
        "Python": manifest.get("python"),
        **dict(sorted((manifest.get("packages") or {}).items())),
    }
    return [(label, "unknown" if value is None else str(value)) for label, value in values.items()]


def _images(manifest: Manifest) -> str | None:
    """Return the images of a simulation, and whether tasks have fewer; None if the manifest does not say."""
    size = manifest.get("images")
    if not size:  # without sets of a fixed length
        sizes = sorted({str(part.get("images") or "all") for part in manifest.get("parts") or []})
        return " or ".join(sizes) or None
    counts = [task.get("test", size) for task in (manifest.get("tasks") or {}).values()]
    return f"{size}, or all of a task that has fewer" if min(counts, default=size) < size else str(size)


def commands(manifest: Manifest) -> str:
    """Return the command lines of a run, in their order."""
    arguments = manifest.get("all_arguments") or filter(None, [manifest.get("arguments")])
    return "\n".join(render_command("run", one) for one in arguments)


def experiments(results: Results, manifest: Manifest) -> Grid | None:
    """List the experiments of a run; None if the manifest lists none."""
    columns = {
        "models": "Models",
        "split": "Split",
        "context": "Context",
        "images": "Images",
        "tasks": "Tasks",
        "simulations": "Simulations",
        "version": "Version",
    }
    rows = []
    for part in manifest.get("parts") or []:
        cells = part | {"models": ", ".join(part.get("models") or []), "images": part.get("images") or "all"}
        title = protocols.labels(results, str(part.get("protocol"))).title
        rows.append([title, *(str(cells.get(name, "unknown")) for name in columns)])
    return Grid(["Protocol", *columns.values()], rows) if rows else None


def _seed_model(manifest: Manifest) -> str:
    """Return the model that segmented the first image of every context."""
    seed = manifest.get("seed_model")
    if not seed:
        return "none needed"
    return f"{style.model_title(str(seed.get('name')))}, {seed.get('weights')} weights"


def _weights(results: Results) -> dict[str, dict[str, Any]]:
    """Return weights and checksum of every model with records; ``{}`` if no manifest lists it."""
    entries: dict[str, dict[str, Any]] = {}
    for manifest in results.manifests:
        entries |= manifest.get("models") or {}
    return {model: entries.get(model, {}) for model in style.line_styles(results.images.model)}


def _models_with(results: Results, weights: Callable[[object], bool]) -> str:
    """Return the titles of the models whose weights fulfil a condition; not of those trained per task."""
    entries = {name: entry.get("weights", "unknown") for name, entry in _weights(results).items()}
    trained = catalogue.trainings(results)
    return join_names(
        [style.model_title(name) for name, value in entries.items() if name not in trained and weights(value)]
    )


def _bundled_weights(results: Results) -> str:
    titles = _models_with(results, lambda weights: weights == "bundled")
    return titles and (
        f"{titles} used the small networks that come with this project, not the official weights. These "
        "numbers describe the small networks and are not the published methods' result."
    )


def _other_weights(results: Results) -> str:
    titles = _models_with(results, lambda weights: weights not in (None, "none", "official", "bundled"))
    return titles and (
        f"{titles} used weights that are not the official ones, or of unknown origin. These numbers are not "
        "the published methods' result."
    )


def _trained_on_evaluated(results: Results) -> str:
    """Name the models that were trained on a data set with records of them; not those trained per task."""
    used = results.images[["model", "dataset"]].drop_duplicates().groupby("model", observed=True).dataset
    datasets = {str(model): sorted(map(str, names)) for model, names in used}
    trained, texts = catalogue.trainings(results), []
    for model, entry in _weights(results).items():
        training = "" if model in trained else str(entry.get("trained_on") or "")
        seen = [name for name in datasets[model] if _names(training, base_name(name))]
        if seen:
            texts.append(f"{style.model_title(model)} was trained on {join_names(seen)}")
    return "; ".join(texts) and (
        f"{'; '.join(texts)}. The evaluated images, or others of the same source, are not new to the model."
    )


def _names(text: str, dataset: str) -> bool:
    """Return whether a text names a data set, as a word of its own."""
    return re.search(rf"(?<![a-z0-9]){re.escape(dataset.lower())}(?![a-z0-9])", text.lower()) is not None


def _short_trainings(results: Results) -> str:
    labels = [
        bounds.label(results, model, tasks)
        for model, tasks in catalogue.trainings(results).items()
        if any(entry.get("shortened") for entry in tasks.values())
    ]
    return "; ".join(labels) and (
        f"{'; '.join(labels)}: trained with less than the full schedule. Longer training may give a higher "
        "Dice, so this is not an upper bound."
    )


def _different_images(results: Results) -> str:
    """Name methods that segmented fewer images than others, so that averages are over other images."""
    # Longer sets are another experiment, and not every method takes part in it.
    images = results.images[selection.in_standard_sets(results, results.images)]
    incomplete = []
    for (protocol, split, _), rows in images.groupby(["protocol", "split", "annotator"], observed=True):
        key = _image_key(protocols.labels(results, str(protocol)).family)
        total = len(rows[key].drop_duplicates())
        title = pictures.protocol_title(results, str(protocol), str(split)).lower()
        for (model, context), segmented in rows.groupby(["model", "context"], observed=True):
            count = len(segmented[key].drop_duplicates())
            if count < total:
                method = pictures.method_title(str(model), str(context))
                incomplete.append(f"{method}, {title}: {count} of {total} images")
    advice = "" if results.unfinished() else " Run all methods on the same images."
    return "; ".join(incomplete) and (
        f"{'; '.join(incomplete)}. Averages over different images are not comparable.{advice}"
    )


def _image_key(family: str) -> list[str]:
    """Return the columns that identify an image that every method of a family is to segment.

    Set sizes are not among them, as not every method segments sets of several sizes.
    """
    if family == "supervised":  # some tasks and models may have more trainings than others
        return ["task", "image"]
    if family == "scans":  # only some models may predict a structure that is absent from a scan
        return [*catalogue.SCAN, "image"]
    if family in ("sets", "manual"):
        return ["task", "simulation", "person", "image"]
    given = ["context_size"] if family in ("in-context", "interactive-in-context") else []
    return ["task", "simulation", "position", *given]


def models(results: Results) -> Grid:
    """List weights and checksum of every model; also training data and licence, if a manifest has them."""
    trained, entries = catalogue.trainings(results), _weights(results)
    facts = {"trained_on": "Trained on", "licence": "Licence"}
    facts = {key: title for key, title in facts.items() if any(key in one for one in entries.values())}
    rows = []
    for model, entry in entries.items():
        weights = catalogue.TRAINED if model in trained else entry.get("weights", "unknown")
        named = "none needed" if weights is None else str(weights)
        stated = [str(entry.get(key) or "not stated") for key in facts]
        rows.append([style.model_title(model), model, named, *stated, _shortened(entry, "checksum")])
    return Grid(["Method", "Name", "Weights", *facts.values(), "Checksum"], rows)


def trainings(results: Results) -> Grid | None:
    """List the trainings of the networks of each task; None if no manifest has any."""
    rows = [
        [
            style.model_title(model),
            task,
            str(entry.get("trainer", "unknown")),
            bounds.schedule(results, model, [task]) or "unknown",
            str(entry.get("precision", "unknown")),
            str(entry.get("runs", "unknown")),
        ]
        for model, tasks in catalogue.trainings(results).items()
        for task, entry in sorted(tasks.items())
    ]
    return Grid(["Method", "Task", "Trainer", "Schedule", "Precision", "Trainings"], rows) if rows else None


def _shortened(entry: Mapping[str, Any], name: str) -> str:
    """Return the first digits of a checksum, enough to compare by eye."""
    return str(entry.get(name) or "–")[:16]


def tasks(results: Results) -> Grid:
    """List every task of the records and manifests with the sizes of its splits."""
    entries: dict[str, dict[str, Any]] = {name: {} for name in catalogue.task_names(results)}
    for manifest in results.manifests:
        entries |= manifest.get("tasks") or {}
    columns = ("test", "val", "train")
    rows = [
        [
            name,
            *(str(entry.get(column, "unknown")) for column in columns),
            _shortened(entry, "fingerprint"),
            str(entry.get("source", "unknown")),
        ]
        for name, entry in sorted(entries.items())
    ]
    heads = ["Task", "Test images", "Validation images", "Training images", "Data fingerprint", "Source"]
    return Grid(heads, rows)


def excluded(manifests: Sequence[Manifest]) -> list[str]:
    """List the models and tasks that a run excluded, with the reason, each once."""
    items = [item for manifest in manifests for item in manifest.get("left_out") or []]
    lines = [f"{item.get('kind', '')} {item.get('name', '')}: {item.get('reason', '')}" for item in items]
    return list(dict.fromkeys(lines))
