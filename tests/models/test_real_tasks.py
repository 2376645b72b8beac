"""Training sets on disk become tasks, sets for evaluation are refused, and a manifest lists the data."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from segbench.benchmark.cli.train import command
from segbench.datasets import catalogue
from segbench.datasets.task import DataError
from segbench.models.training import checkpointed, loop
from segbench.models.training.collection import Collection, Mixture
from segbench.models.training.real_tasks import EVALUATION_TABLES, MIN_SHARE, read_training_sets

SIDE = 64
DISC, DOT, RING, ABSENT = 1, 2, 3, 4  # values of the masks; no mask has the last one


def mask_of(number):
    rows, columns = np.indices((SIDE, SIDE)) - SIDE // 2
    distance = np.hypot(rows, columns - number)
    mask = np.where(distance < 12, DISC, 0)
    mask[(distance > 18) & (distance < 24)] = RING
    mask[1:3, 1:3] = DOT  # a thousandth of the image
    return mask.astype(np.uint8)


def write_set(folder, images=("a_0", "a_1", "b_0", "c_0"), subjects=3, masks=None, **changes):
    """Write a set of images whose background shows their number."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number, name in enumerate(images):
        mask = mask_of(number) if masks is None else masks[number]
        image = np.where(mask == DISC, 250, 10 * number).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    labels = {DISC: "a disc", DOT: "dot", RING: "ring", ABSENT: "nothing"}
    settings = {
        "name": folder.name,
        "licence": "CC0",
        "citation": "Doe et al., 2020",
        "labels": labels,
        "subjects": subjects,
        "modality": "drawing",
    } | changes
    (folder / "dataset.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def sets(tmp_path):
    """A folder of two sets; the second has more images."""
    write_set(tmp_path / "sets" / "cells", licence="MIT")
    write_set(tmp_path / "sets" / "knees", [f"{number}" for number in range(12)], subjects=None)
    return tmp_path / "sets"


def run_train(folder, output, *options):
    arguments = ["scribbleprompt", "--preset", "smoke", "--precision", "float32", "--device", "cpu"]
    arguments += ["--datasets", f"folders:{folder}", "--output", str(output), *options]
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_each_label_of_a_set_is_a_task_unless_it_is_tiny_or_absent(sets):
    cells, knees = read_training_sets(sets)
    names = [str(data.task) for data in cells.tasks]
    assert names == ["cells/all/drawing/0/a_disc", "cells/all/drawing/0/ring"]
    for data in (*cells.tasks, *knees.tasks):
        assert data.images.shape[1:] == (1, 128, 128) and set(data.split) == {"train"}
        assert (data.labels.mean((1, 2, 3)) >= MIN_SHARE).all()
    disc = cells.tasks[0]
    assert (disc.images[disc.labels] >= 0.5).all() and (disc.images[~disc.labels] < 0.6).all()
    assert (cells.credit.licence, cells.credit.citation) == ("MIT", "Doe et al., 2020")


def test_images_with_little_of_a_label_are_left_out(tmp_path):
    masks = [mask_of(0), mask_of(1), mask_of(2), np.zeros((SIDE, SIDE), np.uint8)]
    masks[1][masks[1] == DISC] = 0
    masks[1][30:32, 30:32] = DISC
    write_set(tmp_path / "a", ("a", "b", "c", "d"), subjects=None, masks=masks)
    (training_set,) = read_training_sets(tmp_path)
    assert {data.task.label: data.subjects.tolist() for data in training_set.tasks} == {
        "a_disc": ["a", "c"],
        "ring": ["a", "b", "c"],
    }


def test_file_names_begin_with_the_subject_if_subjects_are_known(sets):
    cells, knees = (training_set.tasks[0] for training_set in read_training_sets(sets))
    assert cells.subjects.tolist() == ["a", "a", "b", "c"] and len(set(knees.subjects)) == 12


def test_a_set_with_one_subject_has_no_task(tmp_path):
    write_set(tmp_path / "one", ("a_0", "a_1", "a_2"), subjects=1)
    write_set(tmp_path / "two", ("a_0", "b_0"), subjects=2)
    assert [training_set.credit.dataset for training_set in read_training_sets(tmp_path)] == ["two"]


def test_other_members_show_other_subjects_than_the_first(sets):
    cells, _ = read_training_sets(sets)
    collection = Collection(cells.tasks[:1], "cpu")
    images, labels = collection(torch.Generator().manual_seed(0), 60, 3, 128)
    pictures = torch.from_numpy(cells.tasks[0].images)
    drawn = [[(pictures == image).flatten(1).all(1).nonzero().item() for image in row] for row in images]
    assert {row[0] for row in drawn} == {0, 1, 2, 3}
    for first, *others in drawn:
        assert all(cells.tasks[0].subjects[first] != cells.tasks[0].subjects[other] for other in others)
    assert set(labels.unique().tolist()) == {0, 1}


def test_sets_are_drawn_with_equal_probability_and_then_their_tasks(tmp_path):
    folders = [tmp_path / name for name in ("many", "one")]
    write_set(folders[0])
    write_set(folders[1], labels={DISC: "disc"})
    many, one = read_training_sets(tmp_path)
    collection = Collection([*many.tasks, *one.tasks], "cpu")
    assert len(many.tasks) == 2 and len(one.tasks) == 1
    generator = torch.Generator().manual_seed(0)
    drawn = np.bincount([collection._draw_task(generator) for _ in range(800)])
    assert drawn / 800 == pytest.approx([0.25, 0.25, 0.5], abs=0.05)


def test_a_mixture_draws_each_kind_with_its_probability():
    def constant(value):
        def draw(generator, tasks, members, side):
            assert tasks > 0
            stack = torch.full((tasks, members, 1, side, side), value)
            return stack, stack

        return draw

    def share(probability):
        mixture = Mixture(constant(1.0), constant(0.0), probability)
        generator = torch.Generator().manual_seed(0)
        drawn = [mixture(generator, 5, 2, 8) for _ in range(80)]
        assert all(images.shape == labels.shape == (5, 2, 1, 8, 8) for images, labels in drawn)
        return np.mean([images.mean().item() for images, _ in drawn])

    assert share(0.0) == 0 and share(1.0) == 1 and share(0.6) == pytest.approx(0.6, abs=0.07)


def test_a_training_mixes_real_synthetic_and_superpixel_tasks(sets, tmp_path, monkeypatch):
    counts = []

    def synthetic(generator, tasks, members, side, scatter):
        counts.append(tasks)
        images = torch.zeros(tasks, members, 1, side, side)
        return images, images

    monkeypatch.setattr(loop, "synthetic_tasks", synthetic)
    tasks = [data for training_set in read_training_sets(sets) for data in training_set.tasks]
    preset = loop.PRESETS["real"]["scribbleprompt"]
    made = loop.Training("scribbleprompt", "smoke", tmp_path / "a", 0, "cpu", "float32", None, tasks)
    made.source = loop.Mixture(made.source.first, made.source.second, preset.real)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        made.source(generator, 4, 2, 16)
    assert 1 - sum(counts) / 400 == pytest.approx(preset.real, abs=0.08)
    assert (1 - preset.superpixels) * preset.real == pytest.approx(0.5, abs=0.01)  # and 0.1 superpixels


def test_manifest_and_weights_list_the_data_of_a_training(sets, tmp_path):
    result = run_train(sets, tmp_path / "out")
    assert result.exit_code == 0, result.output
    first, second = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (first["dataset"], first["licence"], first["citation"]) == ("cells", "MIT", "Doe et al., 2020")
    assert second["tasks"] == {"knees/all/drawing/0/a_disc": 12, "knees/all/drawing/0/ring": 12}
    with safe_open(tmp_path / "out" / "scribbleprompt.safetensors", "pt") as file:
        header = json.loads(file.metadata()["training"])
    assert header["licences"] == {"cells": "MIT", "knees": "CC0"}
    assert header["data"] == {entry["dataset"]: entry["sha256"] for entry in (first, second)}


def test_changed_images_are_another_training(sets, tmp_path):
    assert run_train(sets, tmp_path / "out").exit_code == 0
    path = sets / "cells" / "images" / "a_0.png"
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    with pytest.raises(loop.TrainingError, match="another configuration"):
        run_train(sets, tmp_path / "out")


def test_an_interrupted_training_on_real_tasks_ends_with_the_same_weights(sets, tmp_path, monkeypatch):
    run_train(sets, tmp_path / "whole")
    calls, batch = [], loop.Training.batch

    def interrupted(training, index):
        calls.append(None)
        if len(calls) == 3:
            raise RuntimeError("stopped")
        return batch(training, index)

    monkeypatch.setattr(checkpointed, "SAVE_INTERVAL", -1)
    monkeypatch.setattr(loop.Training, "batch", interrupted)
    with pytest.raises(RuntimeError, match="stopped"):
        run_train(sets, tmp_path / "resumed")
    run_train(sets, tmp_path / "resumed")
    whole, resumed = (tmp_path / name / "scribbleprompt.safetensors" for name in ("whole", "resumed"))
    assert whole.read_bytes() == resumed.read_bytes()


def test_export_leaves_a_running_training_unchanged(sets, tmp_path):
    tasks = [data for training_set in read_training_sets(sets) for data in training_set.tasks]
    output = tmp_path / "out"
    made = loop.Training("scribbleprompt", "smoke", output, 0, "cpu", "float32", None, tasks)
    for index in range(2):
        made.log(made.batch(index))
    made.save(2)
    expected = load_file(made.export())
    made.log(made.batch(2))  # after the checkpoint
    before = {path: path.read_bytes() for path in output.iterdir()}
    result = run_train(sets, output, "--export")
    assert result.exit_code == 0 and result.output.strip() == str(output / "scribbleprompt-2.safetensors")
    exported = load_file(output / "scribbleprompt-2.safetensors")
    assert exported.keys() == expected.keys()
    assert all(torch.equal(exported[name], expected[name]) for name in exported)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_export_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(loop.TrainingError, match=r"checkpoint\.pt cannot be read"):
        run_train(tmp_path, tmp_path, "--export")


@pytest.mark.parametrize("name", ["validation", "official", "MedScribble", "segmentation_WBC"])
def test_sets_in_a_folder_for_evaluation_are_refused(name, tmp_path):
    write_set(tmp_path / name / "cells")
    with pytest.raises(DataError, match="for evaluation"):
        read_training_sets(tmp_path / name)
    (tmp_path / "innocent").symlink_to(tmp_path / name)
    with pytest.raises(DataError, match="for evaluation"):
        read_training_sets(tmp_path / "innocent")


@pytest.mark.parametrize("name", ["wbc", "WBC", "acdc", "stare", "drive", "ham10000", "fuseg", "medscribble"])
def test_sets_for_evaluation_are_refused_by_name(name, tmp_path):
    write_set(tmp_path / "by-folder" / name)
    write_set(tmp_path / "by-name" / "cells", name=name)
    for folder in ("by-folder", "by-name"):
        with pytest.raises(DataError, match="for evaluation"):
            read_training_sets(tmp_path / folder)


@pytest.mark.parametrize("key", ["licence", "citation", "labels", "subjects"])
def test_a_set_without_a_required_field_is_refused(key, tmp_path):
    file = write_set(tmp_path / "cells") / "dataset.json"
    settings = json.loads(file.read_text())
    del settings[key]
    file.write_text(json.dumps(settings))
    with pytest.raises(DataError, match=f"lacks {key}"):
        read_training_sets(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_description_may_begin_with_a_byte_order_mark(encoding, tmp_path):
    file = write_set(tmp_path / "cells") / "dataset.json"
    file.write_text(file.read_text(), encoding=encoding)
    assert [training_set.credit.licence for training_set in read_training_sets(tmp_path)] == ["CC0"]


def test_damaged_sets_are_refused(tmp_path):
    with pytest.raises(DataError, match="no training set"):
        read_training_sets(tmp_path)
    folder = write_set(tmp_path / "cells")
    (folder / "masks" / "b_0.png").unlink()
    with pytest.raises(DataError, match=r"b_0\.png"):
        read_training_sets(tmp_path)
    Image.fromarray(np.ones((SIDE, SIDE + 1), np.uint8)).save(folder / "masks" / "b_0.png")
    with pytest.raises(DataError, match=r"b_0\.png: the image is 64x64 and its mask 64x65"):
        read_training_sets(tmp_path)
    settings = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(settings | {"labels": {"one": "disc"}}))
    with pytest.raises(DataError, match=r"dataset\.json cannot be read"):
        read_training_sets(tmp_path)
    (folder / "dataset.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset\.json cannot be read"):
        read_training_sets(tmp_path)


@pytest.mark.slow
def test_the_shared_training_sets_contain_nothing_for_evaluation(shared_data, tmp_path):
    if not (shared_data / "training").is_dir():
        pytest.skip("the folder ../shared/data/training is absent")
    sets = read_training_sets(shared_data / "training")
    tasks = [data for training_set in sets for data in training_set.tasks]
    credits = [training_set.credit for training_set in sets]
    loop.Training("scribbleprompt", "smoke", tmp_path, 0, "cpu", "float32", None, tasks, credits)
    entries = json.loads((tmp_path / "manifest.json").read_text())
    held_out = {path.name.lower() for path in (shared_data / "validation").iterdir()}
    held_out |= {entry.key for table in EVALUATION_TABLES for entry in catalogue.entries(table)}
    assert len(entries) >= 15 and not {entry["dataset"].lower() for entry in entries} & held_out
    for entry in entries:
        assert entry["licence"] and entry["citation"] and entry["tasks"]
        assert min(entry["tasks"].values()) >= 2
    for name in ("validation", "official", "MedScribble", "segmentation_WBC"):
        with pytest.raises(DataError):
            read_training_sets(shared_data / name)
