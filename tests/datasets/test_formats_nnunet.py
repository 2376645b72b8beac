"""The nnU-Net format: dataset.json, imagesTr/ and labelsTr/."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_files import data, imported, noise, refused, save, square

from segbench.datasets.importing.formats import ImportOptions

DESCRIPTION = {
    "channel_names": {"0": "T1", "1": "FLAIR"},
    "labels": {"background": 0, "whole tumour": [1, 2], "core": 2, "ignore": 3},
    "file_ending": ".nii.gz",
}


def raw(folder: Path, description: dict | None = None, channels: int = 2, count: int = 5) -> Path:
    """Volumes with a cube of 1 in one corner, a smaller one of 2 in the opposite, and a voxel to ignore."""
    for i in range(count):
        numbers = square(1, (10, 12, 9), 5)
        numbers[8:, 8:, 7:] = 2
        numbers[0, 11, 0] = 3
        save(folder / "labelsTr" / f"case_{i}.nii.gz", numbers)
        for channel in range(channels):
            volume = noise(10, 12, 9, seed=10 * channel + i)
            save(folder / "imagesTr" / f"case_{i}_{channel:04d}.nii.gz", volume)
    save(folder / "imagesTs" / "case_9_0000.nii.gz", noise(10, 12, 9))
    (folder / "dataset.json").write_text(json.dumps(description or DESCRIPTION))
    return folder


def test_channels_regions_and_axes_make_tasks(tmp_path: Path) -> None:
    manifest = imported(raw(tmp_path / "data"), tmp_path)
    assert sorted(manifest["tasks"]) == sorted(
        f"own/all/{modality}/{axis}/{label}"
        for modality in ("T1", "FLAIR")
        for axis in ("sagittal", "coronal", "axial")
        for label in ("whole_tumour", "core")
    )
    assert set(manifest["tasks"]["own/all/T1/axial/core"].values()) == {3, 1}
    assert list(manifest["subjects"]) == [f"case_{i}" for i in range(5)]
    tasks = data(manifest, tmp_path)
    t1, flair = (tasks[f"all/{modality}/axial/core"] for modality in ("T1", "FLAIR"))
    np.testing.assert_array_equal(t1.labels, flair.labels)
    assert (t1.images != flair.images).any()
    # The largest slice across the third axis holds both 2 x 4 of core; of the region it is 5 x 5.
    scale = (128 / 12) ** 2
    assert t1.labels[0].sum() == pytest.approx(2 * 4 * scale, rel=0.15)
    region = tasks["all/T1/axial/whole_tumour"]
    assert region.labels[0].sum() == pytest.approx(5 * 5 * scale, rel=0.15)


def test_midslice_yields_the_labels_in_the_middle(tmp_path: Path) -> None:
    given = ImportOptions(axes={"axial": 2}, rule="midslice")
    manifest = imported(raw(tmp_path / "data"), tmp_path, given)
    assert sorted(manifest["tasks"]) == ["own/all/FLAIR/axial/whole_tumour", "own/all/T1/axial/whole_tumour"]
    assert manifest["pictures"] == 10


@pytest.mark.parametrize("numbered", [True, False])
def test_the_layout_of_version_1_and_of_the_decathlon(tmp_path: Path, numbered: bool) -> None:
    description = {
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "tumour", "3": "ignore"},
    }
    folder = raw(tmp_path / "data", description, channels=1)
    for path in [] if numbered else list((folder / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace("_0000", "")))
    manifest = imported(folder, tmp_path, ImportOptions(axes={"axial": 2}))
    assert sorted(manifest["tasks"]) == ["own/all/CT/axial/liver", "own/all/CT/axial/tumour"]


def test_version_1_labels_with_several_values(tmp_path: Path) -> None:
    description = {
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "tumour", "2": "tumour", "3": "ignore"},
    }
    manifest = imported(
        raw(tmp_path / "data", description, channels=1), tmp_path, ImportOptions(axes={"axial": 2})
    )
    expected = imported(
        raw(
            tmp_path / "other",
            DESCRIPTION | {"channel_names": {"0": "CT"}, "labels": {"tumour": [1, 2], "ignore": 3}},
            channels=1,
        ),
        tmp_path / "r",
        ImportOptions(axes={"axial": 2}),
    )
    assert manifest == expected


def test_2d_files_may_contain_all_channels(tmp_path: Path) -> None:
    description = {"channel_names": {"0": "R", "1": "G", "2": "B"}, "labels": {"background": 0, "road": 1}}
    for i in range(3):
        save(tmp_path / "data" / "labelsTr" / f"im-{i}.png", square())
        save(tmp_path / "data" / "imagesTr" / f"im-{i}_0000.png", noise(20, 30, 3, seed=i))
    (tmp_path / "data" / "dataset.json").write_text(json.dumps(description | {"file_ending": ".png"}))
    assert list(imported(tmp_path / "data", tmp_path)["tasks"]) == ["own/all/R+G+B/0/road"]


def test_a_pattern_names_subjects(tmp_path: Path) -> None:
    folder = raw(tmp_path / "data", count=2)
    manifest = imported(folder, tmp_path, ImportOptions(subject_pattern="_([0-9])$"))
    assert list(manifest["subjects"]) == ["0", "1"]
    assert "'x(.)' finds no subject in case_0" in refused(
        folder, tmp_path / "r", ImportOptions(subject_pattern="x(.)")
    )
    assert "not a regular expression" in refused(folder, tmp_path / "r", ImportOptions(subject_pattern="("))


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda f: (f / "imagesTr/case_3_0001.nii.gz").unlink(), "imagesTr has no image case_3_0001.nii.gz"),
        (lambda f: (f / "labelsTr/case_3.nii.gz").unlink(), "case_3_0001.nii.gz have no label map in"),
        (lambda f: save(f / "imagesTr/case_3_0002.nii.gz", noise(2, 2, 2)), "imagesTr/case_3_0002.nii.gz"),
        (lambda f: (f / "labelsTr/case_3.nii.gz").write_bytes(b"\x1f\x8b"), "case_3.nii.gz cannot be"),
        (lambda f: save(f / "labelsTr/case_3.nii.gz", square(1, (9, 9, 9))), "case_3.nii.gz is 9 x 9 x 9"),
        (lambda f: [p.unlink() for p in (f / "labelsTr").iterdir()], "labelsTr has no file"),
        (lambda f: (f / "dataset.json").write_text("{"), "dataset.json cannot be read"),
        (lambda f: (f / "dataset.json").write_text("[]"), "dataset.json is not a JSON object"),
    ],
)  # fmt: skip
def test_faults_name_the_file(tmp_path: Path, break_it, sentence: str) -> None:
    folder = raw(tmp_path / "data")
    break_it(folder)
    assert sentence in refused(folder, tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": {"background": 0}}, "names no label besides the background"),
        ({"labels": {"a": "b"}}, "the label a is b"),
        ({"labels": None}, "names no labels"),
        ({"channel_names": {}}, "names no channels"),
        ({"channel_names": {"0": "T1", "1": "T1"}}, "dataset.json has 2 channels of the name T1"),
        ({"channel_names": {"0": "T1", "1": " "}}, "a modality has no name"),
        ({"channel_names": {"0": "T 1", "1": "T/1"}}, "modality 'T 1' and modality 'T/1' would both be T_1"),
        ({"labels": {"core (a)": 1, "core [a]": 2}}, "label 'core (a)' and label 'core [a]' would both"),
        ({"file_ending": ".mha"}, "labelsTr has no file that ends in .mha"),
    ],
)
def test_an_incomplete_description_is_refused(tmp_path: Path, change: dict, sentence: str) -> None:
    assert sentence in refused(raw(tmp_path / "data", DESCRIPTION | change), tmp_path)


@pytest.mark.parametrize("given", [ImportOptions(labels={"a": (1,)}), ImportOptions(modality="CT")])
def test_options_must_not_repeat_the_description(tmp_path: Path, given: ImportOptions) -> None:
    assert "dataset.json already states this" in refused(raw(tmp_path / "data"), tmp_path, given)
