"""Marks of an interaction as pixels, for models that need seeds."""

from __future__ import annotations

import numpy as np

from segbench.protocols.adapter import Interactions

STRENGTH = 0.5  # a pixel is marked where the interaction is stronger than this share of its maximum


def marked_pixels(interactions: Interactions) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of the positive and of the negative marks.

    Parameters
    ----------
    interactions : Interactions
        Of B images; scribbles have values in [0, 1].

    Returns
    -------
    positive, negative : bool arrays (B, H, W)
        Disjoint: a pixel with both marks is positive.
    """
    positive, negative = (
        maps > STRENGTH * maps.max(axis=(1, 2), keepdims=True)
        for maps in (interactions.positive[:, 0].numpy(), interactions.negative[:, 0].numpy())
    )
    return positive, negative & ~positive
