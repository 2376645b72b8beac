"""How games are played together: queries that fill up, and what is played only once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from segbench.protocols import cache
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.protocols.scheduler import CROWD, run_simulations
from segbench.protocols.sequential import CENTER_CLICKS, CENTERLINE_SCRIBBLES

BOTH = pytest.mark.parametrize("protocol", [CENTER_CLICKS, CENTERLINE_SCRIBBLES], ids=lambda p: p.name)
CONFIG = Config(images=6, max_steps=6)


@pytest.fixture(autouse=True)
def fresh():
    """Nothing is known of what other tests have played."""
    cache.forget()


def grown(query):
    """The object near the marks and the last prediction, so that images differ in their steps."""
    if query.interactions is None:
        return (query.image > 0.5) & (query.context.labels.mean((1, 3, 4), keepdim=True)[:, 0] > 0.1)
    near = max_pool2d(query.interactions.positive, 5, 1, 2) > 0.3
    if query.previous_logits is not None:
        near = near | (max_pool2d((query.previous_logits > 0).float(), 3, 1, 1) > 0)
    return near & (query.image > 0.5) & (query.interactions.negative == 0)


@pytest.fixture
def make_model(toy_model):
    """``make_model(micro_batch, in_context, **attributes)``: a model that needs several steps an image."""

    def make(micro_batch=1, in_context=True, **attributes):
        model = toy_model(grown, in_context=in_context)
        vars(model).update(micro_batch=micro_batch, **attributes)
        return model

    return make


def rows(records):
    images = [{key: value for key, value in row.items() if key != "seconds"} for row in records.images]
    return records.steps, images, records.pictures


def blocks(make_task):
    """Two blocks of simulations of three tasks, one of them with larger images."""
    tasks = [make_task(name=name, side=side) for name, side in (("disc", 32), ("large", 48), ("other", 32))]
    return [(task, block) for task in tasks for block in (range(4), range(4, 6))]


@BOTH
def test_blocks_of_several_tasks_have_together_the_records_that_each_has_alone(
    protocol, make_task, make_model
):
    given = blocks(make_task)
    apart = [protocol.run(task, make_model(), block, CONFIG, make_model(), "toy") for task, block in given]
    model = make_model(micro_batch=12)
    sittings = (protocol.prepare(task, model, block, CONFIG, make_model(), "toy") for task, block in given)
    together = dict(run_simulations(sittings, model))
    assert [rows(together[number]) for number in range(len(given))] == [rows(records) for records in apart]
    assert len({row["interactions"] for records in apart for row in records.images}) > 2


def test_queries_are_filled_from_all_simulations_and_tasks(make_task, make_model):
    """An image that is finished makes room for the next: few queries have to repeat one to be full."""
    given = [(make_task(name=name), range(12)) for name in ("one", "two", "three")]
    seed_model = make_model(in_context=False)

    def play(parts, model):
        """Predictions that were made, for each that was needed."""
        sittings = (CENTER_CLICKS.prepare(*part, CONFIG, seed_model, "toy") for part in parts)
        needed = sum(len(records.steps) for _, records in run_simulations(sittings, model))
        return sum(len(query.image) for query in model.queries) / needed

    alike, single = make_model(micro_batch=12), make_model(micro_batch=12)
    assert 1 <= play([(task, alike, block) for task, block in given], alike) < 1.5
    assert play([(given[0][0], single, [0])], single) > 2


def test_no_more_games_are_begun_than_fill_the_queries(make_task, make_model):
    """ContextBuffer does not grow with the number of simulations: the next begin when others have ended."""
    task, model, begun = make_task(), make_model(micro_batch=4), []

    def watched(game, number):
        begun.append(number)
        result = yield from game
        return result

    def sitting(number):
        made = CENTER_CLICKS.prepare(task, model, range(number, number + 1), CONFIG, make_model(), "toy")
        return type(made)([watched(*made.games, number)], made.records)

    most = 0
    for done, _ in enumerate(run_simulations(map(sitting, range(80)), model)):
        most = max(most, len(begun) - done)
    assert len(begun) == 80 and most <= 4 * CROWD + 1  # and the one that has just ended


def test_models_that_do_the_same_without_a_context_share_what_was_played(toy_task, make_model, toy_model):
    def play(protocol, model, seed_model, simulations=range(3)):
        return protocol.run(toy_task, model, simulations, CONFIG, seed_model, "toy")

    first = make_model(in_context=False, fingerprint="a")
    expected = {protocol: play(protocol, first, None) for protocol in (CENTER_CLICKS, CENTERLINE_SCRIBBLES)}
    for protocol, records in expected.items():
        same, other = (make_model(in_context=False, fingerprint=name) for name in "ab")
        assert rows(play(protocol, same, None)) == rows(records) and not same.queries
        assert rows(play(protocol, other, None)) == rows(records) and other.queries
        # Below its minimum of 3 a model leaves its images, and the seed image, to the same.
        refined = toy_model(grown, in_context=True, min_context=3)
        refined.fallback = make_model(in_context=False, fingerprint="a")
        helped = play(protocol, refined, make_model(in_context=False, fingerprint="a"))
        assert {(s["position"], s["step"], s["dice"]) for s in helped.steps if s["position"] < 3} == {
            (s["position"], s["step"], s["dice"]) for s in records.steps if s["position"] < 3
        }
        assert not refined.fallback.queries
        assert {query.context is None for query in refined.queries if query.interactions is None} == {False}


def test_only_simulations_that_would_see_other_scribbles_are_played_again(toy_task, make_model):
    for protocol, again in ((CENTER_CLICKS, False), (CENTERLINE_SCRIBBLES, True)):
        model = make_model(in_context=False, fingerprint="a")
        config = Config(images=20, max_steps=6)
        protocol.run(toy_task, model, range(1), config, None, "toy")
        asked = len(model.queries)
        protocol.run(toy_task, model, range(1, 4), config, None, "toy")
        assert (len(model.queries) > asked) == again
        protocol.run(toy_task, model, range(4), Config(images=20, max_steps=5), None, "toy")
        assert len(model.queries) > asked  # other rules


def test_what_was_played_without_pictures_is_played_again_for_them(toy_task, make_model):
    model = make_model(in_context=False, fingerprint="a")
    config = Config(images=20, max_steps=6)
    CENTER_CLICKS.run(toy_task, model, range(1, 2), config, None, "toy")
    records = CENTER_CLICKS.run(toy_task, model, range(1), config, None, "toy")
    assert len(records.pictures) == len(records.steps)


@BOTH
def test_an_annotator_that_is_given_tensors_draws_the_same(protocol, toy_task, make_model, monkeypatch):
    """As on a GPU."""

    def play():
        return rows(protocol.run(toy_task, make_model(12), range(3), CONFIG, make_model(), "toy"))

    arrays = play()
    monkeypatch.setattr(
        "segbench.protocols.scheduler._batch", lambda masks, _: torch.from_numpy(np.stack(masks))
    )
    assert play() == arrays


def test_an_error_of_the_annotator_or_the_model_ends_the_games(toy_task, make_model):
    class Failing:
        capabilities, micro_batch = Capabilities(interactive=True), 4

        def predict(self, query):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        CENTER_CLICKS.run(toy_task, Failing(), range(3), CONFIG, None, "toy")
