"""The page's text: the answer, the artefacts in their groups, and all that the template shows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.reports import bounds, catalogue, style
from segbench.reports.artefact import SUPERVISED, InsufficientRecords
from segbench.reports.missing import whole_study
from segbench.reports.page import provenance, sets
from segbench.reports.replay import BUDGET, Replay, replay
from segbench.reports.tables.comparisons import sentences
from segbench.reports.tables.layout import Grid

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

    from segbench.reports.missing import Gap
    from segbench.results import Results

INTERCONV = "InterConv, "
PICTURES = "Pictures of what happened"
# Artefacts in the order of the page; whatever is in no other group is in the last.
GROUPS: dict[str, tuple[str, ...]] = {
    "Experiment 1: one image after another": (
        *("fig3", "fig4", "table7", "fig11", "fig16", "fig12", "fig13", "fig14", "fig15"),
    ),
    "Bootstrapping UniverSeg": ("fig17a", "table17b", "fig18"),
    "Experiment 2: a given context": ("fig6", "fig7", "fig19", "fig20", "fig21"),
    PICTURES: ("fig5", "fig10"),
    "Data, training and methods": (
        *("table1", "table2", "fig9", "table3", "fig8", "table4", "table5", "table6"),
    ),
    "InterConv: interactive segmentation of sets": (
        *("interconv-fig4", "interconv-fig5", "interconv-fig11"),
    ),
    "InterConv: automatic segmentation of sets": (
        *("interconv-table1", "interconv-fig6", "interconv-fig9", "interconv-fig10", "interconv-fig7"),
    ),
    "InterConv: data and networks": (
        *("interconv-fig8", "interconv-table2", "interconv-table3", "interconv-table4", "interconv-table5"),
        *("interconv-table6", "interconv-table7", "interconv-table8"),
    ),
    "Beyond the papers": (),
}

LARGEST = 28_000_000  # bytes of the page's pictures, so that all of it stays below 30 MB
SCRIPTS = ("tables.js", "replay.js", "contents.js")
POLICY = "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; base-uri 'none'"


@dataclass(frozen=True)
class Section:
    """A drawn artefact on the page.

    Attributes
    ----------
    name, kind, title, caption, interval
        As of the artefact; the interval with its numbers of units.
    numbers : Grid or None
        The table, or a figure's numbers; None for a figure that shows none.
    files : sequence of str
        What was written, relative to the page.
    picture : Path or None
        A figure as PNG.
    width : int
        Of the picture, in CSS pixels.
    """

    name: str
    kind: str
    title: str
    caption: str
    interval: str
    numbers: Grid | None
    files: Sequence[str]
    picture: Path | None = None
    width: int = 0

    @property
    def short(self) -> str:
        return short(self.name)

    @property
    def topic(self) -> str:
        """The title without the name of the artefact."""
        return self.title.removesuffix(f" ({self.short})")

    @property
    def alt(self) -> str:
        where = " The figures themselves are in the table of numbers below." if self.numbers else ""
        return f"{self.title}. {self.caption}{where}"

    @property
    def source(self) -> str:
        """The picture itself, as an address."""
        assert self.picture is not None
        return f"data:image/png;base64,{base64.b64encode(self.picture.read_bytes()).decode()}"

    @property
    def downloads(self) -> list[tuple[str, str]]:
        """Kind and address of each file."""
        kinds = {"md": "Markdown", "tex": "LaTeX"}
        suffixes = [(Path(file).suffix[1:], file) for file in self.files]
        return [(kinds.get(suffix, suffix.upper()), file) for suffix, file in suffixes]


@dataclass(frozen=True)
class Missing:
    """What artefacts lack; ``blocked`` where they could not be drawn, ``reason`` where it is not the gaps."""

    names: Sequence[str]
    blocked: bool
    gaps: Sequence[Gap]
    reason: str = ""

    @property
    def title(self) -> str:
        first, *others = (short(name) for name in self.names)
        return provenance.listed([first, *(name.removeprefix(INTERCONV) for name in others)])


def short(name: str) -> str:
    """An artefact's name as people say it: ``fig3`` as Fig. 3, ``interconv-fig3`` as InterConv, Fig. 3."""
    paper = INTERCONV if name.startswith("interconv-") else ""
    for part, word in (("interconv-", ""), ("fig", "Fig. "), ("table", "Table "), ("-", " ")):
        name = name.replace(part, word)
    return paper + name[:1].upper() + name[1:]


def page(
    results: Results,
    sections: Sequence[Section],
    missing: Sequence[Missing],
    whole: bool = True,
    comparisons: pd.DataFrame | None = None,
) -> str:
    """The whole page as HTML, with all pictures, styles and scripts in it.

    Names from data sets and plug-ins are escaped by the template, and the page allows no script but its own
    and no address outside.

    Parameters
    ----------
    results : Results
    sections : sequence of Section
    missing : sequence of Missing
    whole : bool
        Whether the page has the replay, for which the images are loaded.
    comparisons : DataFrame, optional
        The table of that name, where it is at hand.
    """
    from markupsafe import Markup

    texts = {
        name: (files("segbench.reports.page") / name).read_text(encoding="utf-8")
        for name in ("style.css", *SCRIPTS)
    }
    css, script = texts["style.css"], "".join(texts[name] for name in SCRIPTS)
    pictured = sum(section.picture.stat().st_size for section in sections if section.picture)
    room = LARGEST - 4 * pictured // 3  # in base64
    shown, refusal = _replay(results, min(room, BUDGET)) if whole else (None, "")
    return (
        _environment()
        .get_template("index.html")
        .render(
            policy=POLICY.format(style=_hash(css), script=_hash(script)),
            style=Markup(css),
            script=Markup(script),
            summary=_summary(results),
            answer=_answer(results, comparisons),
            warnings=provenance.warnings(results),
            groups=_grouped(sections),
            pictures=PICTURES,
            replay=shown,
            refusal=refusal,
            missing=missing,
            study=whole_study(results),
            runs=[
                (provenance.facts(manifest), provenance.commands(manifest), provenance.experiments(manifest))
                for manifest in results.manifests
            ],
            models=provenance.models(results),
            trainings=provenance.trainings(results),
            tasks=provenance.tasks(results),
            left_out=provenance.left_out(results.manifests),
        )
    )


def _environment() -> Environment:
    """Templates that escape every value, also in JSON."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return environment


def _hash(text: str) -> str:
    """What a content security policy calls an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _answer(results: Results, comparisons: pd.DataFrame | None) -> list[str]:
    """Which method needs the fewest interactions, what sets gain and what training on each task reaches.

    Or why nobody can say.
    """
    gains = [*sets.sentences(results), *bounds.sentences(results)]
    try:
        return [*sentences(results, comparisons), *gains]
    except InsufficientRecords as error:
        return gains or [str(error)]


def _replay(results: Results, budget: int) -> tuple[Replay | None, str]:
    """The replay, or why there is none."""
    try:
        return replay(results, budget), ""
    except InsufficientRecords as error:
        return None, str(error)


def _grouped(sections: Sequence[Section]) -> dict[str, list[Section]]:
    """Sections by group, in the order of the page."""
    named = {section.name: section for section in sections}
    groups = {title: [named.pop(name) for name in names if name in named] for title, names in GROUPS.items()}
    groups[list(GROUPS)[-1]] += named.values()
    return groups


def _summary(results: Results) -> str:
    """What was measured, in one line."""
    images = results.images
    titles = [style.wording(name).title for name in style.protocols_in_order(images.protocol)]
    trained = images.protocol == SUPERVISED  # there, simulations are training runs
    sizes = {
        "model": images.model.nunique(),
        "task": len(catalogue.task_names(results)),
        "simulation": images.simulation[~trained].nunique(),
        "training run": images.simulation[trained].nunique(),
    }
    optional = ("simulation", "training run") if trained.any() else ("training run",)
    counts = [provenance.counted(size, noun) for noun, size in sizes.items() if size or noun not in optional]
    return " · ".join([", ".join(titles) or "no protocols", *counts])
