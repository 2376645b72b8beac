"""Real tasks in training: members of one train split, the target never in its own context."""

import numpy as np
import pytest
import torch

from segbench.datasets.task import DataError
from segbench.models.training import loop
from segbench.models.training.collection import Collection


def draw(collection, seed=0, tasks=20, members=4, side=32):
    return collection(torch.Generator().manual_seed(seed), tasks, members, side)


def numbered(data, first):
    """The task with images of a grey value by their number, and the right half as each label."""
    shape = data.images.shape
    data.images[:] = (first + np.arange(len(data.images)))[:, None, None, None] / 100
    data.labels[:] = np.arange(shape[-1]) >= shape[-1] // 2
    return data


def test_members_are_from_one_train_split_and_the_target_is_not_in_its_context(make_task):
    tasks = [numbered(make_task(train=5, test=3, name="a"), 0), numbered(make_task(7, 3, name="b"), 50)]
    images, labels = draw(Collection(tasks, "cpu"), tasks=60)
    assert images.shape == labels.shape == (60, 4, 1, 32, 32) and images.dtype == labels.dtype
    drawn = (images[:, :, 0, 0, 0] * 100).round().int()
    trained = [set(range(5)), set(range(50, 57))]
    kinds = [next(k for k in (0, 1) if set(row) <= trained[k]) for row in drawn.tolist()]
    assert 15 < sum(kinds) < 45 and {i for row in drawn.tolist() for i in row} == trained[0] | trained[1]
    assert all(len(set(row)) == 4 for row in drawn.tolist())


def test_a_context_larger_than_the_split_repeats_images_but_not_the_target(make_task):
    images, _ = draw(Collection([numbered(make_task(train=3), 0)], "cpu"), members=9)
    for target, *context in (images[:, :, 0, 0, 0] * 100).round().int().tolist():
        assert target not in context and len(set(context)) == 2


@pytest.mark.parametrize("side", [16, 32, 64])
def test_images_and_labels_are_resized_together(make_task, side):
    images, labels = draw(Collection([make_task()], "cpu"), side=side)
    assert images.shape == labels.shape == (20, 4, 1, side, side)
    assert set(labels.unique().tolist()) == {0.0, 1.0}
    assert ((images >= 0.5) == (labels > 0)).all()  # the image of a toy task is its label


def test_the_seed_decides_draws_and_the_task_stays_unchanged(make_task):
    data = make_task()
    before = data.images.copy()
    collection = Collection([data], "cpu")
    first, again, other = draw(collection, 1), draw(collection, 1), draw(collection, 2)
    first[0].zero_()
    assert torch.equal(again[0], draw(collection, 1)[0]) and not torch.equal(again[0], other[0])
    assert np.array_equal(data.images, before)


def test_a_task_with_one_subject_is_refused(make_task):
    with pytest.raises(DataError, match="two subjects"):
        Collection([make_task(train=1)], "cpu")


@pytest.mark.parametrize("model", ["scribbleprompt", "universeg", "multiverseg"])
def test_a_training_on_real_tasks_differs_from_one_without(model, make_task, tmp_path):
    task = make_task(train=3)
    path = loop.train(model, "smoke", tmp_path, precision="float32", tasks=[task])
    assert path.is_file()
    with pytest.raises(loop.TrainingError, match="another configuration"):
        loop.train(model, "smoke", tmp_path, precision="float32")
