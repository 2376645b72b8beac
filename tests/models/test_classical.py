"""Classical models on images whose answer is known."""

import numpy as np
import pytest
import torch

from segbench.models import create_model
from segbench.protocols.adapter import Context, Interactions, Query

INTERACTIVE = ("grabcut", "geodesic")
SIDE = 48


def disc(row, column, radius=10):
    rows, columns = np.indices((SIDE, SIDE))
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def maps(*arrays):
    return torch.from_numpy(np.stack(arrays)[:, None].astype(np.float32))


def marks(positive=(), negative=(), box=None):
    """Interactions on one image: clicked pixels, and the slices of a box."""
    drawn = np.zeros((3, SIDE, SIDE))
    for layer, pixels in zip(drawn, (positive, negative), strict=False):
        for pixel in pixels:
            layer[pixel] = 1
    if box is not None:
        drawn[2][box] = 1
    return Interactions(*(maps(layer) for layer in drawn))


def mask(name, image, interactions):
    logits = create_model(name).predict(Query(maps(image), interactions))
    assert logits.dtype == torch.float32 and logits.shape == (1, 1, SIDE, SIDE)
    return logits[0, 0].numpy() > 0


@pytest.mark.parametrize("name", INTERACTIVE)
def test_one_click_segments_a_flat_region_exactly(name):
    label = disc(24, 20)
    assert np.array_equal(mask(name, 0.2 + 0.6 * label, marks([(24, 20)])), label)


def test_grabcut_segments_a_region_up_to_the_border_of_the_image():
    label = np.tile(np.arange(SIDE) < 20, (SIDE, 1))
    assert np.array_equal(mask("grabcut", 0.2 + 0.6 * label, marks([(24, 8)], [(24, 40)])), label)


@pytest.mark.parametrize("name", INTERACTIVE)
def test_a_negative_click_removes_the_second_of_two_joined_discs(name):
    one, two = disc(24, 14, 8), disc(24, 34, 8)
    image = 0.2 + 0.3 * one + 0.5 * two
    assert np.array_equal(mask(name, image, marks([(24, 14)], [(24, 34)])), one)


def test_grabcut_finds_the_disc_in_a_box_and_nothing_outside():
    label = disc(24, 20)
    image = 0.2 + 0.6 * (label | disc(24, 44, 3))
    box = np.s_[11:38, 7:34]
    assert np.array_equal(mask("grabcut", image, marks(box=box)), label)


def test_grabcut_takes_marks_over_a_box():
    label = disc(24, 20)
    image = 0.2 + 0.6 * label
    box = np.s_[11:38, 7:34]
    found = mask("grabcut", image, marks([(24, 42)], [(24, 20)], box))
    assert found[24, 42] and not found[24, 20]


def test_grabcut_does_not_depend_on_opencvs_generator_or_on_earlier_queries():
    import cv2

    rng = np.random.default_rng(0)
    image = np.clip(0.3 + 0.3 * disc(24, 20) + rng.normal(0, 0.1, (SIDE, SIDE)), 0, 1)
    query = Query(maps(image), marks([(24, 20)]))
    model = create_model("grabcut")
    answers = []
    for seed in (1, 2, 3):
        cv2.setRNGSeed(seed)
        answers.append(model.predict(query))
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


@pytest.mark.parametrize("name", INTERACTIVE)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_flat_images_and_images_full_of_marks_have_finite_answers(name, level):
    everything = [(row, column) for row in range(SIDE) for column in range(SIDE)]
    for drawn in (marks([(24, 20)]), marks([], [(24, 20)]), marks(everything), marks()):
        logits = create_model(name).predict(Query(torch.full((1, 1, SIDE, SIDE), level), drawn))
        assert torch.isfinite(logits).all()
    assert not (create_model(name).predict(Query(torch.zeros(1, 1, SIDE, SIDE))) > 0).any()


def test_the_geodesic_logit_is_the_difference_of_the_distances_in_pixels():
    """On a flat image a step costs its length; the nearest background is the border."""
    logits = create_model("geodesic").predict(Query(torch.zeros(1, 1, SIDE, SIDE), marks([(24, 24)])))
    assert logits[0, 0, 24, 24] == 23  # row 47 is the nearest part of the border
    assert logits[0, 0, 24, 34] == 13 - 10
    assert logits[0, 0, 30, 30] == pytest.approx(17 - 6 * 2**0.5)
    assert logits[0, 0, 0, 24] == -24


def context(images, labels):
    return Context(maps(*images)[None], maps(*labels)[None])


def dice(one, two):
    return 2 * (one & two).sum() / (one.sum() + two.sum())


def test_registration_moves_the_mask_of_a_translated_disc():
    label, earlier = disc(26, 20), disc(22, 27)
    query = Query(maps(0.2 + 0.6 * label), context=context([0.2 + 0.6 * earlier], [earlier]))
    logits = create_model("registration").predict(query)[0, 0].numpy()
    assert dice(earlier, label) < 0.6 and dice(logits > 0, label) > 0.97
    assert logits[26, 20] == pytest.approx(10, abs=1)  # the centre is ten pixels from the outline


def test_registration_takes_the_mask_of_the_image_that_fits_best():
    """The other image shows a square ring, and its mask is elsewhere."""
    label = disc(24, 20)
    ring = np.zeros((SIDE, SIDE), bool)
    ring[4:44, 4:44] = True
    ring[10:38, 10:38] = False
    fitting, other = (0.2 + 0.6 * disc(25, 22), disc(25, 22)), (0.2 + 0.6 * ring, ring)
    for entries in ([fitting, other], [other, fitting], [other, other, fitting]):
        query = Query(maps(0.2 + 0.6 * label), context=context(*zip(*entries, strict=True)))
        assert dice(create_model("registration").predict(query)[0, 0].numpy() > 0, label) > 0.97


def test_registration_does_not_depend_on_the_number_of_threads():
    import SimpleITK as sitk

    threads = sitk.ProcessObject
    rng = np.random.default_rng(0)
    discs = [disc(24, 20), disc(22, 27), disc(28, 24)]
    images = [0.3 + 0.3 * label + rng.normal(0, 0.1, label.shape) for label in discs]
    query = Query(maps(images[0]), context=context(images[1:], discs[1:]))
    before, answers = threads.GetGlobalDefaultNumberOfThreads(), []
    try:
        for number in (1, 2, 8):
            threads.SetGlobalDefaultNumberOfThreads(number)
            answers.append(create_model("registration").predict(query))
            assert threads.GetGlobalDefaultNumberOfThreads() == number
    finally:
        threads.SetGlobalDefaultNumberOfThreads(before)
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_registration_of_flat_images_and_of_empty_masks_has_finite_answers():
    label = disc(24, 20)
    flat, empty = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), bool)
    for target in (flat, 0.2 + 0.6 * label):
        for entry in ((flat, label), (0.2 + 0.6 * label, empty), (0.2 + 0.6 * label, ~empty)):
            logits = create_model("registration").predict(Query(maps(target), context=context(*zip(entry))))
            assert torch.isfinite(logits).all()
            if not entry[1].any():
                assert not (logits > 0).any()
    with pytest.raises(ValueError, match="needs a context"):
        create_model("registration").predict(Query(maps(flat)))
