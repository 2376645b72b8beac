"""Toy tasks, toy models and the real data, if it is there."""

from __future__ import annotations

import locale
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from segbench.datasets.task import Task, TaskData
from segbench.protocols.adapter import Capabilities, Query

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


LOCALE = locale.setlocale(locale.LC_ALL)
# Files that take longest, mostly waiting for other processes: parallel runs begin with them.
LONG = ("test_nnunet", "test_docs", "test_cluster", "test_kills", "test_report", "test_run_command")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(autouse=True)
def own_locale() -> Iterator[None]:
    """Restore the locale, and with it the encoding of pipes: writing DICOM files sets it to C."""
    locale.setlocale(locale.LC_ALL, LOCALE)
    yield
    locale.setlocale(locale.LC_ALL, LOCALE)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images next to the project; tests that need it are skipped if it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder ../shared/data with real images is absent")
    return SHARED_DATA


def make_toy_task(train: int = 4, test: int = 20, side: int = 32, name: str = "disc") -> TaskData:
    """One bright disc per image, each of its own subject, centre and radius; the image is the label."""
    rng = np.random.default_rng(7)
    count = train + test
    rows, columns = np.indices((side, side))
    center = rng.integers(side // 3, 2 * side // 3, (count, 2, 1, 1))
    radius = rng.integers(side // 6, side // 4, (count, 1, 1))
    labels = ((rows - center[:, 0]) ** 2 + (columns - center[:, 1]) ** 2 <= radius**2)[:, None]
    return TaskData(
        task=Task("toy", "toy", "drawing", "0", name),
        images=labels.astype(np.float32),
        labels=labels,
        subjects=np.array([f"s{i:02d}" for i in range(count)]),
        split=np.array(["train"] * train + ["test"] * test),
    )


@pytest.fixture
def toy_task() -> TaskData:
    """Four train and twenty test images, 32 x 32."""
    return make_toy_task()


@pytest.fixture
def make_task() -> Callable[..., TaskData]:
    """The function behind `toy_task`, for other sizes and names."""
    return make_toy_task


class ToyModel:
    """Adapter around a function from a query to a bool mask (B, 1, H, W); keeps the queries it was sent."""

    def __init__(self, segment: Callable[[Query], torch.Tensor], **capabilities: object) -> None:
        self.capabilities = Capabilities(**({"interactive": True} | capabilities))  # type: ignore[arg-type]
        self.segment = segment
        self.queries: list[Query] = []

    def predict(self, query: Query) -> torch.Tensor:
        self.queries.append(query)
        return torch.where(self.segment(query), 4.0, -4.0)


def _marked(query: Query) -> torch.Tensor:
    """Segment the bright object after the first positive interaction, without negative interactions."""
    if query.interactions is None:
        return torch.zeros_like(query.image, dtype=torch.bool)
    found = (query.interactions.positive > 0).flatten(1).any(1)[:, None, None, None]
    return (query.image > 0.5) & found & (query.interactions.negative == 0)


@pytest.fixture
def toy_model() -> Callable[..., ToyModel]:
    """The class of toy models: ``toy_model(segment, in_context=True, ...)``."""
    return ToyModel


@pytest.fixture
def obedient() -> ToyModel:
    """A toy model that segments the object with the first positive mark."""
    return ToyModel(_marked)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything is as it should be, for tests that break one thing of a copy."""
    import good_inputs

    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        good_inputs.make(folder)
    return folder
