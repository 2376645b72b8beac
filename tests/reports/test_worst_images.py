"""The worst images: their order, their files and the links to the replay."""

from __future__ import annotations

import numpy as np
import pytest
from artefact_helpers import data_of, grid_of
from discs import COUNT, EVIL, Discs, disc_run
from PIL import Image

from segbench.datasets import load_dataset
from segbench.reports.build import build
from segbench.reports.replay import link

# Image, simulation, Dice, interactions, whether the target was reached.
RECORDS = [
    (1, 0, 0.2, 20, False),
    (1, 1, 0.1, 20, False),  # the same image, worse
    (2, 0, 0.95, 9, True),
    (3, 0, 0.93, 12, True),
    (4, 0, 0.91, 9, True),
    (5, 0, 0.3, 20, False),
    (6, 0, 0.99, 1, True),
]
COLUMNS = ("image", "simulation", "dice", "interactions", "reached")


class NamedDiscs(Discs):
    """The discs with names of files that try to be markup."""

    def load(self, task, root):
        data = super().load(task, root)
        return type(data)(
            *(data.task, data.images, data.labels, data.subjects, data.split),
            names=np.array([f"{index} {EVIL}.png" for index in range(COUNT)]),
        )


def test_unfinished_images_come_first_then_those_with_the_most_interactions(records):
    rows = [{"position": row[0]} | dict(zip(COLUMNS, row, strict=True)) for row in RECORDS]
    table = data_of("worst-images", records(rows))
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table.image.tolist() == [1, 5, 3, 4, 2]  # 4 has a lower Dice than 2
    assert table.simulation.tolist() == [1, 0, 0, 0, 0]
    assert table.file.tolist() == [""] * 5
    grid = grid_of("worst-images", records(rows))
    assert grid.columns[:5] == ["Protocol", "Method", "File", "Task", "Dice (×100)"]
    assert grid.rows[0][2:] == ["image 1", "x", "10.0", "20", "no", "1-1", "1"]
    assert not grid.links


def test_every_model_of_every_protocol_has_its_own(run):
    table = data_of("worst-images", run)
    assert (table.groupby(["protocol", "model"]).size() == 5).all()
    assert table.groupby(["protocol", "model"]).ngroups == 8


def test_a_file_opens_the_replay_where_its_steps_are_stored():
    results = disc_run(source="test_worst_images:NamedDiscs")
    results.pictures = results.pictures[results.pictures.image != 3]
    table, grid = data_of("worst-images", results), grid_of("worst-images", results)
    files = [row[grid.columns.index("File")] for row in grid.rows]
    assert files == [f"{image} {EVIL}.png" for image in table.image]
    for number, row in table.iterrows():
        address = link(row.protocol, "test", row.task, row.image, row.model, row.context)
        assert grid.links.get((number, 2)) == (None if row.image == 3 else address)
    assert len(grid.links) < len(grid.rows)


def test_the_page_escapes_files_and_links_no_replay_that_it_lacks(tmp_path):
    results = disc_run(source="test_worst_images:NamedDiscs")
    text = build(results, tmp_path, only=["worst-images"], formats=["png"]).read_text(encoding="utf-8")
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<img src=x" not in text
    assert 'href="#replay:' not in text  # a page of single artefacts has no replay


@pytest.mark.parametrize("source", ["test_worst_images:Absent", "discs:OtherDiscs"])
def test_without_the_data_of_the_run_images_have_numbers(source):
    grid = grid_of("worst-images", disc_run(source=source, fingerprint="f" * 64))
    assert all(row[2].startswith("image ") for row in grid.rows)


def test_names_of_files_are_read_and_enter_no_fingerprint(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / "own" / kind).mkdir(parents=True)
    for index in range(4):
        square = np.zeros((32, 32), np.uint8)
        square[4 + index : 20, 4:20] = 255
        for kind in ("images", "masks"):
            Image.fromarray(square).save(tmp_path / "own" / kind / f"a b {index}.png")
    fingerprints = []
    for prefix in ("", "renamed "):
        (data,) = load_dataset(f"folder:{tmp_path / 'own'}")
        assert data.names.tolist() == [f"{prefix}a b {index}.png" for index in range(4)]
        fingerprints.append(type(data)(data.task, data.images, data.labels, data.subjects, data.split))
        assert data.fingerprint == fingerprints[-1].fingerprint
        for file in tmp_path.glob("own/*/*.png"):
            file.rename(file.with_name(f"renamed {file.name}"))
