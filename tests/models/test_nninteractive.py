"""nnInteractive: a tiny random network in its layout, loaded and compared with its own session."""

import json
import os

import numpy as np
import pytest
import torch

from segbench.models import create_model
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Box, Click, Interactions, Query

inference = pytest.importorskip("nnInteractive.inference.inference_session")

SHAPE = (64, 48)
PATCH = (52, 56, 56)  # wider than the margins of nnInteractive's refinement, 24 on each side
ARCHITECTURE = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
    "arch_kwargs": {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * 2,
        "strides": [[1, 1, 1], [2, 2, 2]],
        "n_blocks_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}


def write_model(folder, architecture=ARCHITECTURE, **extra):
    """Write a random network as nnInteractive publishes its own; return the checkpoint."""
    from nnInteractive.trainer.nnInteractiveTrainer import nnInteractiveTrainer_stub
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    def plans(of_network):
        resampling = {f"resampling_fn_{kind}": "resample" for kind in ("data", "seg", "probabilities")}
        configuration = {
            "patch_size": list(PATCH),
            "spacing": [1, 1, 1],
            "normalization_schemes": ["ZScoreNormalization"],
            "architecture": of_network,
        }
        return {
            "dataset_name": "Dataset001_Tiny",
            "plans_name": "plans",
            "label_manager": "LabelManager",
            "configurations": {"3d_fullres": configuration | resampling},
        }

    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans(architecture)))
    labels = {"background": 0, "target": 1}
    (folder / "dataset.json").write_text(json.dumps({"channel_names": {"0": "image"}, "labels": labels}))
    (folder / "inference_session_class.json").write_text(json.dumps({"point_radius": 4}))
    manager = PlansManager(plans(ARCHITECTURE))
    torch.manual_seed(0)
    network = nnInteractiveTrainer_stub.build_network_architecture(
        manager, manager.get_configuration("3d_fullres"), 8, 2, enable_deep_supervision=False
    )
    state = {
        "network_weights": network.state_dict(),
        "trainer_name": "nnInteractiveTrainer_stub",
        "init_args": {"configuration": "3d_fullres", "device": torch.device("cuda")},
        "_best_ema": np.float64(0.5),
        "logging": {"mean_fg_dice": [np.float32(0.5)], "epochs": [np.int64(1)]},
    }
    torch.save(state | extra, folder / "fold_0" / "checkpoint_final.pth")
    return folder / "fold_0" / "checkpoint_final.pth"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("nnInteractive") / "model")


@pytest.fixture(scope="module")
def model(checkpoint):
    return create_model("nninteractive", str(checkpoint))


@pytest.fixture
def image():
    return np.random.default_rng(0).random(SHAPE).astype(np.float32)


def interactions(clicks=(), scribble=None, box=None):
    positive, negative, filled = np.zeros((3, 1, 1, *SHAPE), np.float32)
    for click in clicks:
        (positive if click.positive else negative)[0, 0, click.row, click.column] = 1
    if scribble is not None:
        negative[0, 0][scribble] = 1
    if box is not None:
        filled[0, 0, box.top : box.bottom, box.left : box.right] = 1
    maps = (torch.from_numpy(array) for array in (positive, negative, filled))
    return Interactions(*maps, (tuple(clicks),), (box,))


def session_on(checkpoint, image):
    """nnInteractive's session, used as its authors describe."""
    session = inference.nnInteractiveInferenceSession(torch.device("cpu"), torch_n_threads=1)
    session.initialize_from_trained_model_folder(str(checkpoint.parent.parent))
    session.set_image(image[None, None])
    session.set_target_buffer(np.zeros((1, *SHAPE), np.uint8))
    return session


def test_masks_are_those_of_its_own_session_after_each_prompt(model, checkpoint, image):
    """A box, a click, a click elsewhere and a scribble; the adapter starts again from the last mask."""
    box, clicks = Box(10, 5, 50, 40), (Click(30, 20, True), Click(50, 10, False))
    session, previous, sizes = session_on(checkpoint, image), None, []
    steps = [
        (interactions(box=box), lambda: session.add_bbox_interaction([[0, 1], [10, 50], [5, 40]], True)),
        (interactions(clicks[:1], box=box), lambda: session.add_point_interaction((0, 30, 20), True)),
        (interactions(clicks, box=box), lambda: session.add_point_interaction((0, 50, 10), False)),
    ]
    for drawn, add in steps:
        add()
        logits = model.predict(Query(torch.from_numpy(image)[None, None], drawn, previous))
        assert np.array_equal(logits[0, 0].numpy() > 0, session.target_buffer[0] > 0)
        assert set(logits.unique().tolist()) <= {-10, 10}
        previous = logits
        sizes.append(int((logits > 0).sum()))
    assert len(set(sizes)) == 3 and min(sizes) > 0


def test_a_scribble_is_that_of_its_own_session(model, checkpoint, image):
    stroke = np.s_[20:40, 12:14]
    pixels = np.zeros((1, *SHAPE), np.uint8)
    pixels[0][stroke] = 1
    session = session_on(checkpoint, image)
    session.add_scribble_interaction(pixels, False)
    logits = model.predict(Query(torch.from_numpy(image)[None, None], interactions(scribble=stroke)))
    assert np.array_equal(logits[0, 0].numpy() > 0, session.target_buffer[0] > 0)
    other = model.predict(Query(torch.from_numpy(image)[None, None], interactions([Click(20, 12, True)])))
    assert not torch.equal(other, logits)


def test_draws_of_its_session_are_fixed_and_leave_the_global_generator_alone(model, image, monkeypatch):
    """A session draws patches at random if they do not cover a change otherwise."""
    drawn, plan = [], inference.generate_bounding_boxes

    def plan_at_random(*arguments, **options):
        drawn.append(np.random.random())  # noqa: NPY002
        return plan(*arguments, **options)

    monkeypatch.setattr(inference, "generate_bounding_boxes", plan_at_random)
    query = Query(torch.from_numpy(image)[None, None], interactions(box=Box(0, 0, *SHAPE)))
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        model.predict(query)
        left = np.random.random()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        assert left == np.random.random()  # noqa: NPY002
    assert len(drawn) == 2 and drawn[0] == drawn[1]


def test_a_query_depends_neither_on_its_companions_nor_on_earlier_ones(model, image):
    one = Query(torch.from_numpy(image)[None, None], interactions([Click(30, 20, True)]))
    first = model.predict(one)
    drawn = one.interactions
    both = Interactions(
        *(torch.cat([layer, layer.flip(2)]) for layer in (drawn.positive, drawn.negative, drawn.box)),
        (drawn.clicks[0], (Click(SHAPE[0] - 31, 20, True),)),
        (None, None),
    )
    assert torch.equal(model.predict(Query(torch.cat([one.image, one.image.flip(2)]), both))[:1], first)
    assert torch.equal(model.predict(one), first)


def test_images_of_one_intensity_and_queries_without_prompts_have_empty_masks(model):
    for level in (0.0, 0.5):
        flat = torch.full((1, 1, *SHAPE), level)
        assert (model.predict(Query(flat, interactions([Click(30, 20, True)]))) == -10).all()
        assert (model.predict(Query(flat)) == -10).all()


class Code:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-checkpoint",)


def test_a_checkpoint_or_plans_that_hold_code_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="could run code; do not use it"):
        create_model("nninteractive", str(write_model(tmp_path / "pickle", code=Code())))
    assert not (tmp_path / "made-by-a-checkpoint").exists()
    architecture = ARCHITECTURE | {"network_class_name": "os.mkdir"}
    with pytest.raises(WeightsError, match="not part of a network"):
        create_model("nninteractive", str(write_model(tmp_path / "plans", architecture)))


def test_wrong_weights_are_one_sentence(tmp_path):
    for weights in ("bundled", str(tmp_path), str(tmp_path / "absent.pth")):
        with pytest.raises(WeightsError, match=r"nninteractive=FOLDER/fold_0/checkpoint_final\.pth"):
            create_model("nninteractive", weights)
    checkpoint = write_model(tmp_path / "model")
    checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match=r"could run code|not a model of nnInteractive"):
        create_model("nninteractive", str(checkpoint))
