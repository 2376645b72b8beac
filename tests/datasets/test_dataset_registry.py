from __future__ import annotations

from pathlib import Path

import pytest

from segbench.datasets import DataError, installed_datasets, open_dataset
from segbench.datasets.registry import DATASETS, EMBEDDED, Source, dataset_names, variants
from segbench.datasets.task import base_name
from segbench.registry import PluginError, UnknownName


class Plugin:
    name = "plugin"

    def installed(self, root: Path | None) -> bool:
        return True

    def tasks(self, root: Path | None) -> list:
        return []

    def load(self, task: object, root: Path | None) -> None: ...


class NotASource:
    pass


class NeedsArguments(Plugin):
    def __init__(self, folder: Path) -> None: ...


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match=r"unknown dataset 'wcb'; did you mean wbc\?"):
        open_dataset("wcb")


def test_nothing_is_installed_in_an_empty_folder(tmp_path: Path) -> None:
    assert installed_datasets(tmp_path) == []
    assert installed_datasets(None) == []


def test_embedded_data_have_names_but_are_never_installed(tmp_path: Path) -> None:
    assert {open_dataset(name).kind: name for name in EMBEDDED.values()} == EMBEDDED
    assert not set(EMBEDDED.values()) & set(installed_datasets(tmp_path))


@pytest.mark.parametrize("name", DATASETS.builtin)
def test_a_registered_data_set_says_what_it_is(name: str) -> None:
    dataset = open_dataset(name)
    assert dataset.name == name and dataset.kind in ("tasks", "scans", "scribbles")
    assert dataset.installed == (name in EMBEDDED.values())
    if not dataset.installed:
        with pytest.raises(DataError, match=base_name(name)):
            dataset.tasks()


def test_real_data_are_installed(shared_data: Path) -> None:
    assert {"wbc", "medscribble"} <= set(installed_datasets(shared_data))
    assert "wbc" in installed_datasets(shared_data, kind="tasks")
    assert "medscribble" in installed_datasets(shared_data, kind="scribbles")


def test_installed_data_are_listed_by_kind(tmp_path: Path) -> None:
    scan = tmp_path / "adni/sub-A/ses-1/anat/sub-A_ses-1_space-talairach_FLAIR.nii.gz"
    scan.parent.mkdir(parents=True)
    scan.touch()
    assert installed_datasets(tmp_path) == installed_datasets(tmp_path, kind="scans") == ["adni-flair"]
    assert installed_datasets(tmp_path, kind="tasks") == []


def test_variants_are_names_of_their_own_that_no_choice_of_all_contains(shared_data: Path) -> None:
    assert variants("wbc") == ["wbc@scribbleprompt", "wbc@universeg"]
    assert variants("pandental") == ["pandental@second-reader"] and variants("drive") == []
    assert not any("@" in name for name in [*dataset_names(shared_data), *installed_datasets(shared_data)])
    tasks = open_dataset("wbc@universeg", shared_data).tasks()
    assert {task.dataset for task in tasks} == {"wbc@universeg"}
    with pytest.raises(UnknownName, match=r"unknown dataset 'wbc@univreseg'; did you mean wbc@universeg\?"):
        open_dataset("wbc@univreseg")


def test_a_class_works_without_registration(tmp_path: Path) -> None:
    dataset = open_dataset(f"{__name__}:Plugin", tmp_path)
    assert isinstance(dataset.source, Source) and dataset.root == tmp_path
    assert (dataset.name, dataset.kind, dataset.installed, dataset.tasks()) == ("plugin", "tasks", True, [])


def test_a_class_that_is_not_a_source_is_refused() -> None:
    with pytest.raises(DataError, match="needs name, installed, tasks and load"):
        open_dataset(f"{__name__}:NotASource")


def test_a_class_that_needs_arguments_is_refused() -> None:
    with pytest.raises(PluginError, match="cannot be created"):
        open_dataset(f"{__name__}:NeedsArguments")
