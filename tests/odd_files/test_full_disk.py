"""Figures on a full disk: the sentence names the file, and nothing incomplete is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_commands import full_disk

from segbench.errors import Failure, describe
from segbench.files import write_file
from segbench.reports import style


@pytest.mark.parametrize("kind", style.FORMATS)
def test_a_figure_is_whole_or_absent(kind: str, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([0, 1])
    style.save(figure, tmp_path / "earlier", [kind])  # loads what Matplotlib needs
    with (
        full_disk(),
        pytest.raises(Failure, match=f"fig3.{kind} cannot be written: File too large; free some"),
    ):
        style.save(figure, tmp_path / "fig3", [kind])
    assert [path.name for path in tmp_path.iterdir()] == [f"earlier.{kind}"]


def test_the_file_of_before_stays(tmp_path: Path) -> None:
    file = write_file(tmp_path / "new" / "table.csv", "a,b\n")
    with full_disk(), pytest.raises(Failure, match="free some space"):
        write_file(file, b"1" * 1000)
    assert file.read_text() == "a,b\n" and len([*file.parent.iterdir()]) == 1


def test_an_error_in_the_handling_of_a_full_disk_is_that_of_the_disk(tmp_path: Path) -> None:
    """As of Matplotlib's PDF files: AttributeError, 'Stream' object has no attribute 'pos'."""
    with full_disk(), pytest.raises(AttributeError) as raised:
        try:
            (tmp_path / "file").write_bytes(b"1" * 1000)
        finally:
            _ = object().pos  # type: ignore[attr-defined]
    assert describe(raised.value) == ("File too large; free some space or choose another folder", 1)
