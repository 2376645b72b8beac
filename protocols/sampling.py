"""The images that simulations draw, in their order."""

from __future__ import annotations

import numpy as np

from segbench.datasets.task import ImageData
from segbench.protocols.config import Config
from segbench.randomness import keyed_generator

SEED_DRAWS = 20  # train images of which a seed image is drawn at most
LARGEST_SET = 8  # images; InterConv, section 4.1


def draw_images(data: ImageData, simulation: int, config: Config) -> np.ndarray:
    """Draw a seed image of the train split, then images of the evaluated split in order (experiment 1).

    Simulations with fewer images begin with the same images.

    Returns
    -------
    int array (1 + number of images,)
        The seed image is -1 if there are no train images; models without a context need none.
    """
    key = config.seed, data.task.name, simulation
    images = keyed_generator(*key, f"{config.split} images").permutation(data.indices(config.split))
    has_train = len(data.indices("train")) > 0
    seed_image = draw_seed_images(data, simulation, config)[0] if has_train else -1
    return np.append(seed_image, images[: config.images])


def draw_seed_images(data: ImageData, simulation: int, config: Config) -> np.ndarray:
    """Draw the images of the train split of which the seed image is the first that reaches the target Dice.

    Returns
    -------
    int array
        One image with ``config.seed_image`` keep; up to `SEED_DRAWS` different ones with redraw, the same
        first one included.
    """
    train = data.indices("train")
    rng = keyed_generator(config.seed, data.task.name, simulation, "seed image")
    first = rng.choice(train)
    if config.seed_image == "keep":
        return np.array([first])
    return np.append(first, rng.permutation(train[train != first]))[:SEED_DRAWS]


def draw_context(
    data: ImageData, simulation: int, image: int, size: int, seed: int, contexts: int = 1
) -> np.ndarray:
    """Draw images of the train split with replacement as context of an image (experiment 2).

    Larger contexts begin with the same images. The first of several contexts is that of all models.

    Returns
    -------
    int array (contexts * size,)
    """
    train = data.indices("train")
    purposes = ["context", *(f"context {number}" for number in range(2, contexts + 1))]
    rngs = [keyed_generator(seed, data.task.name, simulation, image, purpose) for purpose in purposes]
    return np.concatenate([train[rng.integers(len(train), size=size)] for rng in rngs])


def eval_images(data: ImageData, config: Config, limit: int | None) -> np.ndarray:
    """Draw the images that all simulations segment, at most ``limit``, sorted by index."""
    order = keyed_generator(config.seed, data.task.name, "images").permutation(data.indices(config.split))
    return np.sort(order[:limit])


def draw_set_order(data: ImageData, simulation: int, config: Config) -> np.ndarray:
    """Draw the order in which the images of a task are divided into sets.

    All simulations have the same images; ``config.eval_images`` is rounded up to whole sets of 8.

    Returns
    -------
    int array (number of images,)
    """
    rng = keyed_generator(config.seed, data.task.name, simulation, "order")
    return rng.permutation(eval_images(data, config, set_images(config)))


def set_images(config: Config) -> int | None:
    """Return how many images of a task are divided into sets at most; None for all."""
    return config.eval_images and -(-config.eval_images // LARGEST_SET) * LARGEST_SET
