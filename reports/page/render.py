"""The page as HTML: main results, artefacts in groups, missing records and provenance."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.reports import answer, papers
from segbench.reports.layout import Grid
from segbench.reports.missing import whole_study
from segbench.reports.page import provenance
from segbench.reports.registry import PAPER_FACTS
from segbench.reports.replay import BUDGET, Replay, replay
from segbench.reports.requirement import InsufficientRecords
from segbench.text import join_names

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

    from segbench.reports.missing import Gap
    from segbench.results import Results

PICTURES = "Pictures of single images"
OTHERS = "Further figures and tables"
# Artefacts in the order of the page; `OTHERS` takes all that no group names.
GROUPS: dict[str, tuple[str, ...]] = {
    "Results by task": ("tasks", "dice-by-step", "worst-images"),
    "One image after another": (
        *("fig3", "profiles", "fig4", "table7", "comparisons", "metrics", "fig11", "fig16", "fig12", "fig13"),
        *("fig14", "fig15", "boxes", "seed-images", "convergence"),
    ),
    "Bootstrapping UniverSeg": ("fig17a", "table17b", "fig18"),
    "Predictions from a given context": ("fig6", "fig7", "fig19", "fig20", "fig21"),
    PICTURES: ("fig5", "fig10"),
    "Interactive segmentation of sets": ("interconv-fig4", "interconv-fig5", "interconv-fig11"),
    "Automatic segmentation of sets": (
        *("interconv-table1", "interconv-fig6", "interconv-fig9", "interconv-fig10", "interconv-fig7"),
        "interconv-fig8",
    ),
    "Networks trained on each task": ("upper-bounds",),
    "People's scribbles": (
        *("manual-scribbles", "manual-scribbles-examples", "manual-scribbles-dice", "manual-scribbles-marks"),
    ),
    OTHERS: (),
    "The papers' figures and tables": PAPER_FACTS,
}

MAX_PICTURES = 28_000_000  # bytes of all pictures in base64, which keeps the page below 30 MB
SCRIPTS = ("tables.js", "replay.js", "contents.js", "enlarge.js")
POLICY = "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; base-uri 'none'"


@dataclass(frozen=True)
class Section:
    """An artefact on the page.

    Attributes
    ----------
    name, kind, title, caption, interval : str
        Those of the artefact; the interval with the numbers of its units.
    numbers : Grid or None
        The table, or the numbers of a figure; None for a picture.
    files : sequence of str
        Files of the artefact, relative to the page.
    picture : Path or None
        A figure as PNG.
    width : int
        Width of the picture in CSS pixels.
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
        """The name that a paper gives the artefact; the title of one that has none there."""
        return papers.split_title(self.title)[1] or self.title

    @property
    def topic(self) -> str:
        """The title without the name of the artefact."""
        return papers.split_title(self.title)[0]

    @property
    def alt(self) -> str:
        numbers = " The table below contains the numbers." if self.numbers else ""
        return f"{self.title}. {self.caption}{numbers}"

    @property
    def source(self) -> str:
        """The picture as a data URL."""
        assert self.picture is not None
        return f"data:image/png;base64,{base64.b64encode(self.picture.read_bytes()).decode()}"

    @property
    def downloads(self) -> list[tuple[str, str]]:
        """Format and address of each file."""
        formats = {"md": "Markdown", "tex": "LaTeX"}
        suffixes = [(Path(file).suffix[1:], file) for file in self.files]
        return [(formats.get(suffix, suffix.upper()), file) for suffix, file in suffixes]


@dataclass(frozen=True)
class Missing:
    """Artefacts that lack the same records; ``reason`` explains a failure that these do not explain.

    Without the papers no artefacts are named, only the records that the run's own protocols lack.
    """

    names: Sequence[str]  # for people
    blocked: bool  # the artefacts could not be drawn
    gaps: Sequence[Gap]
    reason: str = ""

    @property
    def title(self) -> str:
        first, *others = self.names
        return join_names([first, *(name.removeprefix(papers.INTERCONV) for name in others)])


def page(
    results: Results,
    sections: Sequence[Section],
    missing: Sequence[Missing],
    whole: bool = True,
    comparisons: pd.DataFrame | None = None,
) -> str:
    """Render the page as HTML that contains all pictures, styles and scripts.

    The template escapes names from data sets and plug-ins. The content security policy forbids foreign
    scripts and all network addresses.

    Parameters
    ----------
    results : Results
    sections : sequence of Section
    missing : sequence of Missing
    whole : bool
        Whether the page contains the replay, for which the images are loaded.
    comparisons : DataFrame, optional
        Data of the artefact ``comparisons``, if they are already computed.
    """
    from markupsafe import Markup

    texts = {
        name: (files("segbench.reports.page") / name).read_text(encoding="utf-8")
        for name in ("style.css", *SCRIPTS)
    }
    css, script = texts["style.css"], "".join(texts[name] for name in SCRIPTS)
    pictured = sum(section.picture.stat().st_size for section in sections if section.picture)
    room = MAX_PICTURES - 4 * pictured // 3  # in base64
    replayed, refusal = _replay(results, min(room, BUDGET)) if whole else (None, "")
    return (
        _environment()
        .get_template("index.html")
        .render(
            policy=POLICY.format(style=_hash(css), script=_hash(script)),
            style=Markup(css),
            script=Markup(script),
            heading=answer.heading(results),
            summary=answer.summary(results),
            unfinished=[(str(folder), one) for folder, one in results.unfinished()],
            answer=answer.answer(results, comparisons),
            warnings=provenance.warnings(results),
            groups=_grouped(sections),
            pictures=PICTURES,
            replay=replayed,
            refusal=refusal,
            missing=missing,
            study=whole_study(results) if papers.shown(results) else "",
            runs=[
                (
                    provenance.facts(manifest),
                    provenance.commands(manifest),
                    provenance.experiments(results, manifest),
                )
                for manifest in results.manifests
            ],
            models=provenance.models(results),
            trainings=provenance.trainings(results),
            tasks=provenance.tasks(results),
            excluded=provenance.excluded(results.manifests),
        )
    )


def _environment() -> Environment:
    """Create templates that escape every value, also in JSON."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("segbench.reports", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return environment


def _hash(text: str) -> str:
    """Return the hash by which a content security policy allows an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _replay(results: Results, budget: int) -> tuple[Replay | None, str]:
    """Return the replay, or the reason why there is none."""
    try:
        return replay(results, budget), ""
    except InsufficientRecords as error:
        return None, str(error)


def _grouped(sections: Sequence[Section]) -> dict[str, list[Section]]:
    """Sort sections into groups, in the order of the page."""
    by_name = {section.name: section for section in sections}
    groups = {
        title: [by_name.pop(name) for name in names if name in by_name] for title, names in GROUPS.items()
    }
    groups[OTHERS] += by_name.values()
    return groups
