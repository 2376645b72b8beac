"""The answer of a page in words, on records whose answer is known by hand."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from artefact_helpers import data_of, needing, text_of, with_categories

from segbench.benchmark.summary import result_lines
from segbench.reports import answer
from segbench.reports.build import build
from segbench.results import Results
from segbench.results.progress import Progress

NO_FAILURE = "Every image reached 90% Dice."


@pytest.fixture(scope="module")
def small(run_of) -> Results:
    """Both protocols, two models, six tasks, 2 simulations of 3 images."""
    return run_of(models=("multiverseg", "sp-uvs"), simulations=2, count=3)


@pytest.mark.parametrize(
    ("efforts", "expected"),
    [
        (
            {"scribbleprompt": [[10, 10]] * 3, "sp_uvs": [[8, 8]] * 3, "multiverseg": [[6, 6]] * 3},
            "MultiverSeg needs the fewest clicks: 6.0 per image [6.0, 6.0 over 2 subjects]. The next "
            "best, SP+UVS, needs 8.0 [8.0, 8.0]. The change of the total is −25.0% [−25.0%, −25.0% over "
            "3 simulations; −25.0%, −25.0% over 2 subjects].",
        ),
        (
            {"scribbleprompt": [[9, 9]] * 3, "multiverseg": [[12, 12]] * 3},
            "ScribblePrompt needs the fewest clicks: 9.0 per image [9.0, 9.0 over 2 subjects]. "
            "MultiverSeg needs 12.0 [12.0, 12.0]. The change of the total is −25.0% [−25.0%, −25.0% over 3 "
            "simulations; −25.0%, −25.0% over 2 subjects].",
        ),
        (
            {"scribbleprompt": [[10, 10]] * 3, "multiverseg": [[4, 12]] * 3},
            "MultiverSeg needs the fewest clicks: 8.0 per image [4.0, 12.0 over 2 subjects]. "
            "ScribblePrompt needs 10.0 [10.0, 10.0]. The change of the total is −20.0% [−20.0%, −20.0% over "
            "3 simulations; −60.0%, +20.0% over 2 subjects]; with other subjects the order could differ.",
        ),
        (
            {"scribbleprompt": [[10, 10]] * 2, "multiverseg": [[10, 10], [8, 8]]},
            "MultiverSeg needs 9.0 clicks per image [9.0, 9.0 over 2 subjects]. ScribblePrompt needs "
            "10.0 [10.0, 10.0]. The change of the total is −10.0% [−20.0%, 0.0% over 2 simulations; −10.0%, "
            "−10.0% over 2 subjects], too small to rank the two.",
        ),
        (
            {"scribbleprompt": [[10, 10]], "multiverseg": [[8, 6]]},
            "MultiverSeg needs the fewest clicks: 7.0 per image [6.0, 8.0 over 2 subjects]. ScribblePrompt "
            "needs 10.0 [10.0, 10.0]. The change of the total is −30.0% [−40.0%, −20.0% over 2 subjects].",
        ),
        (
            {"scribbleprompt": [[10, 10]] * 2, "multiverseg": [[11, 11], [8, 8]]},
            "All methods need about the same number of clicks per image: ScribblePrompt 10.0 [10.0, 10.0 "
            "over 2 subjects] and MultiverSeg 9.5 [9.5, 9.5].",
        ),
        (
            {"scribbleprompt": [[10, 4]] * 2, "multiverseg": [[4, 10]] * 2},
            "All methods need about the same number of clicks per image: ScribblePrompt 7.0 [4.0, 10.0 over "
            "2 subjects] and MultiverSeg 7.0 [4.0, 10.0].",
        ),
        (
            {"scribbleprompt": [[0, 0]] * 2, "multiverseg": [[0, 0]] * 2},
            "All methods need about the same number of clicks per image: ScribblePrompt 0.0 [0.0, 0.0 over "
            "2 subjects] and MultiverSeg 0.0 [0.0, 0.0].",
        ),
        (
            {"scribbleprompt": [[8, 8]] * 2, "sp_uvs": [[8, 8]] * 2, "multiverseg": [[9, 9]] * 2},
            "ScribblePrompt and SP+UVS need the fewest clicks: 8.0 per image [8.0, 8.0 over 2 subjects].",
        ),
        (
            {"scribbleprompt": [[4, 6]] * 2},
            "ScribblePrompt needs 5.0 clicks per image [5.0, 5.0 over 2 simulations; 4.0, 6.0 over "
            "2 subjects]. No other method segmented the same images.",
        ),
        (
            {"scribbleprompt": [[2, 3]] * 2, "multiverseg": [[0, 0]] * 2},  # the other way is undefined
            "MultiverSeg needs the fewest clicks: 0.0 per image [0.0, 0.0 over 2 subjects]. "
            "ScribblePrompt needs 2.5 [2.0, 3.0]. The change of the total is −100.0% [−100.0%, −100.0% over "
            "2 simulations; −100.0%, −100.0% over 2 subjects].",
        ),
    ],
)
def test_interactions_change_and_order_in_words(efforts, expected):
    assert answer.sentences(needing(**efforts)) == [f"Center clicks on x: {expected} {NO_FAILURE}"]


@pytest.mark.parametrize(
    ("efforts", "expected"),
    [
        (  # a method that never reached the target needs no number of clicks
            {"scribbleprompt": [[20, 20]] * 2, "multiverseg": [[20, 10]] * 2},
            "MultiverSeg needs the fewest clicks: 15.0 per image [10.0, 20.0 over 2 subjects]. "
            "ScribblePrompt reached 90% Dice on no image. Images that missed 90% Dice: 50.0% with "
            "MultiverSeg and 100.0% with ScribblePrompt; each counts as 20 clicks.",
        ),
        (  # fewer clicks, more failures
            {"scribbleprompt": [[16, 16, 16, 16]] * 2, "multiverseg": [[2, 2, 2, 20]] * 2},
            "Images that missed 90% Dice: 25.0% with MultiverSeg and none with ScribblePrompt; each counts "
            "as 20 clicks. MultiverSeg fails on more images than ScribblePrompt.",
        ),
        (  # the method with the fewest failures comes last
            {
                "scribbleprompt": [[18, 18, 18, 18]] * 2,
                "sp_uvs": [[8, 8, 8, 20]] * 2,
                "multiverseg": [[2, 2, 2, 20]] * 2,
            },
            "Images that missed 90% Dice: 25.0% with MultiverSeg, 25.0% with SP+UVS and none with "
            "ScribblePrompt; each counts as 20 clicks. MultiverSeg fails on more images than ScribblePrompt.",
        ),
        (
            {"scribbleprompt": [[9, 9]] * 2, "sp_uvs": [[6, 6]] * 2, "random_walker": [[20, 9]] * 2},
            "Every image reached 90% Dice with SP+UVS and ScribblePrompt.",
        ),
        (
            {"scribbleprompt": [[4, 20, 6, 10]] * 2},
            "ScribblePrompt needs 10.0 clicks per image [10.0, 10.0 over 2 simulations; 4.5, 16.5 over "
            "4 subjects]. No other method segmented the same images. Images that missed 90% Dice: 25.0% with "
            "ScribblePrompt; each counts as 20 clicks.",
        ),
    ],
)
def test_failures_in_words(efforts, expected):
    (text,) = answer.sentences(needing(**efforts))
    assert text.endswith(expected)


def test_methods_without_a_common_image_are_not_compared():
    results = needing(scribbleprompt=[[4, 6]] * 2, multiverseg=[[20, 20]] * 2)
    results.images.loc[results.images.model == "multiverseg", "simulation"] += 10
    (text,) = answer.sentences(results)
    assert "ScribblePrompt needs 5.0 clicks per image" in text
    assert "MultiverSeg reached 90% Dice on no image. No other method segmented the same images." in text


def test_two_methods_are_compared_on_the_images_of_both():
    results = needing(scribbleprompt=[[10, 10], [2, 2]], multiverseg=[[5, 5], [1, 1]])
    alone = (results.images.model == "scribbleprompt") & (results.images.simulation == 1)
    results.images = results.images[~alone]
    (text,) = answer.sentences(results)
    assert "MultiverSeg needs the fewest clicks: 5.0 per image" in text
    assert "ScribblePrompt needs 10.0 [10.0, 10.0], on the images of both." in text
    assert "−50.0%" in text


def test_a_method_that_solves_nothing_needs_no_number_of_clicks(records):
    """The first method reaches the target with its last click, the second never."""
    images = [
        {"model": model, "position": position, "interactions": 20, "reached": model == "scribbleprompt"}
        for model in ("scribbleprompt", "multiverseg")
        for position in (1, 2)
    ]
    (text,) = answer.sentences(records(images))
    assert text.endswith(
        "The number of clicks per image does not rank the methods: ScribblePrompt 20.0 [20.0, 20.0 over "
        "2 subjects] and MultiverSeg 20.0 [20.0, 20.0]. MultiverSeg reached 90% Dice on no image. Images "
        "that missed 90% Dice: none with ScribblePrompt and 100.0% with MultiverSeg; each counts as 20 "
        "clicks."
    )


def test_methods_with_different_images_are_compared_on_shared_ones(records):
    """The second task, on which the first method misses the target, has no results of the other one."""
    images = [
        {"model": model, "label": label, "position": position, "interactions": clicks, "reached": clicks < 20}
        for model, label, clicks in (
            ("scribbleprompt", "easy", 4),
            ("scribbleprompt", "hard", 9),
            ("multiverseg", "easy", 4),
        )
        for position in (1, 2)
    ]
    images[3] |= {"interactions": 20, "reached": False}
    (text,) = answer.sentences(records(images))
    assert text.endswith(
        "All methods need about the same number of clicks per shared image: ScribblePrompt 4.0 [4.0, 4.0 "
        "over 2 subjects] and MultiverSeg 4.0 [4.0, 4.0]. Every shared image reached 90% Dice."
    )
    failed = {"model": "random-walker", "label": "easy", "interactions": 20, "reached": False}
    (text,) = answer.sentences(records([*images, *(failed | {"position": one} for one in (1, 2))]))
    assert text.endswith(
        "ScribblePrompt and MultiverSeg need the fewest clicks: 4.0 per image [4.0, 4.0 over 2 subjects], on "
        "the images of both. Every shared image reached 90% Dice with ScribblePrompt and MultiverSeg."
    )


# Largest Dice on the way, of two methods on four images, and the sentence about a lower target.
TARGETS = [
    # Three of four images reach 0.8 with one of the two; none reaches 0.85.
    ([(0.81, 0.6), (0.6, 0.82), (0.84, 0.7), (0.1, 0.1)], "With --target-dice 0.8 some method reaches the "),
    # Two of four reach 0.7.
    ([(0.72, 0.3), (0.3, 0.3), (0.3, 0.74), (0.3, 0.3)], "With --target-dice 0.7 some method reaches the "),
    ([(0.4, 0.3)] * 4, "No target from 0.5 up separates the methods; see Dice by number of interactions."),
    # Both methods reach 0.85 with equally many clicks, also every lower target.
    ([(0.86, 0.86)] * 4, "No target from 0.5 up separates the methods; see Dice by number of interactions."),
]


def failing(records, dice: list[tuple[float, float]], **given) -> list[dict]:
    """Return the images of two methods that miss the target after three clicks."""
    return [
        {"model": model, "position": position, "interactions": 3, "reached": False, "dice": one} | given
        for position, pair in enumerate(dice, start=1)
        for model, one in zip(("scribbleprompt", "multiverseg"), pair, strict=True)
    ]


def steps(images: list[dict]) -> list[dict]:
    """Return steps that reach the Dice of the image at the second click and lose it at the third."""
    return [row | {"step": step, "dice": row["dice"] * (step == 2)} for row in images for step in range(4)]


@pytest.mark.parametrize(("dice", "advice"), TARGETS)
def test_where_everything_fails_the_answer_has_dice_and_a_lower_target(records, dice, advice):
    images = failing(records, dice)
    (text,) = answer.sentences(records(images, steps(images)))
    means = [100 * sum(column) / len(dice) for column in zip(*dice, strict=True)]
    assert text.startswith("Center clicks on toy: No method reached 90% Dice on any image. ")
    first, second = sorted(zip(means, ("ScribblePrompt", "MultiverSeg"), strict=True), reverse=True)
    assert re.search(rf"Dice \(×100\) after 3 clicks: \S+ {first[0]:.1f} \[.+ and \S+ {second[0]:.1f}", text)
    assert advice in text
    share = "75%" if "0.8" in advice else "50%"
    assert not advice.startswith("With") or text.endswith(f"target on {share} of these images.")


def test_tasks_that_all_methods_fail_are_named_and_the_others_ranked(records):
    hard = [
        row
        for name in ("vessels", "teeth", "nerve", "duct", "fibre")
        for row in failing(records, [(0.84, 0.6), (0.84, 0.7)], label=name)
    ]
    easy = [
        {"label": "lungs", "model": model, "position": position, "interactions": clicks}
        for model, clicks in (("scribbleprompt", 4), ("multiverseg", 2))
        for position in (1, 2)
    ]
    (text,) = answer.sentences(records([*hard, *easy], steps(hard)))
    assert text == (
        "Center clicks on toy: No method reached 90% Dice on any image of duct, fibre, nerve and 2 more. "
        "With --target-dice 0.8 some method reaches the target on 100% of these images. On the other task: "
        "MultiverSeg needs the fewest clicks: 2.0 per image [2.0, 2.0 over 2 subjects]. ScribblePrompt needs "
        "4.0 [4.0, 4.0]. The change of the total is −50.0% [−50.0%, −50.0% over 2 subjects]. "
        "Every image reached 90% Dice."
    )


def test_a_task_is_named_by_its_data_set_if_that_has_one_task(records):
    dice = [(0.84, 0.6)]
    hard = failing(records, dice, dataset="eyes") + failing(records, dice, dataset="jaw", label="teeth")
    rest = [{"dataset": "jaw", "label": "bone", "position": position} for position in (1, 2)]
    (text,) = answer.sentences(records([*hard, *rest], steps(hard)))
    assert "on any image of eyes and jaw/teeth. " in text
    assert text.startswith("Center clicks on eyes and jaw: ")


def test_a_label_without_a_name_is_called_a_label(records):
    hard = failing(records, [(0.84, 0.6)], label="3")
    rest = [{"label": "1", "position": position} for position in (1, 2)]
    (text,) = answer.sentences(records([*hard, *rest], steps(hard)))
    assert "on any image of label 3. " in text


def test_dice_in_a_context_names_the_corrections_before_it(records):
    row = {"protocol": "interactive-in-context-clicks", "context": "ground-truth", "interactions": 10}
    images = [row | {"position": position, "dice": 0.8} for position in (1, 2)]
    (text, *_) = answer.answer(records(images))
    assert text.endswith("Dice (×100) after 10 clicks: MultiverSeg 80.0 [80.0, 80.0 over 2 subjects].")


def test_few_units_and_single_simulations_are_mentioned_once(run_of):
    def last(simulations, count):
        return answer.answer(run_of(models=("multiverseg",), simulations=simulations, count=count))[-1]

    assert last(1, 12) == "One simulation only: no interval over simulations."
    assert last(2, 12) == "Intervals over fewer than ten simulations are only an indication."
    assert last(12, 1) != last(12, 10)
    few = answer.answer(needing(scribbleprompt=[[4, 6]] * 2, multiverseg=[[4, 7]] * 2))
    assert few[-1] == "Intervals over fewer than ten simulations or subjects are only an indication."
    assert not any("indication" in text for text in few[:-1])
    alone = answer.answer(needing(scribbleprompt=[[4], [5]]))
    assert alone[-1].startswith(
        "One subject only: no interval over subjects. Intervals over fewer than ten sim"
    )


def test_records_of_another_split_or_context_are_answered_too(run_of):
    (text,) = answer.sentences(
        run_of(
            models=("multiverseg",), protocols=("center-clicks",), contexts=("soft",), split="val", count=2
        )
    )
    assert text.startswith("Center clicks, validation images, soft contexts on buid and wbc: MultiverSeg ")


def test_every_protocol_has_an_answer(whole_run):
    texts = answer.answer(whole_run)
    for title in ("Center clicks", "Centerline scribbles", "Bootstrapped", "In context", "Supervised"):
        assert any(text.lower().startswith(title.lower()) for text in texts), title
    (context,) = [text for text in texts if text.startswith("In context, ")]
    assert context.startswith("In context, context of 4 on buid and wbc: Dice (×100) of ")


def test_there_is_one_paragraph_per_protocol_also_from_a_computed_table(small):
    texts = answer.sentences(small)
    assert [text.split(" on ")[0] for text in texts] == ["Center clicks", "Centerline scribbles"]
    assert answer.sentences(small, data_of("comparisons", small)) == texts
    assert answer.sentences(with_categories(small)) == texts


def test_the_heading_names_models_and_data_sets_or_counts_them(run, small):
    assert answer.heading(small) == "SP+UVS and MultiverSeg on buid and wbc"
    assert answer.heading(run) == "4 models on buid and wbc"
    many = pd.concat([small.images.assign(dataset=name) for name in "abcd"])
    assert answer.heading(Results(many, [], small.read)) == "SP+UVS and MultiverSeg on 4 data sets"


def test_an_unfinished_run_names_what_has_no_result_yet(small, tmp_path):
    command = "python -m benchmark run --datasets buid,wbc"
    progress = [Progress(2, 48, (command,))]
    started = small.images[(small.images.dataset == "wbc") & (small.images.protocol == "center-clicks")]
    results = Results(started, small.manifests, small.read, None, ["results/runs/x"], progress)
    missing = "There is no result yet of Centerline scribbles, ScribblePrompt, Random walker and buid."
    assert answer.answer(results)[0] == missing
    build(results, tmp_path, only=["comparisons"])
    text = text_of(tmp_path)
    heading = text.index("SP+UVS and MultiverSeg on wbc")
    assert heading < text.index("2 of 48 units are finished") < text.index(command) < text.index(missing)


def test_lines_for_terminals_have_no_sign_that_some_cannot_print(small):
    lines = answer.plain_lines(small)
    assert len(lines) == len(answer.answer(small))
    assert "−" not in "".join(lines)
    assert "The change of the total is -" in lines[0]
    run = Results(small.images, small.manifests, small.read, None, ["results/runs/x"])
    printed = list(result_lines(run))
    assert printed[1 : 1 + len(lines)] == lines  # below the table
