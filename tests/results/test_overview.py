"""What the results of a run show in a terminal and in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from segbench.results import Results
from segbench.results.progress import Progress
from segbench.results.reading import empty_results
from segbench.results.schema import IMAGES, PICTURES, STEPS, typed

DOCS = Path(__file__).parents[2] / "docs" / "results.md"


def images(model: str, interactions: list[int], dice: list[float]) -> list[dict]:
    fixed = dict.fromkeys(IMAGES, 0) | {name: "x" for name, kind in IMAGES.items() if kind == "string"}
    fixed |= {"protocol": "clicks", "dataset": "hearts", "model": model, "person": -1, "set_size": 1}
    values = enumerate(zip(interactions, dice, strict=True), start=1)
    return [
        fixed
        | {"position": n, "image": n, "subject": f"s{n}", "interactions": i, "dice": d, "reached": d > 0.9}
        for n, (i, d) in values
    ]


def results(rows: list[dict], **manifest) -> Results:
    facts = {"images": 2, "protocols": {"clicks": {"ordered": True}}}
    unfinished = Progress(1, 2, ("python -m benchmark run --output here",))
    frame = typed(rows, IMAGES)
    return Results(frame, [facts | manifest], lambda *_: pd.DataFrame(), None, ["here"], [unfinished])


def test_the_means_stand_below_the_title_and_unfinished_units_below_them():
    shown = results(images("a", [2, 20], [0.95, 0.5]) + images("<b>", [1, 2], [0.92, 0.98]))
    title, head, first, second, note = repr(shown).splitlines()
    assert title == "hearts (1 task); <b>, a; clicks; 4 segmented images"
    assert head.split() == ["protocol", "model", "interactions", "Dice", "failures"]
    assert first.split() == ["clicks", "<b>", "1.50", "0.95", "0%"]
    assert second.split() == ["clicks", "a", "11.00", "0.72", "50%"]
    assert note.startswith("here is not finished: 1 of 2 units") and note.endswith("--output here")
    page = shown._repr_html_()
    assert "<b>hearts (1 task); &lt;b&gt;, a; clicks; 4 segmented images</b>" in page
    assert "<td>&lt;b&gt;</td>" in page and "<td>11.00</td>" in page and "here is not finished" in page


def test_images_beyond_the_standard_sets_are_in_no_mean():
    longer = results(images("a", [2, 4, 99], [0.95, 0.95, 0.95]))
    assert repr(longer).splitlines()[2].split() == ["clicks", "a", "3.00", "0.95", "0%"]
    unordered = results(images("a", [2, 4, 99], [0.95, 0.95, 0.95]), protocols={})
    assert repr(unordered).splitlines()[2].split()[2] == "35.00"


def test_no_percent_and_all_percent_are_exact():
    for reached, expected in ((250, "0%"), (249, "<1%"), (1, ">99%"), (0, "100%")):
        dice = [0.95] * reached + [0.5] * (250 - reached)
        shown = results(images("a", [2] * 250, dice), images=250)
        assert repr(shown).splitlines()[2].split()[-1] == expected


def test_no_records_are_shown_as_such():
    assert repr(empty_results()) == "no records" and "no records" in empty_results()._repr_html_()


def test_the_documentation_names_every_column():
    section = DOCS.read_text("utf-8").partition("### Columns")[2].partition("\n#")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == {*IMAGES, *STEPS, *PICTURES}
