from __future__ import annotations

from pathlib import Path

import pytest

from datasets import DataError, installed, source
from datasets.lookup import UnknownName
from datasets.registry import DATASETS, EMBEDDED, Source


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


def test_phantoms_are_a_name_but_never_installed(tmp_path: Path) -> None:
    assert EMBEDDED in DATASETS.names()
    assert EMBEDDED not in installed(tmp_path)


def test_real_data_are_installed(shared_data: Path) -> None:
    assert installed(shared_data) == ["wbc"]


def test_a_class_of_the_users_own_works_without_registration() -> None:
    found = source(f"{__name__}:Plugin")
    assert isinstance(found, Source) and found.name == "plugin"


def test_a_class_that_is_no_source_is_refused() -> None:
    with pytest.raises(DataError, match="needs name, installed, tasks and load"):
        source(f"{__name__}:NotASource")
