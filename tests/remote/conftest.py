"""An environment with numpy only, and the folder in which its workers find the models of these tests."""

from __future__ import annotations

import gc
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest

from segbench.models import remote

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def numpy_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with numpy only, as links to the one that is installed here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    installed = Path(np.__file__).parents[1]
    for part in ("numpy", "numpy.libs"):
        if (installed / part).exists():
            (packages / part).symlink_to(installed / part)
    python = folder / "bin" / "python"
    for absent in ("torch", "segbench"):
        command = [python, "-E", "-c", f"import {absent}"]
        assert subprocess.run(command, cwd=folder, stderr=subprocess.DEVNULL).returncode, absent
    return python


@pytest.fixture(autouse=True)
def in_folder_of_models(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(HERE)
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    yield
    remote.forget()
    gc.collect()  # adapters that are in the traceback of an exception
