"""`data remove` removes what the tool has written into the data folder, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_files import contents, noise, pictures, save

from segbench.benchmark.cli import cli
from segbench.datasets.download import Archive
from segbench.datasets.sources.wbc import FOLDER, WBC


def data(*words: object, **options: str) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, words)], **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder with two imports, of one folder outside and one inside."""
    for folder in (tmp_path / "knees", tmp_path / "root" / "mine"):
        result = data("import", folder.name, pictures(folder, 5), "--data-root", tmp_path / "root")
        assert result.exit_code == 0, result.output
    return tmp_path / "root"


def test_an_import_is_removed_and_the_users_files_stay(root: Path) -> None:
    before = contents(root.parent)
    result = data("remove", "mine", "--yes", "--data-root", root)
    assert result.exit_code == 0, result.output
    folder, last = result.output.splitlines()
    assert folder.startswith(f"{root / 'imported' / 'mine'}  ") and folder.endswith(" MB")
    assert last == "removed mine"
    left = {name: content for name, content in before.items() if not name.startswith("root/imported/mine")}
    assert contents(root.parent) == left


def test_nothing_is_removed_without_a_yes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(root)
    result = data("remove", "mine", "--data-root", root)
    assert result.exit_code == 2
    assert "add --yes to remove these folders without a question" in result.stderr

    class Terminal:
        def isatty(self) -> bool:
            return True

    for answer, text in (("n", "nothing was removed"), ("y", "removed mine")):
        assert contents(root) == before
        with monkeypatch.context() as patch:
            patch.setattr("segbench.benchmark.cli.data_remove.sys", type("", (), {"stdin": Terminal()}))
            assert text in data("remove", "mine", "--data-root", root, input=f"{answer}\n").output
    assert not (root / "imported" / "mine").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("kneess", "unknown dataset 'kneess'; did you mean knees?"),
        ("../knees", "unknown dataset '../knees'"),
        ("phantoms", "phantoms is drawn by the program, so there is nothing to remove"),
        ("wbc@universeg", "wbc@universeg is a variant of wbc"),
        ("wbc", "has no file of wbc, so there is nothing to remove"),
        ("folder:../knees", "is not in the data folder; remove its files yourself"),
        ("linked", "remove the link yourself"),
    ],
)
def test_what_is_not_removed(root: Path, name: str, sentence: str) -> None:
    (root / "imported" / "knees").rename(root.parent / "elsewhere")
    (root / "imported" / "linked").symlink_to(root.parent / "elsewhere")
    data("import", "knees", root.parent / "knees", "--data-root", root)
    before = contents(root.parent)
    result = data("remove", name, "--yes", "--data-root", root)
    assert result.exit_code and sentence in result.stderr, result.output
    assert contents(root.parent) == before


def test_a_data_set_that_is_read_in_place_is_removed_only_if_it_was_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, root, archive = tmp_path / "own", tmp_path / "root", tmp_path / "wbc.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for cohort in ("Dataset 1", "Dataset 2"):
            image = save(own / FOLDER / cohort / "001.bmp", noise(20, 30))
            file.write(image, image.relative_to(own))
    before = contents(own)
    refused = data("remove", "wbc", "--yes", "--data-root", own)
    assert f"the files of wbc in {own} were not put there by `data fetch`" in refused.stderr
    assert contents(own) == before
    monkeypatch.setattr(WBC, "archives", (Archive(archive.as_uri(), 10**6),))
    assert data("fetch", "wbc", "--data-root", root).exit_code == 0
    assert (root / FOLDER).is_dir()
    result = data("remove", "wbc", "--yes", "--data-root", root)
    assert result.exit_code == 0, result.output
    assert [line.partition("  ")[0] for line in result.output.splitlines()] == [
        str(root / FOLDER),
        str(root / "downloads" / "wbc"),
        "removed wbc",
    ]
    assert contents(root) == {"downloads": b""}
    assert archive.is_file()
