"""The page's text: what the manifests and the tables say, ready for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports import style
from reports.tables.layout import Grid

if TYPE_CHECKING:
    from reports.gaps import Gap
    from results import Results

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A drawn artefact on the page."""

    name: str
    kind: str
    title: str
    caption: str
    interval: str
    numbers: Grid
    files: Sequence[str]
    width: int = 0  # of the picture, in CSS pixels

    @property
    def short(self) -> str:
        return short(self.name)

    @property
    def alt(self) -> str:
        return f"{self.title}. {self.caption} The figures themselves are in the table of numbers below."


@dataclass(frozen=True)
class Missing:
    """What artefacts lack; ``blocked`` where they could not be drawn, ``reason`` where it is not the gaps."""

    names: Sequence[str]
    blocked: bool
    gaps: Sequence[Gap]
    reason: str = ""

    @property
    def title(self) -> str:
        return _listed([short(name) for name in self.names])


def short(name: str) -> str:
    """An artefact's name as people say it: ``fig3`` as Fig. 3."""
    return name.replace("fig", "Fig. ").replace("table", "Table ")


def page(results: Results, sections: Sequence[Section], missing: Sequence[Missing]) -> str:
    """The whole page as HTML; every value is escaped by the template."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("index.html").render(
        summary=_summary(results),
        warnings=_weight_warnings(results) + _unfinished(results),
        runs=[(_facts(manifest), manifest.get("command")) for manifest in results.manifests],
        sections=sections,
        missing=missing,
        models=_models(results),
        tasks=_tasks(results),
        left_out=_left_out(results.manifests),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _summary(results: Results) -> str:
    images = results.images
    titles = [style.wording(name).title for name in style.protocols_in_order(images.protocol)]
    parts = [
        ", ".join(titles) or "no protocols",
        _counted(images.model.nunique(), "model"),
        _counted(images.task.nunique(), "task"),
        _counted(images.simulation.nunique(), "simulation"),
    ]
    return " · ".join(parts)


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    """What is known of a run, in the order in which people ask."""
    settings, git = manifest.get("settings") or {}, manifest.get("git") or {}
    commit = git.get("commit")
    state = " (with uncommitted changes)" if git.get("dirty") else ""
    facts = {
        "Date": str(manifest.get("created", "unknown")).replace("T", " "),
        "Version": manifest.get("version"),
        "Git commit": f"{commit[:12]}{state}" if commit else None,
        "Preset": manifest.get("preset"),
        "Simulations": manifest.get("simulations"),
        "Images per simulation": settings.get("images"),
        "Target Dice": settings.get("target_dice"),
        "Context": settings.get("context"),
        "Weights": settings.get("weights"),
        "Seed images by": _seed_model(manifest),
        "Device": settings.get("device"),
        "Precision": settings.get("precision"),
        "Seed": settings.get("seed"),
        "Python": manifest.get("python"),
        "PyTorch": (manifest.get("packages") or {}).get("torch"),
        "Platform": manifest.get("platform"),
    }
    return [(label, "unknown" if value is None else str(value)) for label, value in facts.items()]


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
    for model, entry in _weights(results).items():
        weights = entry.get("weights", "unknown")
        if weights == "bundled":
            bundled.append(looks[model].title)
        elif weights not in (None, "none", "official"):
            other.append(looks[model].title)
    found = []
    if bundled:
        text = (
            f"{_listed(bundled)} ran with the small weights that come with this project, not with the "
            "official ones of the papers. What is shown here is how those small networks do; it is not the "
            "papers' result."
        )
        found.append({"title": "Bundled weights.", "text": text})
    if other:
        text = (
            f"{_listed(other)} ran with weights other than the official ones, or of unknown origin. "
            "What is shown here is not the papers' result."
        )
        found.append({"title": "Other weights.", "text": text})
    return found


def _unfinished(results: Results) -> list[dict[str, str]]:
    """Models that have not segmented all that others have: their averages are over other images."""
    place = ["task", "simulation", "position"]
    lacking = []
    for protocol in style.protocols_in_order(results.images.protocol):
        images = results.images[results.images.protocol == protocol]
        whole = len(images[place].drop_duplicates())
        for model, look in style.looks(images.model).items():
            done = int((images.model == model).sum())
            if done < whole:
                lacking.append(
                    f"{look.title}, {style.wording(protocol).title.lower()}: {done} of {whole} images"
                )
    if not lacking:
        return []
    text = f"{'; '.join(lacking)}. Averages over different images do not compare; run again to finish."
    return [{"title": "Unfinished run.", "text": text}]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _models(results: Results) -> Grid:
    looks = style.looks(results.images.model)
    rows = []
    for model, entry in _weights(results).items():
        weights = entry.get("weights", "unknown")
        named = "none needed" if weights is None else str(weights)
        rows.append([looks[model].title, model, named, _short(entry, "checksum")])
    return Grid(["Method", "Name", "Weights", "Checksum"], rows)


def _short(entry: Mapping[str, Any], name: str) -> str:
    """The first digits of a checksum, enough to compare by eye."""
    return str(entry.get(name) or "–")[:16]


def _tasks(results: Results) -> Grid:
    """Every task of the tables or of a manifest, with the size of its splits."""
    known: dict[str, dict[str, Any]] = {name: {} for name in results.images.task.unique()}
    for manifest in results.manifests:
        known |= manifest.get("tasks") or {}
    columns = ("test", "val", "train")
    rows = [
        [
            name,
            *(str(known[name].get(column, "unknown")) for column in columns),
            _short(known[name], "fingerprint"),
        ]
        for name in sorted(known)
    ]
    heads = ["Task", "Test images", "Validation images", "Training images", "Data fingerprint"]
    return Grid(heads, rows)


def _left_out(manifests: Sequence[Manifest]) -> list[str]:
    """Models and tasks that a run did not take, with the reason, each once."""
    items = [item for manifest in manifests for item in manifest.get("left_out") or []]
    lines = [f"{item.get('kind', '')} {item.get('name', '')}: {item.get('reason', '')}" for item in items]
    return list(dict.fromkeys(lines))
