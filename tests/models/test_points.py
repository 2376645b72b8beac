"""Points for models that take no scribbles."""

import numpy as np
import torch

from segbench.models.points import POINTS, points_of, with_points
from segbench.protocols.adapter import Capabilities, Click, Interactions


def interactions(*clicks, images=1):
    """Clicks on the last image of a batch of blank images of 12 x 40 pixels."""
    drawn = torch.zeros(3, images, 1, 12, 40)
    for click in clicks:
        drawn[0 if click.positive else 1, -1, 0, click.row, click.column] = 1
    return Interactions(*drawn, ((),) * (images - 1) + (clicks,))


def test_clicks_are_points_at_the_centres_of_their_pixels():
    drawn = interactions(Click(3, 20, False), Click(5, 6, True), images=2)
    points, labels = points_of(drawn, 1)
    assert points.tolist() == [[20.5, 3.5], [6.5, 5.5]] and labels.tolist() == [0, 1]
    points, labels = points_of(drawn, 0)
    assert points.shape == (0, 2) and labels.shape == (0,)


def test_scribbles_become_at_most_ten_evenly_spaced_points_of_each_sign():
    drawn = interactions()
    drawn.positive[0, 0, 7, 2:30] = 1
    drawn.positive[0, 0, 8, 2:30] = 0.3  # the soft edge of a stroke
    drawn.negative[0, 0, 2, 5:8] = 0.8
    points, labels = points_of(drawn, 0)
    assert labels.tolist() == [1] * POINTS + [0] * 3
    positive, negative = points[labels == 1], points[labels == 0]
    assert set(positive[:, 1]) == {7.5} and positive[[0, -1], 0].tolist() == [2.5, 29.5]
    assert np.diff(positive[:, 0]).tolist() == [3] * 9
    assert negative.tolist() == [[5.5, 2.5], [6.5, 2.5], [7.5, 2.5]]
    assert len(points_of(drawn, 0, scribbles=False)[0]) == 0


def test_a_click_beside_a_scribble_is_one_point():
    drawn = interactions(Click(7, 10, True), Click(7, 30, False))
    drawn.positive[0, 0, 7, 9:12] = 1
    points, labels = points_of(drawn, 0)
    assert points.tolist() == [[10.5, 7.5], [30.5, 7.5], [9.5, 7.5], [11.5, 7.5]]
    assert labels.tolist() == [1, 0, 1, 1]


class Pointed:
    """A model that takes clicks only."""

    title = "Pointed"
    capabilities = Capabilities(interactive=True, prompts=("clicks", "masks"))


def test_a_variant_takes_scribbles_and_runs_only_if_it_is_named():
    variant = with_points(Pointed)
    assert variant.capabilities.prompts == ("clicks", "masks", "scribbles")
    assert Pointed.capabilities.prompts == ("clicks", "masks")
    assert variant.title == "Pointed (points from scribbles)" and variant.default_protocols == ()
