"""The bundled weights segment phantoms from few clicks, a small context, a set, or what they have learnt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segbench.datasets.phantoms import BrainPhantom, Phantoms
from segbench.models.registry import create_model
from segbench.models.training.real_tasks import evaluation_names
from segbench.models.weights import read_header
from segbench.protocols.adapter import Interactions, Query
from segbench.protocols.config import Config
from segbench.protocols.interactions import line_scribble
from segbench.protocols.metrics import dice
from segbench.protocols.registry import PROTOCOLS
from segbench.protocols.scheduler import run_simulations
from segbench.protocols.simulation import Rules, Setup, SimulationGroup, segment
from segbench.protocols.trajectory import labelled

IMAGES = 3
SHIPPED = sorted(Path(__file__).parents[2].glob("models/*/*.safetensors"))


@pytest.fixture(scope="module")
def lungs():
    (task,) = [task for task in Phantoms().tasks(None) if task.label == "lungs"]
    return Phantoms().load(task, None)


def mean_dice(model, data, clicks, context=0):
    """Mean Dice of validation images by the number of clicks; with a context it begins at none."""
    adapter = create_model(model)
    known = labelled(data, data.indices("train")[:context], adapter) if context else None
    rules = Rules(PROTOCOLS.get("center-clicks").annotator, clicks, stops=False)
    setup = Setup(data, adapter, Config())

    def simulation(image):
        trajectory = setup.trajectory(image, known)
        yield from segment(trajectory, adapter, rules, setup.rng_for(0, image), first_step=int(not context))
        return [step["dice"] for step in trajectory.steps]

    images = data.indices("val")[:IMAGES].tolist()
    ((_, scores),) = run_simulations([SimulationGroup(map(simulation, images), list)], adapter)
    return np.mean(scores, axis=0)


def test_scribbleprompt_segments_from_clicks(lungs):
    dice = mean_dice("scribbleprompt", lungs, clicks=5)
    assert dice[-1] > 0.85 and dice[-1] > dice[0] + 0.1


def test_multiverseg_segments_from_a_context_and_better_with_clicks(lungs):
    dice = mean_dice("multiverseg", lungs, clicks=3, context=4)
    assert dice[0] > 0.75 and dice[-1] > dice[0] + 0.02


def test_universeg_segments_from_a_context(lungs):
    assert mean_dice("universeg", lungs, clicks=0, context=4) > 0.7


def test_interconv_gains_from_sets_what_its_baseline_does_not(lungs):
    images = lungs.indices("val")[:8]
    rng = np.random.default_rng(0)
    marks = np.stack(
        [[line_scribble(mask, rng), line_scribble(~mask, rng)] for mask in lungs.labels[images, 0]]
    )
    marks = torch.from_numpy(marks)
    interactions = Interactions(marks[:, :1], marks[:, 1:], torch.zeros_like(marks[:, :1]))

    def mean_dice(model, sets):
        query = Query(torch.from_numpy(lungs.images[images]), interactions, sets=sets)
        masks = create_model(model).predict(query)[:, 0].numpy() > 0
        return dice(masks, lungs.labels[images, 0]).mean()

    together = mean_dice("scribbleprompt-interconv", (8,))
    assert together > mean_dice("scribbleprompt-interconv", (1,) * 8) + 0.02
    assert together > mean_dice("scribbleprompt-matched", None) + 0.02


def test_simpleunets_segment_the_brain_phantom_better_in_sets():
    (task,) = BrainPhantom().tasks()
    data = BrainPhantom().load(task)
    sets = [scans for scans in data.sets("val") if len(scans) >= 4][:4]

    def mean_dice(model, sizes):
        scores = []
        for scans in sets:
            query = Query(torch.from_numpy(data.images[scans]), sets=sizes(len(scans)))
            found = create_model(model).predict(query).argmax(1).numpy()
            truth = data.labels[scans, 0]
            scores += [dice(found == k, truth == k).mean() for k in range(1, data.classes)]
        return np.mean(scores)

    alone = mean_dice("simpleunet", lambda count: None)
    assert alone > 0.7
    assert mean_dice("simpleunet-interconv", lambda count: (count,)) > alone + 0.01


@pytest.mark.parametrize("model", ["scribbleprompt-matched", "scribbleprompt-interconv"])
def test_the_matched_pair_goes_on_for_twenty_clicks(lungs, model):
    dice = mean_dice(model, lungs, clicks=20)
    assert dice[-5:].mean() > dice[0] + 0.1


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_shipped_weights_learnt_from_no_data_for_evaluation(path):
    configuration = json.loads(read_header(path).get("training", "{}"))
    learnt = {name.lower() for name in configuration.get("data", {})}
    assert not learnt & evaluation_names()
    assert set(configuration.get("licences", {})) == set(configuration.get("data", {}))
