from __future__ import annotations

from pathlib import Path

import pytest

from segbench.datasets import DataError, installed, source
from segbench.datasets.registry import EMBEDDED, Source, kind
from segbench.registry import UnknownName


class Plugin:
    name = "plugin"

    def installed(self, root: Path | None) -> bool:
        return True

    def tasks(self, root: Path | None) -> list:
        return []

    def load(self, task: object, root: Path | None) -> None: ...


class NotASource:
    pass


def test_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match=r"unknown dataset 'wcb'; did you mean wbc\?"):
        source("wcb")


def test_nothing_is_installed_in_an_empty_folder(tmp_path: Path) -> None:
    assert installed(tmp_path) == []
    assert installed(None) == []


def test_embedded_data_are_names_but_never_installed(tmp_path: Path) -> None:
    assert {kind(name): name for name in EMBEDDED.values()} == EMBEDDED
    assert not set(EMBEDDED.values()) & set(installed(tmp_path))


def test_real_data_are_installed(shared_data: Path) -> None:
    assert installed(shared_data) == ["wbc", "medscribble"]
    assert installed(shared_data, kind="tasks") == ["wbc"]
    assert installed(shared_data, kind="scribbles") == ["medscribble"]
    assert installed(shared_data, kind="scans") == []


def test_scans_are_of_their_own_kind(tmp_path: Path) -> None:
    scan = tmp_path / "adni/sub-A/ses-1/anat/sub-A_ses-1_space-talairach_FLAIR.nii.gz"
    scan.parent.mkdir(parents=True)
    scan.touch()
    assert installed(tmp_path) == installed(tmp_path, kind="scans") == ["adni-flair"]
    assert installed(tmp_path, kind="tasks") == []
    assert [kind(name) for name in ("wbc", "phantoms", "adni-flair")] == ["tasks", "tasks", "scans"]
    assert kind(f"{__name__}:Plugin") == "tasks"


def test_a_class_of_the_users_own_works_without_registration() -> None:
    found = source(f"{__name__}:Plugin")
    assert isinstance(found, Source) and found.name == "plugin"


def test_a_class_that_is_no_source_is_refused() -> None:
    with pytest.raises(DataError, match="needs name, installed, tasks and load"):
        source(f"{__name__}:NotASource")
