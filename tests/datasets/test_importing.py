"""Importing and its store: what is written, who is in which split, and faults that change nothing."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from made_files import contents, data, imported, noise, pictures, refused, save, square

from segbench.datasets.examples import Example, Facts
from segbench.datasets.importing import import_dataset, read_split, store
from segbench.datasets.task import DataError, Task

ROOT = Path(__file__).resolve().parents[2]


class Made:
    """A reader of examples that the test has made; a case is a list of them, or an error."""

    def __init__(self, *examples: Example | BaseException) -> None:
        self.made = examples

    def cases(self, folder: Path) -> list:
        return list(self.made)

    def examples(self, case):
        if isinstance(case, BaseException):
            raise case
        yield case


def example(subject: str, split: str | None = None, mask: np.ndarray | None = None, **fields) -> Example:
    mask = square().astype(bool) if mask is None else mask
    image = noise(20, 30, seed=sum(map(ord, subject)))
    return Example(Path(f"{subject}.png"), subject, image, {"disc": mask}, split=split, **fields)


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_does_not_change_the_bytes(tmp_path: Path, workers: int) -> None:
    folder = pictures(tmp_path / "data", 30)
    imported(folder, tmp_path / "one", workers=1)
    imported(folder, tmp_path / "many", workers=workers)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
    assert {"images.parquet", "examples.parquet", "manifest.json"} == {
        path.name for path in (tmp_path / "one" / "imported" / "own").iterdir()
    }


def test_reading_is_at_most_a_few_cases_ahead_of_writing(tmp_path: Path) -> None:
    """Else results would pile up in memory where reading is faster than writing."""
    begun, ahead = [], []

    class Counting(Made):
        def examples(self, case):
            begun.append(threading.get_ident())
            yield case

    def slowly(cases, count):
        for number, case in enumerate(cases):
            ahead.append(len(begun) - number)
            yield case

    reader = Counting(*(example(f"s{i}") for i in range(60)))
    import_dataset("own", reader, tmp_path, tmp_path, workers=2, track=slowly)
    assert len(begun) == 60
    assert max(ahead) <= 5
    assert threading.get_ident() not in begun


def test_stored_arrays_are_the_preprocessed_ones(tmp_path: Path) -> None:
    manifest = imported(pictures(tmp_path / "data"), tmp_path)
    (task,) = data(manifest, tmp_path).values()
    assert task.task == Task("own", "all", "unknown", "0", "foreground")
    assert (task.images.dtype, task.images.shape) == (np.float32, (10, 1, 128, 128))
    assert (task.images.min((1, 2, 3)) == 0).all()
    assert (task.images.max((1, 2, 3)) > 0.95).all()
    areas = [(6 + i % 9) ** 2 * (128 / 30) ** 2 for i in range(10)]
    np.testing.assert_allclose(task.labels.sum((1, 2, 3)), areas, rtol=0.15)
    assert manifest["tasks"] == {"own/all/unknown/0/foreground": {"train": 6, "val": 2, "test": 2}}
    assert [manifest["subjects"][subject] for subject in task.subjects] == list(task.split)


def test_a_picture_of_several_labels_is_stored_once(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "data" / "images" / f"p{i}.png", noise(20, 30, seed=i))
        mask = square(1)
        mask[12:] = 2
        save(tmp_path / "data" / "masks" / f"p{i}.png", mask if i else square(2))
    manifest = imported(tmp_path / "data", tmp_path)
    tasks = data(manifest, tmp_path)
    one, two = (tasks[f"all/unknown/0/{label}"] for label in "12")
    assert (manifest["pictures"], len(one), len(two)) == (3, 2, 3)
    assert manifest["empty"] == {"1": 1}
    np.testing.assert_array_equal(one.images, two.images[1:])


def test_content_and_split_have_separate_checksums(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data")
    first = imported(folder, tmp_path / "a")
    folder = folder.rename(tmp_path / "elsewhere")
    assert imported(folder, tmp_path / "b") == first
    swapped = {subject: {"train": "test"}.get(split, "train") for subject, split in first["subjects"].items()}
    other = imported(folder, tmp_path / "c", split=swapped)
    assert (other["content"] == first["content"], other["split"] == first["split"]) == (True, False)
    save(folder / "masks" / "p3.png", square(255, side=5))
    other = imported(folder, tmp_path / "d")
    assert (other["content"] == first["content"], other["split"] == first["split"]) == (False, True)


def test_an_import_is_replaced_only_on_demand(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data")
    root = tmp_path / "root"
    imported(folder, root)
    save(folder / "masks" / "p3.png", square(255, side=5))
    assert "--replace" in refused(folder, root)
    before = contents(root)
    imported(folder, root, replace=True)
    after = contents(root)
    assert before.keys() == after.keys()
    assert before["imported/own/examples.parquet"] != after["imported/own/examples.parquet"]


def test_a_fault_in_the_last_case_changes_nothing(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data", 70)
    root = tmp_path / "root"
    bad = folder / "images" / "p69.png"
    good = bad.read_bytes()
    bad.write_bytes(good[:60])
    assert str(bad) in refused(folder, root, workers=2)
    bad.write_bytes(good)
    imported(folder, root)
    bad.write_bytes(good[:60])
    assert str(bad) in refused(folder, root, replace=True)


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, PermissionError, KeyboardInterrupt])
@pytest.mark.parametrize("workers", [1, 3])
def test_an_unexpected_error_changes_nothing(tmp_path: Path, error: type, workers: int) -> None:
    root = tmp_path / "root"
    imported(pictures(tmp_path / "first"), root)
    before, threads = contents(root), threading.active_count()
    reader = Made(*map(example, "abcdefgh"), error("bug"), *map(example, "ijkl"))
    for name, where in (("own", root), ("more", root), ("own", tmp_path / "other")):
        with pytest.raises(DataError if error is PermissionError else error):
            import_dataset(name, reader, tmp_path, where, replace=True, workers=workers)
    assert contents(root) == before
    assert not (tmp_path / "other").exists()
    assert threading.active_count() == threads


def test_an_interrupt_while_an_import_is_replaced_puts_the_earlier_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(pictures(tmp_path / "data"), tmp_path / "root")
    before, rename = contents(tmp_path / "root"), Path.rename

    def interrupted(source: Path, target: Path) -> None:
        rename(source, target)
        if target.parent.name == "old":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path / "data", tmp_path / "root", replace=True)
    assert contents(tmp_path / "root") == before


def test_a_full_disk_gives_one_sentence_and_changes_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the end of the disk."""
    folder, root = pictures(tmp_path / "data", 70), tmp_path / "root"
    imported(pictures(tmp_path / "first"), root)
    before = contents(root)
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from made_files import imported\nfrom segbench.datasets.task import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))\n"
        "try:\n    imported(Path(sys.argv[1]), Path(sys.argv[2]), replace=True)\n"
        "except DataError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder, root],
        env={"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert "File too large; nothing was changed in" in done.stdout, done.stderr
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert contents(root) == before


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data")
    (tmp_path / "root").write_text("a file")
    with pytest.raises(DataError, match="root/imported: Not a directory; nothing was changed"):
        imported(folder, tmp_path / "root")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("examples.parquet", lambda content: content[: len(content) // 2]),
        ("images.parquet", lambda content: b""),
        ("manifest.json", lambda content: content[:-20]),
        ("manifest.json", lambda content: content.replace(b'"format": 1', b'"format": 7')),
        ("manifest.json", lambda content: b"[]"),
    ],
)
def test_a_damaged_store_is_named(tmp_path: Path, file: str, damage) -> None:
    manifest = imported(pictures(tmp_path / "data"), tmp_path)
    path = tmp_path / "imported" / "own" / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"imported/own.*import own again with --replace"):
        data(manifest, tmp_path)


def test_a_missing_file_of_the_store_is_named(tmp_path: Path) -> None:
    manifest = imported(pictures(tmp_path / "data"), tmp_path)
    (tmp_path / "imported" / "own" / "images.parquet").unlink()
    with pytest.raises(DataError, match=r"imported/own.*import own again"):
        data(manifest, tmp_path)


def test_the_error_for_missing_data_explains_the_import(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data import own PATH"):
        store.read_manifest(tmp_path, "own")
    assert store.imported_names(tmp_path) == []


def test_the_split_of_the_data_is_used(tmp_path: Path) -> None:
    reader = Made(example("a", "train"), example("b", "val"), example("c", "test"), example("d", "test"))
    manifest = import_dataset("own", reader, tmp_path, tmp_path)
    assert manifest["subjects"] == {"a": "train", "b": "val", "c": "test", "d": "test"}


def test_a_given_split_overrides_the_split_of_the_data(tmp_path: Path) -> None:
    reader = Made(example("a", "train"), example("b", "val"))
    split = {"a": "test", "b": "train", "elsewhere": "val"}
    manifest = import_dataset("own", reader, tmp_path, tmp_path, split=split)
    assert manifest["subjects"] == {"a": "test", "b": "train"}


@pytest.mark.parametrize(
    ("second", "split", "sentence"),
    [
        (example("a", "test"), None, "subject a is in two splits, train by a.png and test by a.png"),
        (example("a"), None, "subject a is in two splits, train by a.png and none by a.png"),
        (example("b"), None, "no split is given for subject b (b.png); add it"),
        (example("b", "test"), {}, "no split is given for 2 subjects, a and b; add them to split.csv"),
        (example("b", "half"), None, "b.png is in the split 'half'; name train, val or test"),
        (
            example("b", "test"),
            {"a": "train"},
            "no split is given for subject b (b.png); add it to split.csv",
        ),
        (
            example("B", "test"),
            {"a": "train", "b ": "val"},
            "no split is given for subject 'B' (B.png), only for 'b ' by split.csv; write the name",
        ),
        (example("ü"), {"a": "train", "u\u0308": "val"}, "only for 'u\u0308' by split.csv"),
        (example("b", mask=np.ones((5, 5), bool)), None, "b.png: the image is 20x30 and its mask 5x5"),
        (DataError("b.png is damaged"), None, "b.png is damaged"),
    ],
)
def test_faults_name_their_file(tmp_path: Path, second, split, sentence: str) -> None:
    reader = Made(example("a", "train"), second)
    with pytest.raises(DataError) as caught:
        import_dataset("own", reader, tmp_path, tmp_path / "root", split=split, split_from="split.csv")
    assert sentence in str(caught.value)
    assert not (tmp_path / "root").exists()


def dot(side: int = 600) -> np.ndarray:
    """A mask with one pixel, which is less than half of a pixel of 128 x 128."""
    mask = np.zeros((side, side), bool)
    mask[side // 2, side // 2] = True
    return mask


def test_data_without_any_label_are_refused(tmp_path: Path) -> None:
    empty = Made(example("a", mask=np.zeros((20, 30), bool)))
    with pytest.raises(DataError, match="no mask shows a label"):
        import_dataset("own", empty, tmp_path, tmp_path / "root")
    small = example("a")._replace(image=noise(600, 600), masks={"disc": dot()})
    with pytest.raises(DataError, match="every label vanishes at 128 x 128"):
        import_dataset("own", Made(small), tmp_path, tmp_path / "root")


@pytest.mark.parametrize("workers", [1, 3])
def test_the_manifest_counts_what_is_not_stored(tmp_path: Path, workers: int) -> None:
    """An empty mask, a structure that vanishes when it shrinks, and values that belong to no label."""
    large, nothing = np.ones((600, 600), bool), np.zeros((600, 600), bool)
    rows = [(large, (4,)), (dot(), (4, 200, 7)), (dot(), ()), (nothing, (200,)), (large, ())]
    reader = Made(
        *(
            example(f"s{i}")._replace(image=noise(600, 600, seed=i), masks={"disc": mask}, unused=unused)
            for i, (mask, unused) in enumerate(rows)
        )
    )
    reader.facts = Facts("the column who", "", ("age", "site"))  # type: ignore[attr-defined]
    manifest = import_dataset("own", reader, tmp_path, tmp_path, workers=workers)
    assert (manifest["vanished"], manifest["empty"]) == ({"disc": 2}, {"disc": 1})
    assert list(manifest["unused_values"].items()) == [("4", 2), ("7", 1), ("200", 2)]
    assert (manifest["subjects_from"], manifest["unused_columns"]) == ("the column who", ["age", "site"])
    assert manifest["split_from"] == "all train, as there are fewer than 3 subjects"


@pytest.mark.parametrize(
    ("named", "facts", "given", "told"),
    [
        (None, Facts(), None, "60/20/20 of the subjects, drawn for the name own"),
        ("test", Facts(split="the folders train/ and test/"), None, "the folders train/ and test/"),
        ("test", Facts(), None, "the data"),
        ("test", Facts(split="the column split"), dict.fromkeys("abc", "val"), "--split s.csv"),
    ],
)
def test_the_manifest_says_where_the_split_comes_from(
    tmp_path: Path, named: str | None, facts: Facts, given: dict[str, str] | None, told: str
) -> None:
    reader = Made(*(example(subject, named) for subject in "abc"))
    reader.facts = facts  # type: ignore[attr-defined]
    manifest = import_dataset("own", reader, tmp_path, tmp_path, split=given, split_from="--split s.csv")
    assert manifest["split_from"] == told


def test_a_manifest_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """It does not say where subjects and split came from."""
    manifest = imported(pictures(tmp_path / "data"), tmp_path)
    for key in ("subjects_from", "split_from", "unused_columns", "unused_values", "vanished"):
        del manifest[key]
    file = tmp_path / "imported" / "own" / store.MANIFEST
    file.write_text(json.dumps(manifest))
    assert read_split(file) == manifest["subjects"]
    assert len(data(manifest, tmp_path)["all/unknown/0/foreground"]) == 10


def test_parts_of_task_names_have_no_slash(tmp_path: Path) -> None:
    reader = Made(example("a/1", cohort="clinic/a", modality="T1 MRI"))
    manifest = import_dataset("own", reader, tmp_path, tmp_path)
    (task,) = data(manifest, tmp_path).values()
    assert task.task.name == "own/clinic_a/T1_MRI/0/disc"
    assert list(task.subjects) == ["a/1"]


def test_a_split_is_read_from_a_manifest_or_a_table(tmp_path: Path) -> None:
    manifest = imported(pictures(tmp_path / "data"), tmp_path)
    file = tmp_path / "imported" / "own" / "manifest.json"
    assert read_split(file) == manifest["subjects"]
    table = tmp_path / "split.csv"
    table.write_text("subject,split\n" + "".join(f"{a},{b}\n" for a, b in manifest["subjects"].items()))
    assert read_split(table) == manifest["subjects"]
    again = imported(tmp_path / "data", tmp_path / "other", split=read_split(table))
    assert again["split"] == manifest["split"]


def test_an_edited_manifest_is_refused(tmp_path: Path) -> None:
    imported(pictures(tmp_path / "data"), tmp_path)
    file = tmp_path / "imported" / "own" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["subjects"]["p0"] = "val" if manifest["subjects"]["p0"] == "train" else "train"
    file.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest.json was edited"):
        read_split(file)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("s.csv", "subject,split\na,train\na,test\n", "names subject a twice"),
        ("s.csv", "subject,split\na,train\na , train\n", "names subject a twice"),
        ("s.csv", "subject,split\na,half\n", "subject a, names the split 'half'"),
        ("s.csv", "subject,split\na\n", "subject a, names the split ''"),
        ("s.csv", "who,where\na,train\n", "lacks the column 'subject'"),
        ("s.csv", "subject,where\n", "lacks the column 'split'"),
        ("s.csv", "", "lacks the column 'subject'"),
        ("s.csv", "subject,split\n", "names no subject"),
        (
            "s.json",
            json.dumps({"subjects": {}, "split": hashlib.sha256(b"").hexdigest()}),
            "names no subject",
        ),
        ("s.json", '{"subjects": ["a"], "split": ""}', "are not each in train, val or test"),
        ("s.json", '{"subjects": {"a": "fold1"}, "split": ""}', "are not each in train, val or test"),
        ("s.json", '{"subjects": {"a": []}, "split": ""}', "cannot be read as a split"),
        ("s.json", "{", "cannot be read as a split"),
        ("s.json", '{"subjects": {}}', "lacks 'split'"),
        ("s.json", "[]", "cannot be read as a split"),
        ("s.json", '{"subjects": 3, "split": ""}', "cannot be read as a split"),
    ],
)
def test_a_split_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_split(file)
    assert str(caught.value).startswith(str(file))
    assert sentence in str(caught.value)


def test_a_missing_split_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.csv cannot be read"):
        read_split(tmp_path / "gone.csv")


def test_images_have_the_names_of_their_files_without_the_folders_that_all_share(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    files = [folder / "images" / name for name in ("a/1.png", "a/2.png", "b/1.png")]
    examples = [example(str(number))._replace(file=file) for number, file in enumerate(files)]
    manifest = import_dataset("own", Made(*examples), folder, tmp_path)
    (own,) = data(manifest, tmp_path).values()
    assert own.names.tolist() == ["a/1.png", "a/2.png", "b/1.png"]
    manifest = import_dataset("own", Made(*examples[:2]), folder, tmp_path, replace=True)
    (own,) = data(manifest, tmp_path).values()
    assert own.names.tolist() == ["1.png", "2.png"]
