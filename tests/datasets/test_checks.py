"""The checks of `data verify`, on small tasks with one known fault each."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from segbench.datasets.checks import check, verify
from segbench.datasets.checks.across import CrossTaskChecks
from segbench.datasets.checks.alignment import MIN_SHIFT, alignment, best_shifts, edge_agreement
from segbench.datasets.checks.exchanged import exchanged
from segbench.datasets.checks.images import intensities, leaks
from segbench.datasets.checks.labels import border_share, labels, sizes
from segbench.datasets.checks.orientation import contrast, orientation
from segbench.datasets.checks.stored import image_files, verify_manifest
from segbench.datasets.checks.view import View, standardize, thumbnails, views
from segbench.datasets.examples import Example
from segbench.datasets.importing import ImportedDataset, import_dataset, store
from segbench.datasets.scans import ScanData
from segbench.datasets.task import Task, TaskData

SPLITS = TaskData.SPLITS
COUNT = 60


def make_view(seed: int = 0) -> View:
    """Sixty images of noise over a bright corner; the label is an L in that corner."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((32, 32))
    label = (rows < 20) & (columns < 6) | (rows < 6) & (columns < 12)
    shade = 0.5 * np.exp(-(rows + 2 * columns) / 30)
    images = shade + rng.uniform(0, 0.4, (COUNT, 32, 32))
    masks = np.repeat(label[None], COUNT, axis=0)
    masks[np.arange(COUNT), 20 + np.arange(COUNT) % 5, 2] = True
    return View(
        Task("toy", "all", "drawing", "0", "corner"),
        images.astype(np.float32),
        masks,
        np.array([f"s{i:02d}" for i in range(COUNT)]),
        np.repeat(SPLITS, (24, 18, 18)),
        SPLITS,
    )


def changed(view: View, **parts) -> View:
    """A copy of a view in which some rows are replaced: ``images={3: image}``."""
    arrays = {}
    for name, rows in parts.items():
        arrays[name] = getattr(view, name).copy()
        for row, value in rows.items():
            arrays[name][row] = value
    return dataclasses.replace(view, **arrays)


def summary(findings) -> list[tuple]:
    return [(finding.severity, finding.title, *finding.images) for finding in findings]


def test_nothing_is_found_in_a_task_without_faults():
    assert summary(check(make_view())) == []


def test_a_image_in_two_splits_is_an_error_and_within_one_a_warning():
    view = make_view()
    view = changed(view, images={50: view.images[3], 4: view.images[7]})
    assert summary(leaks(view)) == [
        ("error", "the same image in two splits", 3, 50),
        ("warning", "the same image twice", 4, 7),
    ]
    found = next(leaks(view))
    assert found.subjects == ("s03", "s50")
    assert found.numbers == {"splits": "test and train"}


def test_a_brightened_and_noisy_image_is_nearly_the_same():
    view = make_view()
    rng = np.random.default_rng(1)
    again = (view.images[3] * 0.9 + 0.05 + rng.normal(0, 0.01, (32, 32))).astype(np.float32)
    found = list(leaks(changed(view, images={50: again})))
    assert summary(found) == [("warning", "nearly the same image in two splits", 3, 50)]
    assert 0.97 < found[0].numbers["correlation"] < 1
    assert summary(leaks(changed(view, images={9: again}))) == [("note", "nearly the same image twice", 3, 9)]


def test_similar_images_of_one_subject_are_no_finding():
    view = make_view()
    view = changed(view, images={4: view.images[3] * np.float32(0.9)}, subjects={4: "s03"})
    assert summary(leaks(view)) == []


def test_a_subject_in_two_splits():
    found = list(leaks(changed(make_view(), subjects={50: "s03"})))
    assert summary(found) == [("error", "subject in two splits", 3, 50)]


def test_two_tasks_together():
    first = make_view()
    renamed = dataclasses.replace(first, task=dataclasses.replace(first.task, label="again"))
    second = changed(renamed, split={3: "test"})
    across = CrossTaskChecks()
    for view in (first, second):
        across.add(view)
    found = {row.title: row for row in across.findings()}
    assert set(found) == {"subject in two splits of different tasks", "two labels that are the same"}
    moved = found["subject in two splits of different tasks"]
    assert moved.subjects == ("s03",)
    assert moved.numbers == {"train": first.task.name, "test": second.task.name}
    assert found["two labels that are the same"].numbers == {"other": second.task.name, "images": COUNT}
    assert across.distinct_images == COUNT


def test_two_labels_that_differ_in_one_image_are_two():
    first = make_view()
    other = changed(first, labels={5: ~first.labels[5]})
    across = CrossTaskChecks()
    for view in (first, dataclasses.replace(other, task=dataclasses.replace(first.task, label="other"))):
        across.add(view)
    assert summary(across.findings()) == []


def test_an_image_under_another_name_in_another_split_of_another_task():
    first = make_view()
    renamed = dataclasses.replace(first, task=dataclasses.replace(first.task, label="other"))
    second = changed(renamed, subjects={3: "new"}, split={3: "test"}, labels={3: ~first.labels[3]})
    across = CrossTaskChecks()
    for view in (first, second):
        across.add(view)
    assert [row.title for row in across.findings()] == ["image in two splits of different tasks"]


def test_a_fault_of_an_image_is_reported_once_for_all_its_labels():
    view = make_view()
    view = changed(view, images={50: view.images[3]})
    again = dataclasses.replace(view, task=dataclasses.replace(view.task, label="other"))
    moved = changed(again, images={51: view.images[4]})
    across = CrossTaskChecks()
    first, second, third = (summary(across.new_findings(each, leaks(each))) for each in (view, again, moved))
    assert first == [("error", "the same image in two splits", 3, 50)]
    assert second == []
    assert third == [("error", "the same image in two splits", 4, 51)]


def test_empty_and_tiny_labels():
    empty, small, enough = (np.zeros((128, 128), bool) for _ in range(3))
    small[60:63, 60:65] = True  # 15 pixels
    enough[60:64, 60:64] = True  # 16
    big = np.repeat(np.repeat(make_view().labels, 4, axis=1), 4, axis=2)
    view = dataclasses.replace(make_view(), labels=big, images=np.zeros(big.shape, np.float32))
    found = list(labels(changed(view, labels={1: empty, 2: small, 3: enough})))
    assert summary(found) == [("error", "empty label", 1), ("warning", "tiny label", 2)]
    assert found[1].numbers == {"pixels": 15}


def test_an_inverted_label():
    view = make_view()
    found = list(labels(changed(view, labels={4: ~view.labels[4]})))
    assert summary(found) == [("warning", "label may be inverted", 4)]
    frame = np.ones((1, 32, 32), bool)
    frame[0, 2:-2, 2:-2] = False
    assert border_share(frame) == pytest.approx([1.0])
    assert border_share(frame & (np.arange(32) < 16)) == pytest.approx([0.5])
    # A frame is smaller than what it encloses, yet lies on the border as no other label does.
    middle = np.zeros((32, 32), bool)
    middle[12:20, 12:20] = True
    inner = dataclasses.replace(view, labels=np.repeat(middle[None], COUNT, axis=0))
    assert summary(labels(changed(inner, labels={4: frame[0]}))) == [("warning", "label may be inverted", 4)]


def test_a_task_whose_labels_all_show_the_background():
    view = make_view()
    found = list(labels(dataclasses.replace(view, labels=~view.labels)))
    assert summary(found) == [("warning", "label larger than the background")]


def test_one_mask_for_all_images():
    view = make_view()
    same = np.repeat(view.labels[:1], COUNT, axis=0)
    assert summary(labels(dataclasses.replace(view, labels=same))) == [("error", "one mask for all images")]


def test_constant_clipped_and_outlying_images():
    view = make_view()
    window = (view.images[7] > 0.4).astype(np.float32)
    pale = 0.6 + 0.4 * view.images[9]
    view = changed(view, images={5: np.full((32, 32), 0.5, np.float32), 7: window, 9: pale})
    found = list(intensities(view))
    assert summary(found) == [
        ("warning", "constant image", 5),
        ("warning", "nearly all pixels black or white", 7),
        ("note", "intensities unlike the other images'", 9),
    ]
    assert found[0].numbers == {"intensity": 0.5}
    assert found[1].numbers == {"share": 1.0}


@pytest.mark.parametrize(
    ("turn", "name"),
    [
        (np.fliplr, "left-right flip"),
        (np.flipud, "top-bottom flip"),
        (np.transpose, "transposition"),
        (np.rot90, "quarter turn to the right"),
        (lambda p: np.rot90(p, -1), "quarter turn to the left"),
        (lambda p: np.rot90(p, 2), "half turn"),
    ],
)
def test_a_turned_image_is_found_with_what_turns_it_back(turn, name):
    view = make_view()
    found = list(
        orientation(changed(view, images={6: turn(view.images[6])}, labels={6: turn(view.labels[6])}))
    )
    assert summary(found) == [("warning", "orientation unlike the other images'", 6)]
    assert found[0].numbers["turn"] == name
    assert found[0].numbers["fit_turned"] > found[0].numbers["fit"] + 0.2


def test_a_label_at_another_position_makes_no_turned_image():
    view = make_view()
    assert summary(orientation(changed(view, labels={6: np.fliplr(view.labels[6])}))) == []


def test_objects_that_lie_in_all_directions_have_no_orientation():
    view = make_view()
    turned = [np.rot90(p, i % 4) for i, p in enumerate(view.images)]
    masks = [np.rot90(p, i % 4) for i, p in enumerate(view.labels)]
    assert (
        summary(orientation(dataclasses.replace(view, images=np.stack(turned), labels=np.stack(masks)))) == []
    )


def test_an_inverted_image():
    view = make_view()
    found = list(orientation(changed(view, images={6: 1 - view.images[6]})))
    assert summary(found) == [("warning", "intensities may be inverted", 6)]
    assert found[0].numbers["fit"] < 0 < found[0].numbers["median_contrast"]


def test_contrast_is_the_difference_of_means_in_standard_deviations():
    image = np.zeros((1, 2, 2), np.float32)
    image[0, 0] = 1
    view = dataclasses.replace(make_view(), images=image, labels=image > 0)
    assert contrast(view) == pytest.approx([2.0])
    assert contrast(dataclasses.replace(view, labels=image > 2)) == pytest.approx([0.0])


def test_too_little_to_measure():
    view = make_view()
    few = dataclasses.replace(
        view,
        split=np.repeat(["train", "test"], (43, 17)),
        subjects=np.array([f"p{i % 4}" for i in range(COUNT)]),
    )
    assert summary(sizes(view)) == []
    found = list(sizes(few))
    assert summary(found) == [
        ("note", "split without images"),
        ("note", "fewer than 18 test images"),
        ("warning", "fewer than 5 subjects"),
    ]
    assert [row.numbers for row in found] == [{"split": "val"}, {"test": 17}, {"subjects": 4}]
    untested = dataclasses.replace(view, split=np.repeat(["train", "val"], 30))
    assert summary(sizes(untested)) == [("warning", "split without images")]


def discs(count: int = 12, side: int = 96) -> View:
    """Images of a bright disc at a place of its own, with its mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((side, side))
    centers = rng.integers(30, side - 30, (count, 2))
    masks = np.stack([(rows - y) ** 2 + (columns - x) ** 2 < 150 for y, x in centers])
    images = np.clip(0.3 + 0.3 * masks + rng.normal(0, 0.05, masks.shape), 0, 1).astype(np.float32)
    names = np.array([f"s{i:02d}" for i in range(count)])
    task = Task("toy", "all", "drawing", "0", "disc")
    return View(task, images, masks, names, np.repeat("train", count), SPLITS)


@pytest.mark.parametrize("shift", [(3, 0), (0, -4), (-6, 5), (8, -8)])
def test_labels_that_are_all_shifted(shift):
    view = discs()
    found = list(alignment(dataclasses.replace(view, labels=np.roll(view.labels, shift, (1, 2)))))
    assert summary(found) == [("warning", "labels may be shifted")]
    down, right = shift
    words = found[0].numbers["fits_better"]
    assert (f"{abs(down)} pixels {'up' if down > 0 else 'down'}" in words) == (down != 0)
    assert (f"{abs(right)} pixels to the {'left' if right > 0 else 'right'}" in words) == (right != 0)


def test_one_shifted_label_among_others_that_fit():
    view = discs()
    moved = changed(view, labels={5: np.roll(view.labels[5], 7, axis=1)})
    found = list(alignment(moved))
    assert summary(found) == [("warning", "label may be shifted", 5)]
    assert found[0].numbers == {"fits_better": "7 pixels to the left"}
    few = discs(count=9)
    assert summary(alignment(changed(few, labels={5: np.roll(few.labels[5], 7, axis=1)}))) == []


def test_labels_of_which_each_is_off_elsewhere_or_without_an_edge_agree_on_no_shift():
    view = discs()
    rng = np.random.default_rng(1)
    scattered = [np.roll(mask, rng.integers(-8, 9, 2), (0, 1)) for mask in view.labels]
    assert summary(alignment(dataclasses.replace(view, labels=np.stack(scattered)))) == []
    noise = rng.uniform(0, 1, view.images.shape).astype(np.float32)
    assert summary(alignment(dataclasses.replace(view, images=noise))) == []
    flat = dataclasses.replace(view, images=np.zeros_like(view.images))
    assert summary(alignment(flat)) == []
    assert summary(alignment(dataclasses.replace(view, labels=np.ones_like(view.labels)))) == []


def test_agreement_is_a_squared_cosine_and_the_best_shift_leads_back():
    view = discs()
    agreement = edge_agreement(view.images, np.roll(view.labels, (-5, 2), (1, 2)))
    assert agreement.shape == (12, 17, 17)
    assert 0 <= agreement.min() < 0.3 < 0.7 < agreement.max() <= 1.0
    shifts, gains = best_shifts(agreement)
    assert (np.abs(shifts - (5, -2)).max(1) < MIN_SHIFT).all()
    assert (gains > 0.2).all()


def pair(seed: int = 0, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Properties of two labels: the second is larger, darker and lower."""
    rng = np.random.default_rng(seed)
    first = rng.normal((6, 1, 1, 2), 0.2, (count, 4))
    return first, first + rng.normal((2, -1.5, 1, 0), 0.2, (count, 4))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_exchanged_labels_are_found_whatever_their_share(share):
    first, second = pair()
    wrong = np.arange(len(first)) < share * len(first)
    one, two = np.where(wrong[:, None], second, first), np.where(wrong[:, None], first, second)
    found = exchanged(one, two)
    assert (found == wrong).all() or (share == 0.5 and (found == ~wrong).all())


def test_labels_are_not_exchanged_by_a_flip_another_modality_or_likeness():
    first, second = pair()
    some = np.arange(len(first)) < 15
    for turned in (1, 2):  # brightness or position has the other sign, the area has not
        one, two = first.copy(), second.copy()
        one[some, turned], two[some, turned] = second[some, turned], first[some, turned]
        assert not exchanged(one, two).any()
    rng = np.random.default_rng(1)
    assert not exchanged(first, first + rng.normal(0, 1, first.shape)).any()
    assert not exchanged(second[:9], first[:9]).any()


def test_names_of_one_subject_in_two_splits_are_an_error():
    view = make_view()
    other = dataclasses.replace(view.task, label="other")
    for name, severity in (("S03", "warning"), ("S50", "error")):
        across = CrossTaskChecks()
        across.add(view)
        half = changed(view, subjects={3: name}, labels={3: ~view.labels[3]})
        across.add(dataclasses.replace(half, task=other))
        (found,) = across.findings()
        assert (found.severity, found.title) == (
            severity,
            "subjects whose names differ in blanks or capitals only",
        )
        assert found.subjects == (repr(name.lower()), repr(name))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("1", "2", "253", "254", "255"), True),
        (("254", "255"), True),
        (("1", "250"), True),
        (("1", "255"), False),
        (("1", "2", "255"), False),  # 255 may mean that a pixel is ignored
        (("128", "255"), False),
        (("2", "3", "41", "42", "251", "252", "253", "254", "255"), False),  # FreeSurfer's numbers
        (("nucleus", "254", "255"), False),
    ],
)
def test_labels_that_are_shades_of_white_and_black(names, found):
    across, view = CrossTaskChecks(), make_view()
    for i, name in enumerate(names):
        task = dataclasses.replace(view.task, label=name)
        across.add(dataclasses.replace(view, task=task, labels=np.roll(view.labels, i, axis=2)))
    titles = [row.title for row in across.findings()]
    assert titles == ["labels that are shades of white and black"] * found


def test_scans_are_checked_structure_by_structure():
    images = np.zeros((2, 1, 4, 4), np.float32)
    numbers = np.zeros((2, 1, 4, 4), np.uint8)
    numbers[:, 0, 0] = 1
    numbers[0, 0, 1, :2] = 2
    task = Task("scans", "all", "MR", "coronal", "all-structures")
    data = ScanData(
        task, images, numbers, np.array(["a", "b"]), np.array(["train", "test"]), ("left", "right")
    )
    left, right = views(data)
    assert (left.task.label, right.task.label) == ("left", "right")
    assert left.labels.sum((1, 2)).tolist() == [4, 4]
    assert right.labels.sum((1, 2)).tolist() == [2, 0]
    assert ("error", "empty label", 1) in summary(labels(right))


def test_thumbnails_are_means_and_standard_rows_give_correlations():
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert thumbnails(image, 2)[0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    rows = standardize(np.array([[1.0, 2, 3], [6, 4, 2], [5, 5, 5]]))
    assert (rows @ rows.T).round(6).tolist() == [[1, -1, 0], [-1, 1, 0], [0, 0, 0]]


class Squares:
    """Eight images with a square each; the reader of an imported data set."""

    def cases(self, folder):
        return list(range(8))

    def examples(self, case):
        image = np.zeros((128, 128))
        image[10 * case : 10 * case + 20, 30:60] = 1 + case
        image[0, case] = 20
        yield Example(f := self.folder / f"{case}.png", f.stem, image, {"square": image > 0})


@pytest.fixture
def imported(tmp_path):
    Squares.folder = tmp_path / "files"
    import_dataset("squares", Squares(), tmp_path / "files", tmp_path)
    return tmp_path


def test_an_imported_data_set_agrees_with_its_manifest(imported):
    assert list(verify_manifest(imported, "squares")) == []
    task = Task("squares", "all", "unknown", "0", "square")
    assert image_files(imported, task) == [f"{i}.png" for i in range(8)]
    found = verify("squares", imported)
    assert (found.name, found.distinct_images, found.count("error")) == ("squares", 8, 0)
    assert found.tasks[0]["split"] == {"train": 4, "val": 2, "test": 2}
    # A square covers 600 of 16,384 pixels, or 601 with the bright pixel.
    assert found.tasks[0]["area"] == pytest.approx([600 / 128**2, 601 / 128**2, 601 / 128**2], abs=1e-4)


def test_an_edited_split_is_found(imported):
    path = store.folder_of(imported, "squares") / store.MANIFEST
    edited = json.loads(path.read_text())
    first = next(name for name, split in edited["subjects"].items() if split == "test")
    edited["subjects"][first] = "train"
    path.write_text(json.dumps(edited))
    assert [(found.severity, found.title) for found in verify_manifest(imported, "squares")] == [
        ("error", "split changed")
    ]


def test_a_changed_label_is_found(imported):
    path = store.folder_of(imported, "squares") / store.EXAMPLES
    table = pq.read_table(path)
    masks = table["mask"].to_pylist()
    masks[3] = bytes([masks[3][0] ^ 1]) + masks[3][1:]
    column = table.schema.get_field_index("mask")
    pq.write_table(table.set_column(column, "mask", [masks]), path)
    found = verify("squares", imported)
    assert (found.findings[0].severity, found.findings[0].title) == ("error", "content changed")


def test_a_damaged_table_is_found_and_named(imported):
    path = store.folder_of(imported, "squares") / store.IMAGES
    path.write_bytes(path.read_bytes()[:200])
    found = verify("squares", imported)
    assert [(row.severity, row.title) for row in found.findings] == [
        ("error", "files damaged"),
        ("error", "task cannot be loaded"),
    ]
    assert str(path) in found.findings[0].advice
    assert found.tasks == []


def test_findings_name_the_files_of_imported_images(imported):
    found = verify("squares", imported)
    few = next(row for row in found.findings if row.title == "fewer than 18 test images")
    assert few.numbers == {"test": 2}
    task = Task("squares", "all", "unknown", "0", "square")
    view = next(views(ImportedDataset(task.dataset).load(task, imported), image_files(imported, task)))
    assert view.finding("note", "odd", "look", [2, 5]).files == ("2.png", "5.png")


def test_the_faults_of_the_white_blood_cells(shared_data):
    found = verify("wbc", shared_data)
    assert found.distinct_images == 399
    assert [(row.severity, row.title, row.subjects) for row in found.findings if row.severity != "note"] == [
        ("warning", "nearly the same image in two splits", ("JTSC-166", "JTSC-171")),
        ("warning", "the same image twice", ("JTSC-112", "JTSC-139")),
    ]
