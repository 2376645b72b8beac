"""Damaged versions of good files, and the number of examples of a property."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

HEAD = 200  # leading bytes that are damaged as often as all others, because they describe the rest
WAYS = ["byte", "number", "number", "cut", "insert", "remove", "swap", "extend"]
NUMBERS = [b"\0", b"\x01", b"\x7f", b"\x80", b"\xff"]
LONGER = 10  # factor of examples in the long campaign: pytest -m slow tests/fuzz


def campaigns(examples: int) -> pytest.MarkDecorator:
    """Parametrise a test by the number of examples: few, or many more with the marker ``slow``."""
    long = pytest.param(examples * LONGER, id="long", marks=pytest.mark.slow)
    return pytest.mark.parametrize("examples", [pytest.param(examples, id="short"), long])


def attempt(strategy: st.SearchStrategy[Any], examples: int, property: Callable[[Any], None]) -> None:
    """Test a property on examples, the same in every run; one that takes 30 s counts as a hang."""
    wrapped = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=timedelta(seconds=30),
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )(given(strategy)(property))
    wrapped()


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Content with a few bytes changed, cut off, inserted, removed or exchanged."""
    for _ in range(draw(st.integers(1, 4))):
        most = draw(st.sampled_from([min(HEAD, len(content)), len(content)]))
        place = draw(st.integers(0, max(0, most - 1)))
        kind = draw(st.sampled_from(WAYS))
        if kind == "byte":
            content = content[:place] + draw(st.binary(min_size=1, max_size=2)) + content[place + 1 :]
        elif kind == "number":
            number = draw(st.sampled_from(NUMBERS)) * draw(st.sampled_from([1, 2, 4, 8]))
            content = content[:place] + number + content[place + len(number) :]
        elif kind == "cut":
            content = content[:place]
        elif kind == "insert":
            content = content[:place] + draw(st.binary(max_size=20)) + content[place:]
        elif kind == "remove":
            content = content[:place] + content[place + draw(st.integers(1, 64)) :]
        elif kind == "swap":
            content = content[place:] + content[:place]
        else:
            content += draw(st.binary(max_size=20)) * draw(st.integers(1, 50))
    return content


def damaged_files(folder: Path, names: list[str]) -> st.SearchStrategy[tuple[str, bytes]]:
    """The name of one file of a folder and damaged content for it."""
    contents: Mapping[str, bytes] = {name: (folder / name).read_bytes() for name in names}
    return st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), damaged(contents[name])))
