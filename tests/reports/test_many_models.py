"""Tables and figures of fifteen models, and what is known about their weights."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from artefact_helpers import figure_of, legend, needing
from conftest import as_results, by_hand
from matplotlib.colors import to_rgb

from segbench.reports import style
from segbench.reports.page import provenance

ARENA = (
    *(
        "scribbleprompt",
        "multiverseg",
        "sp-uvs",
        "random-walker",
        "multiverseg-finetuned",
        "sam",
        "sam-points",
    ),
    *("medsam", "sam-hq", "sam2", "sam2-memory", "nninteractive", "grabcut", "mine:One", "mine:Two"),
)


@pytest.fixture(scope="module")
def results():
    """Fifteen models that need 1, 2, ... 15 clicks; the last ones fail on one image."""
    efforts = {
        name.replace("-", "_"): [[number, number], [number, 20]] for number, name in enumerate(ARENA, 1)
    }
    return needing(**efforts)


def lab(color: str) -> np.ndarray:
    """Return a colour in CIELAB, in which distances are those that people see."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    )
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x / 0.9505, y, z / 1.089))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def test_fifteen_models_differ_in_colour_and_in_marker_and_dashes():
    looks = style.line_styles(ARENA).values()
    assert len(looks) == 15
    assert min(np.linalg.norm(lab(a.color) - lab(b.color)) for a, b in combinations(looks, 2)) > 20
    assert len({(look.marker, look.line) for look in looks}) == 15


@pytest.mark.parametrize("count", [2, 8, 15])
def test_models_of_others_differ_from_built_in_ones_and_from_each_other(count):
    names = [f"mine:Model{number}" for number in range(15 - count)]
    looks = style.line_styles([*ARENA[:count], *names])
    colors = [look.color for look in looks.values()]
    assert all(colors.count(looks[name].color) == 1 for name in names[:8])


@pytest.mark.parametrize("name", ["fig3", "profiles", "fig4"])
def test_nothing_of_a_figure_of_fifteen_models_is_cut(results, name):
    figure = figure_of(name, results)
    width, height = figure.get_size_inches() * figure.dpi
    assert width / figure.dpi < 16
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= width and box.y1 <= height
    axes = figure.axes[0]
    assert axes.get_window_extent().height > 150  # the legend takes no room from the panel
    for text in [*axes.texts, *(axes.get_xticklabels() if name == "fig4" else ())]:
        extent = text.get_window_extent()
        assert extent.x1 <= width and extent.y0 >= 0
    assert name == "fig4" or len(legend(figure)) == 15


def test_labels_of_failures_do_not_overlap(results):
    failing = needing(**{name.replace("-", "_"): [[20, 20]] for name in ARENA[1:]}, scribbleprompt=[[3, 20]])
    labels = figure_of("profiles", failing).axes[0].texts
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in labels)
    assert len(boxes) == 15
    assert all(below[1] < above[0] + 2 for below, above in pairwise(boxes))


def with_facts(trained_on: str, **given):
    """Return a run of one model on the data set ``toy`` with its facts in the manifest."""
    images = by_hand([{}]).images
    entry = {"weights": "official", "checksum": "a" * 64, "trained_on": trained_on} | given
    return as_results(images.to_dict("records"), None, {"models": {"multiverseg": entry}})


def test_the_table_of_models_has_training_data_and_licence():
    grid = provenance.models(with_facts("public CT data", licence="Apache-2.0"))
    assert grid.columns == ["Method", "Name", "Weights", "Trained on", "Licence", "Checksum"]
    assert grid.rows == [["MultiverSeg", "multiverseg", "official", "public CT data", "Apache-2.0", "a" * 16]]
    older = as_results(by_hand([{}]).images.to_dict("records"), None, {"models": {"multiverseg": {}}})
    assert provenance.models(older).columns == ["Method", "Name", "Weights", "Checksum"]


@pytest.mark.parametrize(
    ("trained_on", "warned"),
    [
        ("synthetic tasks and real images of ACDC, Toy", True),
        ("synthetic tasks; toy/a/m/0/x", True),
        ("synthetic toys", False),
        ("not stated", False),
    ],
)
def test_models_that_were_trained_on_evaluated_data_are_named(trained_on, warned):
    texts = [one["text"] for one in provenance.warnings(with_facts(trained_on))]
    assert any(text.startswith("MultiverSeg was trained on toy. ") for text in texts) == warned


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("scribbleprompt@/home/ada/envs/old torch/bin/python", "ScribblePrompt @ old torch"),
        ("mine:Mine@python3.9", "mine:Mine @ python3.9"),
        ("sam@tcp://gpu:7000", "SAM @ gpu:7000"),
        ("sam@cmd:docker run -i --rm --gpus all --network none sam", "SAM @ docker run -i --rm [...]"),
    ],
)
def test_a_model_in_another_environment_has_a_short_title(name, title):
    assert style.model_title(name) == title
