"""Experiment 1 with toy models whose interactions can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segbench.datasets.task import Task, TaskData
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config, ProtocolError
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.sampling import draw_images
from segbench.protocols.sequential import CENTER_CLICKS, CENTERLINE_SCRIBBLES
from segbench.registry import UnknownName
from segbench.results.schema import IMAGES, PICTURES, STEPS, UNTIMED

BOTH = pytest.mark.parametrize("protocol", [CENTER_CLICKS, CENTERLINE_SCRIBBLES], ids=lambda p: p.name)


@pytest.fixture
def squares() -> TaskData:
    """Three squares of 5 x 5 pixels in every one of 3 images, the first for training."""
    labels = np.zeros((3, 1, 32, 32), bool)
    for row, column in ((4, 20), (12, 4), (22, 14)):
        labels[:, :, row : row + 5, column : column + 5] = True
    return TaskData(
        Task("toy", "toy", "drawing", "0", "squares"),
        labels.astype(np.float32),
        labels,
        np.array(["a", "b", "c"]),
        np.array(["train", "test", "test"]),
    )


def squares_around_clicks(query):
    """A square of 5 x 5 around every positive click, from the coordinates."""
    mask = torch.zeros_like(query.image, dtype=torch.bool)
    for number, clicks in enumerate(query.interactions.clicks):
        for row, column, positive in clicks:
            if positive:
                mask[number, 0, row - 2 : row + 3, column - 2 : column + 3] = True
    return mask


def nothing(query):
    return torch.zeros_like(query.image, dtype=torch.bool)


def everything(query):
    return torch.ones_like(query.image, dtype=torch.bool)


def bright_if_context(query):
    """The object if there is a context, else nothing."""
    return (query.image > 0.5) & (query.context is not None)


def run(protocol, data, model, simulations=(0,), seed_model=None, **config):
    return protocol.run(data, model, simulations, Config(**config), seed_model or model, "toy")


def outcomes(records):
    """Interactions, whether the target was reached, and the final Dice, for each image."""
    return [(row["interactions"], row["reached"], row["dice"]) for row in records.images]


def without_clock(records):
    images = [{key: value for key, value in row.items() if key != "seconds"} for row in records.images]
    return records.steps, images


def test_one_click_per_square_in_row_major_order(squares, toy_model):
    records = run(CENTER_CLICKS, squares, toy_model(squares_around_clicks), images=2)
    first = [row for row in records.steps if row["position"] == 1]
    assert [(row["step"], row["kind"], row["row"], row["column"]) for row in first] == [
        (1, "click+", 6, 22),
        (2, "click+", 14, 6),
        (3, "click+", 24, 16),
    ]
    assert [row["dice"] for row in first] == [0.5, 0.8, 1.0]
    assert [(row["tp"], row["fp"], row["fn"]) for row in first] == [(25, 0, 50), (50, 0, 25), (75, 0, 0)]
    assert outcomes(records) == [(3, True, 1.0)] * 2
    assert {row["image"] for row in records.images} == {1, 2}


@pytest.mark.parametrize(
    ("config", "interactions", "reached", "final"),
    [
        ({"target_dice": 0.8}, 2, True, 0.8),  # exactly the target is enough
        ({"target_dice": 0.81}, 3, True, 1.0),
        ({"max_steps": 3}, 3, True, 1.0),  # success at the very last step counts
        ({"max_steps": 2}, 2, False, 0.8),
        ({"target_dice": 1}, 3, True, 1.0),
    ],
)
def test_when_an_image_is_done(squares, toy_model, config, interactions, reached, final):
    records = run(CENTER_CLICKS, squares, toy_model(squares_around_clicks), images=2, **config)
    for row in records.images:
        assert (row["interactions"], row["reached"], row["dice"]) == (interactions, reached, final)
        assert (row["hd95"] == 0) == (final == 1)


@pytest.mark.parametrize(("protocol", "maximum"), [(CENTER_CLICKS, 20), (CENTERLINE_SCRIBBLES, 10)])
def test_a_model_that_never_reaches_the_target_gets_the_maximum(toy_task, toy_model, protocol, maximum):
    records = run(protocol, toy_task, toy_model(nothing))
    assert len(records.images) == 18
    assert all((row["interactions"], row["reached"]) == (maximum, False) for row in records.images)
    assert all(row["hd95"] == pytest.approx(32 * 2**0.5) for row in records.images)
    assert [row["step"] for row in records.steps] == list(range(1, maximum + 1)) * 18


def test_columns_are_those_of_the_schema(toy_task, obedient):
    records = run(CENTER_CLICKS, toy_task, obedient)
    assert {frozenset(row) for row in records.steps} == {frozenset(STEPS)}
    assert {frozenset(row) for row in records.images} == {frozenset(IMAGES)}
    row = records.images[0]
    assert row["seconds"] > 0
    assert (row["protocol"], row["model"], row["task"]) == ("center-clicks", "toy", toy_task.task.name)
    assert row["subject"] == toy_task.subjects[row["image"]]


@BOTH
def test_context_grows_and_saves_all_interactions(protocol, toy_task, toy_model, obedient):
    model = toy_model(bright_if_context, in_context=True)
    records = run(protocol, toy_task, model, seed_model=obedient)
    assert [row["context_size"] for row in records.images] == list(range(1, 19))
    assert all((row["interactions"], row["reached"]) == (0, True) for row in records.images)
    assert all((row["step"], row["kind"], row["row"]) == (0, "none", -1) for row in records.steps)
    assert [query.context.images.shape[:2] for query in model.queries] == [(1, n) for n in range(1, 19)]
    assert all(query.interactions is None and query.previous_logits is None for query in model.queries)


@BOTH
def test_below_its_minimum_a_model_gets_no_context(protocol, toy_task, toy_model, obedient):
    def segment(query):
        return bright_if_context(query) | obedient.segment(query)

    model = toy_model(segment, in_context=True, min_context=5)
    records = run(protocol, toy_task, model, seed_model=obedient)
    assert [row["context_size"] for row in records.images] == [0] * 4 + list(range(5, 19))
    assert [row["interactions"] for row in records.images] == [1] * 4 + [0] * 14
    assert records.steps[0]["kind"] in ("click+", "scribble+-")
    few = run(protocol, toy_task, model, seed_model=obedient, images=4)
    assert without_clock(few)[1] == without_clock(records)[1][:4]


@BOTH
def test_after_step_0_interactions_are_corrections(protocol, toy_task, toy_model, obedient):
    def segment(query):
        return everything(query) if query.interactions is None else query.image > 0.5

    model = toy_model(segment, in_context=True)
    records = run(protocol, toy_task, model, seed_model=obedient, images=1)
    correction = "click-" if protocol is CENTER_CLICKS else "scribble-"
    assert [row["kind"] for row in records.steps] == ["none", correction]
    bare, corrected = model.queries
    assert bare.interactions is None and bare.previous_logits is None
    assert not corrected.interactions.positive.any() and corrected.interactions.negative.any()
    assert not corrected.interactions.box.any()
    assert (corrected.previous_logits == 4).all()
    assert corrected.context.images.shape == (1, 1, 1, 32, 32)


def test_scribbles_start_with_both_kinds_and_then_correct_one_region(toy_task, toy_model):
    model = toy_model(nothing)
    records = run(CENTERLINE_SCRIBBLES, toy_task, model, images=1)
    assert [row["kind"] for row in records.steps] == ["scribble+-"] + ["scribble+"] * 9
    label = torch.from_numpy(toy_task.labels[records.images[0]["image"]])
    for query in model.queries:
        assert not query.interactions.positive[0][~label].any()
        assert not query.interactions.negative[0][label].any()
        assert query.interactions.positive.min() >= 0 and query.interactions.positive.max() <= 1
    mass = [float(query.interactions.positive.sum()) for query in model.queries]
    assert mass == sorted(mass) and mass[0] > 0  # interactions add up
    assert len({float(query.interactions.negative.sum()) for query in model.queries}) == 1
    assert model.queries[0].previous_logits is None
    assert all((query.previous_logits == -4).all() for query in model.queries[1:])


def test_scribbles_differ_between_simulations_and_steps_of_an_image(toy_task, toy_model):
    model = toy_model(nothing)
    run(CENTERLINE_SCRIBBLES, toy_task, model, simulations=range(2))
    maps: dict[bytes, list] = {}
    for query in model.queries:
        maps.setdefault(query.image.numpy().tobytes(), []).append(query.interactions.positive)
    twice = [positive for positive in maps.values() if len(positive) == 20]  # ten steps, twice
    assert len(twice) > 10
    starts = [positive[:2] for positive in twice]
    assert sum(not torch.equal(a, b) for a, b in starts) > len(starts) / 2
    # Corrections that repeat each other would cover no new pixel.
    assert np.mean([len({np.count_nonzero(p) for p in positive[::2]}) for positive in twice]) > 5


def test_false_positives_are_scribbled_on_by_their_share(toy_task, toy_model):
    def half_wrong(query):  # misses the object, and finds as many pixels elsewhere
        return torch.roll(query.image > 0.5, 16, dims=-1)

    records = run(CENTERLINE_SCRIBBLES, toy_task, toy_model(half_wrong), simulations=range(8))
    kinds = [row["kind"] for row in records.steps if row["step"] > 1]
    assert set(kinds) == {"scribble+", "scribble-"}
    assert kinds.count("scribble-") / len(kinds) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("variant", ["binary", "soft", "ground-truth"])
def test_content_of_the_context(toy_task, toy_model, obedient, variant):
    seed = toy_model(lambda query: (query.image > 0.5) & (torch.arange(32) < 16))
    model = toy_model(bright_if_context, in_context=True)
    records = run(CENTER_CLICKS, toy_task, model, seed_model=seed, images=3, context=variant)
    context = model.queries[-1].context
    order = draw_images(toy_task, 0, Config(images=3))
    assert records.images[-1]["image"] == order[3]
    np.testing.assert_array_equal(context.images[0], toy_task.images[order[:3]])
    label = toy_task.labels[order[0], 0]
    half = label & (np.arange(32) < 16)
    soft = np.where(half, 1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4)))
    expected = {"binary": half, "soft": soft, "ground-truth": label}[variant]
    np.testing.assert_allclose(context.labels[0, 0, 0], expected, atol=1e-6)


@BOTH
def test_grouping_of_simulations_changes_nothing(protocol, toy_task, toy_model):
    def segment(query):  # depends on every interaction, on the context and on the previous logits
        mask = query.image > 0.6
        if query.interactions is not None:
            grown = torch.nn.functional.max_pool2d(query.interactions.positive, 5, 1, 2) > 0.3
            mask = mask & grown
            if query.previous_logits is not None:
                mask = mask | (query.previous_logits > 0)
        if query.context is not None:
            mask = mask & (query.context.labels.mean((1, 2, 3, 4), keepdim=True)[:, 0] > 0.01)
        return mask

    def model():
        return toy_model(segment, in_context=True, min_context=3)

    together = run(protocol, toy_task, model(), range(6))
    singly = [run(protocol, toy_task, model(), [simulation]) for simulation in range(6)]
    assert without_clock(together)[0] == [row for records in singly for row in records.steps]
    assert without_clock(together)[1] == [row for records in singly for row in without_clock(records)[1]]
    larger = model()
    larger.micro_batch = 12
    assert without_clock(run(protocol, toy_task, larger, range(6))) == without_clock(together)
    sizes = {(0 if q.context is None else q.context.images.shape[1], len(q.image)) for q in larger.queries}
    assert {(0, 12), (3, 4), (4, 3), (5, 2), (7, 1), (18, 1)} <= sizes
    assert all(count == max(1, 12 // max(1, context)) for context, count in sizes)
    assert len({row["interactions"] for row in together.images}) > 1


@BOTH
def test_all_models_get_the_same_images_and_first_interactions(protocol, toy_task, toy_model, obedient):
    other = toy_model(nothing)
    a, b = run(protocol, toy_task, obedient, range(3)), run(protocol, toy_task, other, range(3))
    assert [row["image"] for row in a.images] == [row["image"] for row in b.images]
    firsts = [
        [torch.cat([q.image, q.interactions.positive, q.interactions.negative]) for q in queries]
        for queries in (
            [query for query in model.queries if query.previous_logits is None] for model in (obedient, other)
        )
    ]
    assert all(torch.equal(first, second) for first, second in zip(*firsts, strict=True))


def test_images_are_drawn_without_replacement_from_the_test_split(toy_task):
    orders = [draw_images(toy_task, simulation, Config()) for simulation in range(30)]
    assert all(len(set(order[1:])) == 18 and min(order[1:]) >= 4 for order in orders)
    assert {order[0] for order in orders} == {0, 1, 2, 3}
    assert len({tuple(order) for order in orders}) == 30
    np.testing.assert_array_equal(draw_images(toy_task, 3, Config(images=5)), orders[3][:6])
    assert (draw_images(toy_task, 3, Config(seed=1)) != orders[3]).any()


def test_simulations_of_context_free_models_share_predictions_with_clicks(toy_task, obedient):
    records = run(CENTER_CLICKS, toy_task, obedient, range(10))
    distinct = {row["image"] for row in records.images}
    assert len(obedient.queries) == len(distinct) == 20
    assert len({(row["image"], row["seconds"]) for row in records.images}) == 20


def test_an_image_without_the_label_gets_no_click_but_a_prediction(squares, toy_model):
    squares.labels[1:] = False
    blank = run(CENTER_CLICKS, squares, toy_model(nothing), images=2)
    assert outcomes(blank) == [(1, True, 1.0)] * 2
    assert {row["kind"] for row in blank.steps} == {"none"}
    wrong = run(CENTER_CLICKS, squares, toy_model(everything), images=2, max_steps=3)
    assert [row["kind"] for row in wrong.steps] == ["none", "click-", "click-"] * 2
    assert all(row["hd95"] == pytest.approx(32 * 2**0.5) for row in wrong.images)


@BOTH
def test_unsupported_models_and_tasks(protocol, toy_task, make_task, obedient, toy_model):
    assert protocol.unsupported_model(Capabilities(interactive=True)) is None
    assert protocol.unsupported_model(Capabilities(interactive=True, in_context=True)) is None
    assert protocol.unsupported_model(Capabilities(interactive=True, setwise=True)) is None
    for capabilities, reason in [
        (Capabilities(in_context=True), "takes no interactions"),
        (Capabilities(interactive=True, needs_training=True), "trained"),
    ]:
        assert reason in (protocol.unsupported_model(capabilities) or "")
    assert protocol.unsupported_task(toy_task, Config()) is None
    assert "17 test images" in (protocol.unsupported_task(make_task(test=17), Config()) or "")
    assert protocol.unsupported_task(make_task(train=0), Config()) is None
    with pytest.raises(ProtocolError, match="no train image to begin the context with"):
        run(protocol, make_task(train=0), toy_model(nothing, in_context=True))
    with pytest.raises(ProtocolError, match="17 test images"):
        run(protocol, make_task(test=17), obedient)
    with pytest.raises(ProtocolError, match=r"toy cannot run .*: it takes no interactions"):
        run(protocol, toy_task, toy_model(nothing, interactive=False, in_context=True))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda image: image[:, 0], r"Broken returned logits of shape \(1, 32, 32\) instead of \(1, 1, 3"),
        (lambda image: image / 0, "Broken returned NaN or infinite logits"),
        (lambda image: image.numpy(), "Broken returned ndarray"),
    ],
)
def test_invalid_predictions_name_the_model(toy_task, answer, message):
    class Broken:
        capabilities = Capabilities(interactive=True)

        def predict(self, query):
            return answer(query.image)

    with pytest.raises(ProtocolError, match=message):
        run(CENTER_CLICKS, toy_task, Broken())


def test_logits_in_half_precision_are_valid(toy_task, obedient):
    class Half:
        capabilities = Capabilities(interactive=True)

        def predict(self, query):
            return obedient.predict(query).bfloat16().requires_grad_()

    assert without_clock(run(CENTER_CLICKS, toy_task, Half())) == without_clock(
        run(CENTER_CLICKS, toy_task, obedient)
    )


def test_protocols_are_found_by_name():
    assert PROTOCOLS.names()[:2] == ["center-clicks", "centerline-scribbles"]
    for name, maximum, version in (("center-clicks", 20, 1), ("centerline-scribbles", 10, 2)):
        protocol = PROTOCOLS.get(name)
        assert (protocol.name, protocol.max_steps, protocol.version) == (name, maximum, version)
    with pytest.raises(UnknownName, match="did you mean center-clicks"):
        PROTOCOLS.get("centre-click")


def unpacked(row, name):
    size = row["height"] * row["width"]
    return np.unpackbits(np.frombuffer(row[name], "u1"))[:size].reshape(row["height"], row["width"]) > 0


def test_masks_and_marks_of_the_first_simulation_are_kept(squares, toy_model):
    records = run(CENTER_CLICKS, squares, toy_model(squares_around_clicks), (0, 1), images=2)
    assert {row["simulation"] for row in records.pictures} == {0}
    first = [row for row in records.pictures if row["position"] == 1]
    assert [row["step"] for row in first] == [1, 2, 3]
    assert [row["dice"] for row in first] == [0.5, 0.8, 1.0]
    np.testing.assert_array_equal(unpacked(first[-1], "prediction"), squares.labels[1, 0])
    assert np.argwhere(unpacked(first[1], "positive")).tolist() == [[14, 6]]  # this step's click alone
    assert {row["negative"] for row in first} == {b""}
    assert set(first[0]) == set(PICTURES)


def test_the_seed_image_is_pictured(toy_task, toy_model, obedient):
    model = toy_model(bright_if_context, in_context=True)
    records = run(CENTERLINE_SCRIBBLES, toy_task, model, seed_model=obedient, images=2)
    seed = [row for row in records.pictures if row["position"] == 0]
    assert [(row["step"], row["kind"], row["dice"]) for row in seed] == [(1, "scribble+-", 1.0)]
    assert toy_task.split[seed[0]["image"]] == "train"
    label = toy_task.labels[seed[0]["image"], 0]
    positive, negative = unpacked(seed[0], "positive"), unpacked(seed[0], "negative")
    assert positive.any() and not positive[~label].any()
    assert negative.any() and not negative[label].any()
    assert {row["position"] for row in records.images} == {1, 2}


def test_the_validation_split_and_whole_splits(make_task, obedient):
    task = make_task(train=2, test=9)
    task.split[2:6] = "val"
    records = run(CENTER_CLICKS, task, obedient, images=None, split="val")
    assert sorted(row["image"] for row in records.images) == [2, 3, 4, 5]
    assert {row["split"] for row in records.images} == {"val"}
    assert {row["context"] for row in records.images} == {"none"}
    assert "4 val images, fewer than the 5" in CENTER_CLICKS.unsupported_task(
        task, Config(images=5, split="val")
    )


def test_seed_images_have_rows_of_their_own(toy_task, toy_model):
    model = toy_model(bright_if_context, in_context=True)
    records = run(CENTER_CLICKS, toy_task, model, range(3), toy_model(nothing), images=2, max_steps=4)
    assert [(row["position"], row["simulation"]) for row in records.seeds] == [(0, 0), (0, 1), (0, 2)]
    assert [(row["interactions"], row["reached"], row["dice"]) for row in records.seeds] == [
        (4, False, 0.0)
    ] * 3
    assert [row["image"] for row in records.seeds] == [
        draw_images(toy_task, simulation, Config())[0] for simulation in range(3)
    ]
    assert {frozenset(row) for row in records.seeds} == {frozenset(UNTIMED)}
    assert {row["position"] for row in (*records.images, *records.steps)} == {1, 2}


def test_models_without_a_context_have_no_seed_image(toy_task, obedient):
    assert run(CENTER_CLICKS, toy_task, obedient, images=2).seeds == []


def test_a_failed_seed_image_is_redrawn_until_one_reaches_the_target(toy_task, toy_model):
    first = draw_images(toy_task, 0, Config())[0]
    failing = torch.from_numpy(toy_task.images[first])

    def segment(query):  # fails on the first seed image only
        return nothing(query) if torch.equal(query.image[0], failing) else query.image > 0.5

    model = toy_model(bright_if_context, in_context=True)
    (kept,) = run(CENTER_CLICKS, toy_task, model, seed_model=toy_model(segment), images=1).seeds
    assert (kept["image"], kept["reached"]) == (first, False)
    records = run(
        CENTER_CLICKS, toy_task, model, seed_model=toy_model(segment), images=1, seed_image="redraw"
    )
    (redrawn,) = records.seeds
    assert redrawn["reached"] and redrawn["image"] != first
    assert toy_task.split[redrawn["image"]] == "train"
    context = model.queries[-1].context
    np.testing.assert_array_equal(context.images[0, 0], toy_task.images[redrawn["image"]])


def test_without_any_seed_image_at_the_target_the_best_one_is_kept(make_task, toy_model):
    task = make_task(train=4, test=1)
    for image, pixels in enumerate((30, 60, 90, 50)):  # 25 of them are found
        task.labels[image] = (np.arange(32 * 32) < pixels).reshape(1, 32, 32)
    model = toy_model(bright_if_context, in_context=True)
    seed_model = toy_model(lambda query: (torch.arange(32 * 32) < 25).reshape(1, 1, 32, 32))
    config = {"images": 1, "max_steps": 1, "seed_image": "redraw"}
    for target, reached in ((0.9, True), (0.95, False)):
        records = run(CENTER_CLICKS, task, model, range(4), seed_model, target_dice=target, **config)
        found = {(row["image"], row["reached"], row["dice"]) for row in records.seeds}
        assert found == {(0, reached, 50 / 55)}
