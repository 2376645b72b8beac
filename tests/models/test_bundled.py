"""The bundled weights segment phantoms, unseen in training, from a few clicks or a small context."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.phantoms import Phantoms
from models.registry import create_model
from protocols.config import Config
from protocols.engine import Rules, interact, labelled
from protocols.registry import PROTOCOLS

IMAGES = 3


@pytest.fixture(scope="module")
def lungs():
    (task,) = [task for task in Phantoms().tasks(None) if task.label == "lungs"]
    return Phantoms().load(task, None)


def mean_dice(model, data, clicks, context=0):
    """Mean Dice of validation images by the number of clicks; with a context it begins at none."""
    images = data.indices("val")[:IMAGES].tolist()
    entries = [labelled(data, index) for index in data.indices("train")[:context]]
    found = interact(
        data,
        create_model(model),
        [(0, image) for image in images],
        Rules(PROTOCOLS.get("center-clicks").annotator, clicks, stops=False),
        Config(),
        [entries] * len(images) if context else None,
    )
    return np.mean([[step["dice"] for step in trajectory.steps] for trajectory in found], axis=0)


def test_scribbleprompt_segments_from_clicks(lungs):
    dice = mean_dice("scribbleprompt", lungs, clicks=5)
    assert dice[-1] > 0.85 and dice[-1] > dice[0] + 0.1


def test_multiverseg_segments_from_a_context_and_better_with_clicks(lungs):
    dice = mean_dice("multiverseg", lungs, clicks=3, context=4)
    assert dice[0] > 0.75 and dice[-1] > dice[0] + 0.02


def test_universeg_segments_from_a_context(lungs):
    assert mean_dice("universeg", lungs, clicks=0, context=4) > 0.7
