"""Synthetic tasks have visible labels and the requested variety; one generator decides all draws."""

import dataclasses

import numpy as np
import pytest
import torch

from segbench.models.training.sampling import Sampler, View
from segbench.models.training.synthetic import FAMILIES, REGIONS, synthetic_tasks


def draw(seed, tasks=6, members=3, side=64):
    return synthetic_tasks(torch.Generator().manual_seed(seed), tasks, members, side)


def view(variety, tasks=24, members=2, side=48, seed=0):
    """Members with equal poses, which differ by the variety alone."""
    axis = torch.linspace(-1, 1, side)
    coordinates = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    return View(
        Sampler(torch.Generator().manual_seed(seed)),
        coordinates.expand(tasks, members, side, side, 2),
        torch.full((tasks, 1, 1, 1), float(variety)),
    )


def overlap(regions):
    """Mean intersection over union of a region in the first and the second member."""
    scores = []
    for index in range(1, REGIONS + 1):
        first, second = (regions[:, member] == index for member in (0, 1))
        union = (first | second).sum((1, 2))
        scores += ((first & second).sum((1, 2))[union > 0] / union[union > 0]).tolist()
    return np.mean(scores)


def test_synthetic_tasks_are_images_with_visible_labels():
    images, labels = draw(0, tasks=24)
    assert images.shape == labels.shape == (24, 3, 1, 64, 64) and images.dtype == labels.dtype
    assert images.min() >= 0 and images.max() <= 1 and set(labels.unique().tolist()) == {0.0, 1.0}
    area = labels.mean((2, 3, 4))
    assert (area > 0).float().mean() > 0.97 and (area < 0.9).float().mean() > 0.9
    inside = (images * labels).sum((2, 3, 4)) / labels.sum((2, 3, 4)).clamp(min=1)
    outside = (images * (1 - labels)).sum((2, 3, 4)) / (1 - labels).sum((2, 3, 4)).clamp(min=1)
    assert (inside - outside).abs().median() > 0.05


def test_the_seed_decides_synthetic_tasks_without_global_generators():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0]) and not torch.equal(first[1], other[1])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_members_of_a_task_differ_less_than_tasks():
    images, labels = draw(3, tasks=12)
    assert not torch.equal(images[:, 0], images[:, 1])
    area = labels.mean((2, 3, 4))
    between, within = area.mean(1).std(), area.std(1).mean()
    assert between > within


def test_families_are_drawn_by_their_weights():
    drawn = dict.fromkeys(FAMILIES, 0)

    def with_counter(name, family):
        def draw(view):
            drawn[name] += len(view.coordinates)
            return family.draw(view)

        return dataclasses.replace(family, draw=draw)

    families = [with_counter(name, family) for name, family in FAMILIES.items()]
    synthetic_tasks(torch.Generator().manual_seed(4), 150, 1, 16, families)
    assert sum(drawn.values()) == 150
    for name, family in FAMILIES.items():
        assert drawn[name] / 150 == pytest.approx(family.weight, abs=0.12)  # three standard deviations


def test_the_family_decides_which_regions_become_labels():
    body = FAMILIES["body"]
    core_only = dataclasses.replace(body, labels=tuple(float(index == 4) for index in range(REGIONS + 1)))
    _, labels = synthetic_tasks(torch.Generator().manual_seed(5), 40, 1, 48, [core_only])
    middle = labels[..., 16:32, 16:32].mean((1, 2, 3, 4))  # most bodies are here
    assert (middle > labels.mean((1, 2, 3, 4))).float().mean() > 0.8


@pytest.mark.parametrize("family", FAMILIES)
def test_members_are_more_similar_with_less_variety(family):
    none, some, full = (overlap(FAMILIES[family].draw(view(variety))) for variety in (0.0, 0.3, 1.0))
    assert none > some > full
    assert none > full + 0.25


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_paints_several_regions(family):
    regions = FAMILIES[family].draw(view(0.5))
    assert regions.shape == (24, 2, 48, 48) and regions.min() == 0 and regions.max() <= REGIONS
    assert np.mean([len(task.unique()) for task in regions]) > 2.5


@pytest.mark.parametrize("variety", [0.0, 0.5, 1.0])
def test_numbers_of_members_are_standard_normal_at_any_variety(variety):
    numbers = view(variety, tasks=4000, side=1).normal()[..., 0, 0]
    assert numbers.mean().abs() < 0.06 and numbers.std() == pytest.approx(1, abs=0.05)
    assert torch.corrcoef(numbers.T)[0, 1] == pytest.approx(1 - variety**2, abs=0.06)


def test_poses_differ_less_with_less_scatter():
    def overlap(scatter):
        generator = torch.Generator().manual_seed(6)
        _, labels = synthetic_tasks(generator, 60, 4, 32, scatter=scatter)
        masks = labels[:, :, 0]
        common, either = masks.amin(1).sum((1, 2)), masks.amax(1).sum((1, 2))
        return (common / either.clamp(min=1)).mean()

    assert overlap(0.0) > overlap(0.4) + 0.02 and overlap(0.4) > overlap(1.0) + 0.02
