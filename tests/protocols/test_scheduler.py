"""The scheduler: the records of the plain loop, full queries, and a cache of context-free predictions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from segbench.protocols import cache
from segbench.protocols.adapter import Capabilities
from segbench.protocols.config import Config
from segbench.protocols.scheduler import IN_FLIGHT, plain_loop, run_simulations
from segbench.protocols.sequential import CENTER_CLICKS, CENTERLINE_SCRIBBLES
from segbench.protocols.simulation import SimulationGroup

BOTH = pytest.mark.parametrize("protocol", [CENTER_CLICKS, CENTERLINE_SCRIBBLES], ids=lambda p: p.name)
CONFIG = Config(images=6, max_steps=6)


@pytest.fixture(autouse=True)
def empty_cache():
    """No predictions of other tests are cached."""
    cache.forget()


def grown(query):
    """Segment the object near interactions and last prediction; images then differ in their steps."""
    if query.interactions is None:
        return (query.image > 0.5) & (query.context.labels.mean((1, 3, 4), keepdim=True)[:, 0] > 0.1)
    near = max_pool2d(query.interactions.positive, 5, 1, 2) > 0.3
    if query.previous_logits is not None:
        near = near | (max_pool2d((query.previous_logits > 0).float(), 3, 1, 1) > 0)
    return near & (query.image > 0.5) & (query.interactions.negative == 0)


@pytest.fixture
def make_model(toy_model):
    """``make_model(micro_batch, in_context, **attributes)``: a model that needs several steps per image."""

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
@pytest.mark.parametrize("micro_batch", [1, 12])
def test_the_scheduler_gives_the_records_of_the_plain_loop(protocol, toy_task, toy_model, micro_batch):
    def segment(query):
        return torch.zeros_like(query.image) > 0 if query.interactions is None else grown(query)

    model, seed_model = toy_model(segment, in_context=True), toy_model(segment)
    model.micro_batch = micro_batch
    records = protocol.run(toy_task, model, range(3), CONFIG, seed_model, "toy")
    for simulation in range(3):
        expected = plain_loop(
            toy_task, model, seed_model, protocol.annotator, CONFIG.max_steps, simulation, CONFIG
        )
        found = [row for row in records.steps if row["simulation"] == simulation]
        assert [{name: row[name] for name in expected[0]} for row in found] == expected
        assert len(expected) > 2 * CONFIG.images


@BOTH
def test_blocks_of_several_tasks_have_the_same_records_together_and_alone(protocol, make_task, make_model):
    given = blocks(make_task)
    alone = [protocol.run(task, make_model(), block, CONFIG, make_model(), "toy") for task, block in given]
    model = make_model(micro_batch=12)
    groups = (protocol.prepare(task, model, block, CONFIG, make_model(), "toy") for task, block in given)
    together = dict(run_simulations(groups, model))
    assert [rows(together[number]) for number in range(len(given))] == [rows(records) for records in alone]
    assert len({row["interactions"] for records in alone for row in records.images}) > 2


def test_queries_are_filled_from_all_simulations_and_tasks(make_task, make_model):
    """A finished image makes room for the next: few queries are padded."""
    given = [(make_task(name=name), range(12)) for name in ("one", "two", "three")]
    seed_model = make_model(in_context=False)

    def run(parts, model):
        """Return the predictions made per prediction needed."""
        groups = (CENTER_CLICKS.prepare(*part, CONFIG, seed_model, "toy") for part in parts)
        needed = sum(len(records.steps) for _, records in run_simulations(groups, model))
        return sum(len(query.image) for query in model.queries) / needed

    several, single = make_model(micro_batch=12), make_model(micro_batch=12)
    assert 1 <= run([(task, several, block) for task, block in given], several) < 1.5
    assert run([(given[0][0], single, [0])], single) > 2


def test_no_more_simulations_are_in_progress_than_fill_the_queries(make_task, make_model):
    """Memory does not grow with the number of simulations: the next start when others have finished."""
    task, model, started = make_task(), make_model(micro_batch=4), []

    def watched(simulation, number):
        started.append(number)
        result = yield from simulation
        return result

    def group(number):
        made = CENTER_CLICKS.prepare(task, model, range(number, number + 1), CONFIG, make_model(), "toy")
        return SimulationGroup([watched(*made.simulations, number)], made.collect)

    most = 0
    for finished, _ in enumerate(run_simulations(map(group, range(80)), model)):
        most = max(most, len(started) - finished)
    assert len(started) == 80 and most <= 4 * IN_FLIGHT + 1  # one has just finished


@pytest.mark.parametrize(
    ("in_context", "shares"),
    # Six images; with a context, the seed image counts 2 and an image in a context of n counts 2 + n.
    [(False, [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]), (True, [2, 5, 9, 14, 20, 27, 35])],
)
def test_the_share_of_a_simulation_grows_with_each_image(toy_task, make_model, in_context, shares):
    reports = []
    group = CENTER_CLICKS.prepare(
        toy_task, make_model(in_context=in_context), [0], CONFIG, make_model(), "toy"
    )
    list(run_simulations([group], make_model(), lambda *report: reports.append(report)))
    assert reports == [(0, pytest.approx(share / shares[-1])) for share in [*shares, shares[-1]]]


def test_the_share_of_a_group_is_the_mean_of_its_simulations(toy_task, make_model):
    reports = []
    group = CENTER_CLICKS.prepare(toy_task, make_model(in_context=False), range(2), CONFIG, None, "toy")
    list(run_simulations([group], make_model(), lambda *report: reports.append(report)))
    shares = [share for _, share in reports]
    assert shares == sorted(shares) and shares[-1] == 1 and shares[6] == pytest.approx(0.5)


@BOTH
@pytest.mark.parametrize(("in_context", "min_context"), [(False, 1), (True, 1), (True, 4), (True, 9)])
def test_predictions_are_as_many_as_announced_if_no_image_reaches_the_target(
    protocol, toy_task, toy_model, in_context, min_context
):
    """Fewer on images without a context if simulations draw the same image and click alike."""
    capabilities = Capabilities(interactive=True, in_context=in_context, min_context=min_context)
    model, seed_model = (toy_model(lambda query: query.image < 0) for _ in range(2))
    model.capabilities = capabilities
    protocol.run(toy_task, model, range(2), CONFIG, seed_model, "toy")
    made = Counter(
        (0 if query.context is None else query.context.images.shape[1], query.interactions is not None)
        for query in model.queries + seed_model.queries
    )
    available = len(toy_task.indices("test"))
    announced = protocol.predictions(2, available, CONFIG, capabilities)
    assert made.keys() == {kind for kind, number in announced.items() if number}
    if not protocol.annotator.random and (0, True) in made:
        assert made.pop((0, True)) <= announced[0, True]
    assert all(announced[kind] == number for kind, number in made.items())


def test_a_group_without_simulations_has_no_records(toy_task, make_model):
    records = CENTER_CLICKS.run(toy_task, make_model(), (), CONFIG, make_model(), "toy")
    assert rows(records) == ([], [], [])


def test_adapters_with_equal_fingerprints_share_context_free_predictions(toy_task, make_model, toy_model):
    def run(protocol, model, seed_model, simulations=range(3)):
        return protocol.run(toy_task, model, simulations, CONFIG, seed_model, "toy")

    first = make_model(in_context=False, fingerprint="a")
    expected = {protocol: run(protocol, first, None) for protocol in (CENTER_CLICKS, CENTERLINE_SCRIBBLES)}
    for protocol, records in expected.items():
        same, other = (make_model(in_context=False, fingerprint=name) for name in "ab")
        assert rows(run(protocol, same, None)) == rows(records) and not same.queries
        assert rows(run(protocol, other, None)) == rows(records) and other.queries
        # Below its minimum of 3 context entries the fallback segments its images.
        refined = toy_model(grown, in_context=True, min_context=3)
        refined.fallback = make_model(in_context=False, fingerprint="a")
        helped = run(protocol, refined, make_model(in_context=False, fingerprint="a"))
        assert {(s["position"], s["step"], s["dice"]) for s in helped.steps if s["position"] < 3} == {
            (s["position"], s["step"], s["dice"]) for s in records.steps if s["position"] < 3
        }
        assert not refined.fallback.queries
        assert {query.context is None for query in refined.queries if query.interactions is None} == {False}


def test_only_simulations_with_other_scribbles_are_predicted_again(toy_task, make_model):
    for protocol, again in ((CENTER_CLICKS, False), (CENTERLINE_SCRIBBLES, True)):
        model = make_model(in_context=False, fingerprint="a")
        config = Config(images=20, max_steps=6)
        protocol.run(toy_task, model, range(1), config, None, "toy")
        asked = len(model.queries)
        protocol.run(toy_task, model, range(1, 4), config, None, "toy")
        assert (len(model.queries) > asked) == again
        protocol.run(toy_task, model, range(4), Config(images=20, max_steps=5), None, "toy")
        assert len(model.queries) > asked  # other rules


def test_a_cached_result_without_pictures_is_computed_again_for_them(toy_task, make_model):
    model = make_model(in_context=False, fingerprint="a")
    config = Config(images=20, max_steps=6)
    CENTER_CLICKS.run(toy_task, model, range(1, 2), config, None, "toy")
    records = CENTER_CLICKS.run(toy_task, model, range(1), config, None, "toy")
    assert len(records.pictures) == len(records.steps)


@BOTH
def test_an_annotator_draws_the_same_on_tensors(protocol, toy_task, make_model, monkeypatch):
    """As on a GPU."""

    def run():
        return rows(protocol.run(toy_task, make_model(12), range(3), CONFIG, make_model(), "toy"))

    arrays = run()
    monkeypatch.setattr(
        "segbench.protocols.inference._stack", lambda masks, _: torch.from_numpy(np.stack(masks))
    )
    assert run() == arrays


def test_an_error_of_the_model_ends_the_simulations(toy_task, make_model):
    class Failing:
        capabilities, micro_batch = Capabilities(interactive=True), 4

        def predict(self, query):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        CENTER_CLICKS.run(toy_task, Failing(), range(3), CONFIG, None, "toy")
