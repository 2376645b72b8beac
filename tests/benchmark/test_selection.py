"""Which tasks, splits and images take part in a run, through the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.selection import plan_experiments, select
from segbench.benchmark.study import Experiment
from segbench.protocols.config import Config
from segbench.reports.missing import whole_study
from segbench.reports.page.provenance import warnings
from segbench.results import load

OPTIONS = {
    "protocol": "center-clicks",
    "models": "toys:Brush",
    "datasets": "toys:Toys",
    "max_steps": 2,
    "simulations": 1,
    "device": "cpu",
    "precision": "float32",
    "workers": 1,
}


def run(output, *words, **options):
    """Run the toys into a folder, and return the lines that the command prints."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (OPTIONS | options).items()]
    result = CliRunner().invoke(cli, ["run", *flags, f"--output={output}", *words])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def refused(output, status=2, **options):
    """Return the sentence with which a run ends."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (OPTIONS | options).items()]
    result = CliRunner().invoke(cli, ["run", *flags, f"--output={output}"])
    assert result.exit_code == status, result.output
    return result.stderr.splitlines()[-1]


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


# --tasks


@pytest.mark.parametrize(
    ("patterns", "labels"),
    [
        ("two", ["two"]),
        ("*WO", ["two"]),
        ("toys/*/one,two", ["one", "two"]),
        ("toys", ["one", "two"]),
        ("Toys/Drawn/*/t*", ["two"]),
    ],
)
def test_patterns_match_full_names_and_parts_whatever_their_case(patterns, labels, tmp_path):
    selection = select(
        plan_experiments([Experiment("center-clicks", Config(images=2))]),
        ["toys:Brush"],
        ["toys:Toys"],
        tmp_path,
        tasks=patterns.split(","),
    )
    assert [task.task.label for task in selection.tasks()] == labels
    assert selection.excluded == []  # the other tasks are no part of the run


def test_a_pattern_without_a_match_names_the_nearest_name(tmp_path):
    assert "unknown task 'onne'; did you mean one?" in refused(tmp_path / "o", tasks="onne")
    assert "did you mean toys/drawn/synthetic/0/one?" in refused(tmp_path / "o", tasks="toys/draw/*/one")
    assert "unknown task 'xyz'; known: one, two, toys" in refused(tmp_path / "o", tasks="two,xyz")


def test_patterns_come_before_the_maximum_of_tasks_and_stay_in_the_commands_of_pages(tmp_path):
    lines = run(tmp_path / "o", "--dry-run", tasks="vessels", datasets="phantoms", preset="smoke")
    assert any(", 1 task, " in line for line in lines)
    run(tmp_path / "run", tasks="two", images=2)
    results = load(tmp_path / "run")
    assert set(results.images.label) == {"two"}
    assert "--tasks two" in whole_study(results)


# --split all


def test_all_images_are_test_for_models_without_a_context(tmp_path):
    lines = run(tmp_path / "run", split="all", images="all", datasets="selection_toys:Pairs", tasks="one")
    assert "All images count as test (14)" in lines
    images = load(tmp_path / "run").images
    assert set(images.split) == {"test"} and sorted(images.image) == list(range(14))
    manifest = manifest_of(tmp_path / "run")
    (entry,) = manifest["tasks"].values()
    assert (entry["source"], entry["train"], entry["test"]) == ("selection_toys:Pairs@all", 0, 14)
    assert list(manifest["tasks"]) == ["pairs@all/drawn/synthetic/0/one"]
    assert manifest["arguments"]["split"] == "all"


def test_contexts_begin_with_a_subject_of_few_images_which_no_model_segments(tmp_path):
    folder = tmp_path / "run"
    options = {"split": "all", "images": "all", "datasets": "selection_toys:Pairs"}
    lines = run(folder, models="toys:Brush,toys:Wide", **options)
    expected = (
        "All images count as test (26 in 2 tasks), except those of one subject of each task (2), "
        "with which contexts begin"
    )
    assert expected in lines
    results = load(folder)
    assert set(results.seeds.subject) == {"s0"}
    for _, images in results.images.groupby(["model", "task"], observed=True):
        assert sorted(images.image) == list(range(1, 14))
    (caution,) = (one for one in warnings(results) if one["title"] == "All images are test.")
    assert caution["text"].startswith(
        "All images of pairs@all count as test (26), whatever the data set's own split, except those of one "
        "subject of each task (2), with which contexts begin. "
    )
    # A command of the page goes on in the same folder.
    assert f"--output {folder}" in whole_study(results) and "--split all" in whole_study(results)
    assert "Nothing to compute" in "".join(run(folder, models="toys:Wide", **options))


def test_a_run_without_contexts_is_not_extended_by_models_with_a_context(tmp_path):
    folder, options = tmp_path / "run", {"split": "all", "images": 3, "tasks": "one"}
    run(folder, **options)
    assert "had another fingerprint; choose another --output" in refused(
        folder, 1, **options, models="toys:Wide"
    )
    command = whole_study(load(folder))
    assert "--split all" in command and "--output" not in command


def test_what_needs_another_split_is_refused_or_left_out(tmp_path):
    asked = {"split": "all", "images": 3}
    message = refused(tmp_path, protocol="in-context", models="toys:Wide", **asked)
    assert (
        "--split all leaves only test images (in-context: its contexts are images of the train split)"
        in message
    )
    message = refused(
        tmp_path, 1, protocol="set-automatic", models="toys:Trained", datasets="toys:Scans", **asked
    )
    assert (
        "toys:Trained cannot take part in set-automatic: it was trained on images of the train split"
        in message
    )
    assert "leave out --split-from" in refused(tmp_path, split_from="universeg", **asked)
    study = run(tmp_path / "o", "--dry-run", protocol="all", preset="smoke", split="all")
    reason = "its models are trained on the train split, and --split all leaves none"
    assert f"Left out: protocol supervised: {reason}" in study
    assert any("center-clicks on val images" in line for line in study)
    assert not any(line.startswith("  in-context") or "split val" in line for line in study)


def test_data_without_a_train_split_need_none_without_a_context(tmp_path):
    only = {"datasets": "selection_toys:TestOnly", "tasks": "one"}
    message = refused(tmp_path / "o", 1, models="toys:Wide", **only)
    assert "it has no train image to begin the context with; --split all keeps a subject for it" in message
    run(tmp_path / "run", **only)
    assert sorted(load(tmp_path / "run").images.image) == list(range(5))
    run(tmp_path / "all", models="toys:Wide", split="all", **only)
    assert load(tmp_path / "all").images.image.nunique() == 4


def test_the_images_of_one_subject_begin_no_context(tmp_path):
    only = {"datasets": "selection_toys:OneSubject", "tasks": "one"}
    assert "it has no test image); --split all counts all images as test" in refused(tmp_path, 1, **only)
    small = refused(
        tmp_path, 1, datasets="selection_toys:OneSubject,selection_toys:TestOnly", split="val", preset="smoke"
    )
    assert "no task of the 3 that the preset takes can be used (" in small and "--split all" not in small
    run(tmp_path / "run", split="all", **only)
    assert sorted(load(tmp_path / "run").images.image) == list(range(5))
    message = refused(tmp_path, 1, models="toys:Wide", split="all", **only)
    assert (
        "it has no train image to begin the context with, only one subject; name models that take no context"
        in message
    )


# --images


def test_small_tasks_take_part_with_all_their_images(tmp_path):
    folder, uneven = tmp_path / "run", {"datasets": "selection_toys:Uneven", "preset": "quick"}
    lines = run(folder, **uneven)
    note = (
        "2 tasks have fewer than 8 test images, and all of them are used: "
        "uneven/drawn/synthetic/0/one 6, uneven/drawn/synthetic/0/two 2"
    )
    assert note in lines
    results = load(folder)
    assert results.images.groupby("label", observed=True).image.nunique().to_dict() == {"one": 6, "two": 2}
    (caution,) = (one["text"] for one in warnings(results) if one["title"] == "Small tasks.")
    assert (
        "synthetic/0/two (2) and uneven/drawn/synthetic/0/one (6): fewer images than the 8 of a set"
        in caution
    )
    assert "Nothing to compute" in "".join(run(folder, **uneven))


def test_a_named_number_of_images_leaves_out_smaller_tasks(tmp_path):
    lines = run(tmp_path / "o", "--dry-run", datasets="selection_toys:Uneven", images=6)
    reason = "it has 2 test images, fewer than the 6 needed"
    assert f"Left out: task uneven/drawn/synthetic/0/two: {reason}" in lines
    assert any(", 1 task, " in line for line in lines)
    both = "it has 2 to 6 test images, fewer than the 7 needed"
    message = refused(tmp_path / "o", 1, datasets="selection_toys:Uneven", images=7)
    assert "it has 6 test images, fewer than the 7 needed" in message and both not in message


def test_a_task_with_one_image_is_fine_and_one_without_is_left_out(tmp_path):
    lines = run(tmp_path / "run", datasets="selection_toys:Uneven", split="val", tasks="one", preset="quick")
    assert (
        "1 task has fewer than 8 val images, and all of them are used: uneven/drawn/synthetic/0/one 2"
        in lines
    )
    message = refused(tmp_path / "o", 1, datasets="selection_toys:TestOnly", split="val")
    assert "it has no val image)" in message


# what is left out


def test_a_line_for_each_reason_counts_more_than_three_names(tmp_path):
    lines = run(tmp_path / "run", models="all", images=2, tasks="one")
    (line,) = (line for line in lines if line.startswith("Left out: ") and "takes no interactions" in line)
    left = [one for one in manifest_of(tmp_path / "run")["left_out"] if "interactions" in one["reason"]]
    assert (
        line == f"Left out: {len(left)} models, each because it takes no interactions (--dry-run names them)"
    )
    (line,) = (
        line
        for line in run(tmp_path / "o", "--dry-run", models="all", images=2, tasks="one")
        if "takes no interactions" in line
    )
    assert all(one["name"] in line for one in left)


# names


def test_misspelt_classes_and_files_get_a_question(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_module.py").touch()
    assert "unknown model 'my_modul:Mine'; did you mean my_module:Mine?" in refused(
        "o", models="my_modul:Mine"
    )
    missing = (
        "unknown model 'other:Mine'; there is no module other; start the command in the folder of other.py"
    )
    assert missing in refused("o", models="other:Mine")
    file = "a class of my_module.py is named my_module:Mine, in the folder of that file"
    assert file in refused("o", models="my_module.py:Mine")
    (tmp_path / "scans").mkdir()
    assert "'scans'; did you mean folder:scans?" in refused("o", datasets="scans")
    for option, name, near in [
        ("models", "toys:Brsh", "toys:Brush"),
        ("datasets", "toys:Toy", "toys:Toys"),
        ("protocol", "toys:JORNAL", "toys:JOURNAL"),
    ]:
        assert f"'{name}'; did you mean {near}?" in refused("o", **{option: name})
