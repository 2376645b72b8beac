"""Augmentations follow the paper's tables and transform images and labels together."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from segbench.models.training.augmentation import SYNTHETIC, TASK, WITHIN_TASK, Augmentation, augment
from segbench.models.training.superpixels import superpixel_tasks, superpixels

TABLES = {"synthetic": SYNTHETIC, "within": WITHIN_TASK, "task": TASK}
GEOMETRY = ("Random Affine", "Elastic Transform", "Horizontal Flip", "Vertical Flip")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def tasks(count=6, members=3, side=64):
    """Tasks of equal members: an asymmetric object, brighter than the background, with a little texture."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    label = ((x**2 + 2 * y**2 < 0.2) | ((x > 0) & (x < 0.6) & (y > 0) & (y < 0.4))).float()
    image = 0.2 + 0.5 * label + 0.1 * torch.sin(9 * x) * torch.cos(7 * y)
    shape = (count, members, 1, side, side)
    return image.expand(shape), label.expand(shape)


def always(table, *names):
    """Rows of a table at probability 1."""
    return tuple(Augmentation(row.name, 1.0, row.parameters) for row in table if row.name in names)


def differ(a, b):
    """Whether two images differ: bool (tasks, members)."""
    return (a - b).abs().amax((2, 3, 4)) > 0


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("side", [32, 64, 128])
def test_augmented_tasks_are_valid_tasks(table, shared, side):
    given = tasks(side=side)
    copies = [tensor.clone() for tensor in given]
    images, labels = augment(generator(), *given, table, shared)
    assert images.shape == labels.shape == given[0].shape and images.dtype == labels.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1 and set(labels.unique().tolist()) == {0.0, 1.0}
    assert labels.sum((2, 3, 4)).min() >= 10
    assert all(torch.equal(copy, tensor) for copy, tensor in zip(copies, given, strict=True))


def test_the_generator_decides_all_draws():
    state = torch.get_rng_state()
    first, again, other = (augment(generator(seed), *tasks(), SYNTHETIC, False) for seed in (1, 1, 2))
    superpixel_tasks(generator(), tasks()[0][:, 0], 2)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_shared_draws_are_equal_within_a_task_and_differ_between_tasks():
    images, labels = augment(generator(), *tasks(), TASK, shared=True)
    assert torch.equal(images, images[:, :1].expand_as(images))
    assert torch.equal(labels, labels[:, :1].expand_as(labels))
    assert not differ(images[:1].expand_as(images), images)[0].any()
    assert differ(images[:1].expand_as(images), images)[1:].all()


def test_unshared_draws_differ_between_images():
    images, _ = augment(generator(), *tasks(), SYNTHETIC, shared=False)
    assert differ(images[:, :1], images[:, 1:]).all()


@pytest.mark.parametrize("name", GEOMETRY)
@pytest.mark.parametrize("shared", [True, False])
def test_a_label_moves_with_its_image(name, shared):
    _, labels = tasks(12)
    rows = always(SYNTHETIC, name)
    images, moved = augment(generator(), labels, labels, rows, shared)
    assert differ(moved, labels).all()
    # The object is inside the image: only parts that a fold cuts off at the border are unlabelled.
    assert ((images > 0.5) == (moved > 0.5)).float().mean() > 0.995


@pytest.mark.parametrize("name, axis", [("Horizontal Flip", -1), ("Vertical Flip", -2)])
def test_flips_mirror_image_and_label(name, axis):
    given = tasks()
    images, labels = augment(generator(), *given, always(TASK, name), shared=True)
    assert torch.equal(images, given[0].flip(axis)) and torch.equal(labels, given[1].flip(axis))


def test_flipping_intensities_inverts_the_image():
    given = tasks()
    images, labels = augment(generator(), *given, always(TASK, "Flip Intensities"), shared=True)
    assert torch.equal(images, 1 - given[0]) and torch.equal(labels, given[1])


@pytest.mark.parametrize("name", ["Brightness Contrast", "Sharpness", "Gaussian Blur", "Gaussian Noise"])
def test_photometric_rows_keep_labels(name):
    given = tasks()
    images, labels = augment(generator(), *given, always(SYNTHETIC, name), shared=False)
    # The weakest blur of the table changes nothing.
    assert torch.equal(labels, given[1]) and differ(images, given[0]).float().mean() > 0.8


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "row", SYNTHETIC + WITHIN_TASK[:1] + TASK[-2:], ids=lambda row: f"{row.name} {row.p}".replace(" ", "-")
)
def test_rows_are_applied_with_their_probability(row, shared):
    given = tasks(300, 2 if shared else 1, side=32)
    images, labels = augment(generator(), *given, (row,), shared)
    changed = differ(images, given[0]) | differ(labels, given[1])
    assert abs(changed.float().mean() - row.p) < 0.09


def test_rows_are_applied_independently():
    """A quarter of the images is both mirrored and inverted."""
    given = tasks(600, 1, side=32)
    _, labels = augment(generator(), *given, (Augmentation("Horizontal Flip", 0.5),), shared=True)
    images, again = augment(
        generator(),
        *given,
        (Augmentation("Horizontal Flip", 0.5), Augmentation("Flip Intensities", 0.5)),
        shared=True,
    )
    mirrored = differ(again, given[1])[:, 0]
    inverted = images[:, 0, 0, 16, 16] < 0.5
    assert torch.equal(labels, again)
    assert abs((mirrored & inverted).float().mean() - 0.25) < 0.06


def test_affine_parameters_stay_within_their_ranges():
    """A disc's area shows the scale, its centre the shift."""
    side = 128
    y, x = torch.meshgrid(torch.arange(side) - 63.5, torch.arange(side) - 63.5, indexing="ij")
    disc = (x**2 + y**2 < 15**2).float().expand(200, 1, 1, side, side)
    _, moved = augment(generator(), disc, disc, always(SYNTHETIC, "Random Affine"), shared=True)
    scale = torch.sqrt(moved.sum((1, 2, 3, 4)) / disc[0].sum())
    assert scale.min() > 0.87 and scale.max() < 1.53 and scale.std() > 0.1
    for axis in (x, y):
        shift = (moved[:, 0, 0] * axis).sum((1, 2)) / moved.sum((1, 2, 3, 4)) / side
        assert 0.15 < shift.max() < 0.21 and -0.21 < shift.min() < -0.15


def test_elastic_deformation_is_relative_to_the_side():
    """An image of coordinates shows the displacement as a share of the side."""
    spread = []
    for side in (32, 128):
        ramp = torch.linspace(0, 1, side).expand(60, 1, 1, side, side)
        bent, _ = augment(generator(), ramp, ramp.round(), always(WITHIN_TASK, "Elastic Transform"), False)
        spread.append((bent - ramp)[..., side // 4 : -side // 4, side // 4 : -side // 4].std().item())
    assert 0.005 < spread[0] < 0.05 and abs(spread[0] / spread[1] - 1) < 0.25


def test_edges_of_a_label_form_a_closed_ring():
    given = tasks()
    images, edges = augment(generator(), *given, always(TASK, "Sobel Edges Label"), shared=True)
    assert torch.equal(images, given[0])
    before, ring = given[1][0, 0, 0].numpy() > 0, edges[0, 0, 0].numpy() > 0
    inside = ndimage.binary_fill_holes(ring)
    assert ndimage.label(ring)[1] == 1 and (inside & ~ring).any()
    assert np.array_equal(inside & ~ring, before & ~ring)


@pytest.mark.parametrize("shared", [True, False])
def test_no_label_is_moved_out_of_its_image(shared):
    """Most draws would move this small object out of its corner."""
    labels = torch.zeros(100, 2, 1, 64, 64)
    labels[..., :6, :6] = 1
    _, moved = augment(generator(), labels, labels, always(SYNTHETIC, "Random Affine"), shared)
    assert moved.sum((2, 3, 4)).min() >= 10 and differ(moved, labels).any()


def test_full_and_empty_labels_are_augmented():
    images, labels = tasks(2)
    for value in (0.0, 1.0):
        _, after = augment(generator(), images, torch.full_like(labels, value), TASK, shared=True)
        assert torch.isfinite(after).all() and bool(after.any()) == bool(value)


def test_tables_have_the_numbers_of_the_paper():
    assert [len(table) for table in (SYNTHETIC, WITHIN_TASK, TASK)] == [8, 6, 10]
    synthetic, within, task = ({row.name: row for row in table} for table in (SYNTHETIC, WITHIN_TASK, TASK))
    assert {row.p for row in TASK} == {0.5}
    assert [row.p for row in WITHIN_TASK] == [0.25, 0.25, 0.8, 0.25, 0.25, 0.25]
    assert synthetic["Random Affine"] == Augmentation(
        "Random Affine", 0.8, {"degrees": (-25, 25), "translation": (0, 0.2), "scale": (0.9, 1.5)}
    )
    assert synthetic["Elastic Transform"].parameters == {"alpha": (1, 10), "sigma": (8, 15)}
    assert within["Elastic Transform"].parameters == {"alpha": (1, 2.5), "sigma": (7, 9)}
    assert within["Gaussian Blur"].parameters == {"sigma": (0.1, 1.0), "k": 5}
    assert task["Random Affine"].parameters["degrees"] == (0, 360)
    assert task["Brightness Contrast"].parameters["contrast"] == (0.8, 1.2)


def halves(side=64):
    image = np.full((side, side), 0.2, np.float32)
    image[:, side // 2 :] = 0.8
    return image


def test_superpixels_are_the_uniform_parts_of_an_image():
    regions = superpixels(halves(), scale=100)
    assert np.issubdtype(regions.dtype, np.integer) and regions[0, 0] != regions[0, -1]
    # Smoothing turns the edge into thin regions.
    left, right = regions == regions[0, 0], regions == regions[0, -1]
    assert left[:, :29].all() and right[:, 35:].all() and not left[:, 32:].any() and not right[:, :32].any()


def test_superpixels_are_connected():
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    image = ndimage.gaussian_filter(image, 3)
    regions = superpixels((image - image.min()) / np.ptp(image), scale=20)
    eight = np.ones((3, 3))
    assert regions.max() > 3
    assert all(ndimage.label(regions == index, eight)[1] == 1 for index in range(regions.max() + 1))


def test_members_of_superpixel_tasks_are_varied_copies_of_their_image():
    images = torch.from_numpy(halves()).expand(6, 1, 64, 64)
    first, again = (superpixel_tasks(generator(3), images, 4) for _ in range(2))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert first[0].shape == first[1].shape == (6, 4, 1, 64, 64)
    assert first[0].min() >= 0 and first[0].max() <= 1 and set(first[1].unique().tolist()) == {0.0, 1.0}
    assert differ(first[0][:, :1], first[0][:, 1:]).all()


def test_a_superpixel_of_nearly_the_whole_image_is_not_a_label():
    images = torch.full((8, 1, 64, 64), 0.1)
    images[..., 24:36, 24:36] = 0.9
    _, labels = superpixel_tasks(generator(), images, 2)
    assert labels.mean((2, 3, 4)).max() < 0.4
