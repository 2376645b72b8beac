"""Shortcuts to the numbers, drawings and texts of artefacts."""

from __future__ import annotations

import html
import re

import pandas as pd
from conftest import UNUSED

from segbench.reports.registry import get
from segbench.results import Results
from segbench.results.schema import IMAGES, STEPS, typed


def data_of(name: str, results: Results) -> pd.DataFrame:
    """Compute the numbers of an artefact."""
    return get(name).data(results)


def figure_of(name: str, results: Results):
    """Draw a figure."""
    return get(name).figure(results)


def grid_of(name: str, results: Results):
    """Lay out the numbers of an artefact for reading."""
    artefact = get(name)
    return artefact.reading_grid(results, artefact.data(results))


def text_of(folder) -> str:
    """Return the text of a report's page."""
    page = (folder / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.split("</style>")[1])))


def legend(figure) -> list[str]:
    """Return the labels of a figure's legend, each in one line."""
    return [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]


def titles(figure) -> list[str]:
    """Return the titles of a figure's panels."""
    return [axes.get_title() for axes in figure.axes]


def needing(**efforts: list[list[int]]) -> Results:
    """Return clicks by model, (simulations, images); each position has a subject, 20 clicks are a failure."""
    rows = [
        {
            "protocol": "center-clicks",
            "model": model.replace("_", "-"),
            **dict.fromkeys(("dataset", "cohort", "modality", "axis", "label", "task"), "x"),
            **UNUSED,
            "simulation": simulation,
            "position": position,
            "image": position,
            "subject": f"s{position}",
            "context_size": 0,
            "context": "none",
            "split": "test",
            "interactions": needed,
            "reached": needed < 20,
            **dict.fromkeys(("dice", "hd95", "seconds"), 0.5),
        }
        for model, simulations in efforts.items()
        for simulation, images in enumerate(simulations)
        for position, needed in enumerate(images, start=1)
    ]
    return Results(typed(rows, IMAGES), [], lambda *_: typed([], STEPS))


def with_categories(results: Results) -> Results:
    """Return the same records with text as categories."""
    names = [name for name, kind in IMAGES.items() if kind == "string"]
    images = results.images.astype(dict.fromkeys(names, "category"))
    return Results(images, results.manifests, results.read)
