"""Where the numbers of a page come from: runs, weights, tasks, and what warns of taking them for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segbench.reports import bounds, catalogue, estimates, pictures, style
from segbench.reports.artefact import AUTOMATIC_SETS, SETS, SUPERVISED
from segbench.reports.tables.layout import Grid

if TYPE_CHECKING:
    from segbench.results import Results

Manifest = Mapping[str, Any]


def counted(count: int, noun: str) -> str:
    """A number of things in words."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names as a part of a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def warnings(results: Results) -> list[dict[str, str]]:
    """Why the numbers are not the papers', or not yet comparable; ``title`` and ``text`` each."""
    return _weight_warnings(results) + _shortened(results) + _unfinished(results)


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """What is known of a run, in the order in which people ask."""
    settings, git = dict(manifest.get("settings") or {}), manifest.get("git") or {}
    commit = git.get("commit")
    state = " (with uncommitted changes)" if git.get("dirty") else ""
    known = {
        "Date": str(manifest.get("created", "unknown")).replace("T", " "),
        "Version": manifest.get("version"),
        "Git commit": f"{commit[:12]}{state}" if commit else None,
        "Preset": manifest.get("preset"),
        "Simulations": manifest.get("simulations"),
        "Images per simulation": manifest.get("images"),
        "Target Dice": settings.pop("target_dice", None),
        "Interactions at most": settings.pop("max_steps", None) or "the protocol's own",
        "Weights": settings.pop("weights", None),
        "Seed images by": _seed_model(manifest),
        "Device": settings.pop("device", None),
        "Precision": settings.pop("precision", None),
        "Seed": settings.pop("seed", None),
        **{name.replace("_", " ").capitalize(): value for name, value in sorted(settings.items())},
        "Platform": manifest.get("platform"),
        "Python": manifest.get("python"),
        **dict(sorted((manifest.get("packages") or {}).items())),
    }
    return [(label, "unknown" if value is None else str(value)) for label, value in known.items()]


def commands(manifest: Manifest) -> str:
    """The command lines that made a run, in their order."""
    return "\n".join(map(str, manifest.get("commands") or filter(None, [manifest.get("command")])))


def experiments(manifest: Manifest) -> Grid | None:
    """The parts of a run, each with what it played on what; None where the manifest does not say."""
    parts = manifest.get("parts") or []
    rows = [
        [
            style.wording(str(part.get("protocol"))).title,
            ", ".join(map(str, part.get("models") or [])),
            str(part.get("split", "unknown")),
            str(part.get("context", "unknown")),
            str(part.get("images") or "all"),
            str(part.get("tasks", "unknown")),
            str(part.get("simulations", "unknown")),
            str(part.get("version", "unknown")),
        ]
        for part in parts
    ]
    heads = ["Protocol", "Models", "Split", "Context", "Images", "Tasks", "Simulations", "Version"]
    return Grid(heads, rows) if rows else None


def _seed_model(manifest: Manifest) -> str:
    """Who segmented the first image of every context."""
    seed = manifest.get("seed_model")
    if not seed:
        return "none needed"
    name = str(seed.get("name"))
    return f"{style.looks([name])[name].title}, {seed.get('weights')} weights"


def _weights(results: Results) -> dict[str, dict[str, Any]]:
    """Weights and checksum of every model of the run, ``{}`` where no manifest names it."""
    named: dict[str, dict[str, Any]] = {}
    for manifest in results.manifests:
        named |= manifest.get("models") or {}
    looks = style.looks(results.images.model)
    return {model: named.get(model, {}) for model in looks}


def _weight_warnings(results: Results) -> list[dict[str, str]]:
    """Weights that make the numbers not comparable with the papers'."""
    looks = style.looks(results.images.model)
    bundled, other = [], []
    trained = catalogue.trainings(results)
    for model, entry in _weights(results).items():
        weights = None if model in trained else entry.get("weights", "unknown")
        if weights == "bundled":
            bundled.append(looks[model].title)
        elif weights not in (None, "none", "official"):
            other.append(looks[model].title)
    found = []
    if bundled:
        text = (
            f"{listed(bundled)} ran with the small weights that come with this project, not with the "
            "official ones of the papers. What is shown here is how those small networks do; it is not the "
            "papers' result."
        )
        found.append({"title": "Bundled weights.", "text": text})
    if other:
        text = (
            f"{listed(other)} ran with weights other than the official ones, or of unknown origin. "
            "What is shown here is not the papers' result."
        )
        found.append({"title": "Other weights.", "text": text})
    return found


def _shortened(results: Results) -> list[dict[str, str]]:
    """Networks that were trained on each task for less than their own schedule asks."""
    labels = [
        bounds.label(results, model, tasks)
        for model, tasks in catalogue.trainings(results).items()
        if any(entry.get("shortened") for entry in tasks.values())
    ]
    text = (
        f"{'; '.join(labels)}: trained for less than the full schedule. More training may reach more, so "
        "that this is no upper bound in the paper's sense."
    )
    return [{"title": "Shortened training.", "text": text}] if labels else []


def _unfinished(results: Results) -> list[dict[str, str]]:
    """Methods that have not segmented all that others have: their averages are over other images."""
    # Longer sets are another question, and not for every method.
    images = results.images[estimates.in_standard_sets(results, results.images)]
    lacking = []
    for (protocol, split), part in images.groupby(["protocol", "split"], observed=True):
        place = _place(str(protocol))
        whole = len(part[place].drop_duplicates())
        where = pictures.group_title(str(protocol), str(split)).lower()
        for (model, context), own in part.groupby(["model", "context"], observed=True):
            done = len(own[place].drop_duplicates())
            if done < whole:
                method = pictures.title(str(model), str(context))
                lacking.append(f"{method}, {where}: {done} of {whole} images")
    if not lacking:
        return []
    text = f"{'; '.join(lacking)}. Averages over different images do not compare; run again to finish."
    return [{"title": "Unfinished run.", "text": text}]


def _place(protocol: str) -> list[str]:
    """What tells apart the images that every method is to segment; not all do so at several set sizes."""
    if protocol == SUPERVISED:  # some tasks and models may have been trained more often than others
        return ["task", "image"]
    if protocol == AUTOMATIC_SETS:  # a structure that is absent from a scan may have been predicted by some
        return ["dataset", "cohort", "modality", "axis", "image"]
    if protocol in SETS:
        return ["task", "simulation", "image"]
    return ["task", "simulation", "position", *(["context_size"] if protocol in estimates.IN_CONTEXT else [])]


def models(results: Results) -> Grid:
    """Weights and checksum of every model."""
    looks = style.looks(results.images.model)
    trained = catalogue.trainings(results)
    rows = []
    for model, entry in _weights(results).items():
        weights = catalogue.TRAINED if model in trained else entry.get("weights", "unknown")
        named = "none needed" if weights is None else str(weights)
        rows.append([looks[model].title, model, named, _short(entry, "checksum")])
    return Grid(["Method", "Name", "Weights", "Checksum"], rows)


def trainings(results: Results) -> Grid | None:
    """How the networks of each task were trained; None where no manifest says it."""
    looks = style.looks(catalogue.trainings(results))
    rows = [
        [
            looks[model].title,
            task,
            str(entry.get("trainer", "unknown")),
            bounds.schedule(results, model, [task]) or "unknown",
            str(entry.get("precision", "unknown")),
            str(entry.get("runs", "unknown")),
        ]
        for model, tasks in catalogue.trainings(results).items()
        for task, entry in sorted(tasks.items())
    ]
    return Grid(["Method", "Task", "Trainer", "Schedule", "Precision", "Runs"], rows) if rows else None


def _short(entry: Mapping[str, Any], name: str) -> str:
    """The first digits of a checksum, enough to compare by eye."""
    return str(entry.get(name) or "–")[:16]


def tasks(results: Results) -> Grid:
    """Every task of the tables or of a manifest, with the size of its splits."""
    known: dict[str, dict[str, Any]] = {name: {} for name in catalogue.task_names(results)}
    for manifest in results.manifests:
        known |= manifest.get("tasks") or {}
    columns = ("test", "val", "train")
    rows = [
        [
            name,
            *(str(known[name].get(column, "unknown")) for column in columns),
            _short(known[name], "fingerprint"),
            str(known[name].get("source", "unknown")),
        ]
        for name in sorted(known)
    ]
    heads = ["Task", "Test images", "Validation images", "Training images", "Data fingerprint", "Source"]
    return Grid(heads, rows)


def left_out(manifests: Sequence[Manifest]) -> list[str]:
    """Models and tasks that a run did not take, with the reason, each once."""
    items = [item for manifest in manifests for item in manifest.get("left_out") or []]
    lines = [f"{item.get('kind', '')} {item.get('name', '')}: {item.get('reason', '')}" for item in items]
    return list(dict.fromkeys(lines))
