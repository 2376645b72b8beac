"""The folder whose files are damaged."""

from __future__ import annotations

from pathlib import Path

import good_inputs
import pytest


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        good_inputs.make(folder)
    return folder
