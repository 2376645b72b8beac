"""Adapters behave as the papers describe the methods."""

import pytest
import torch

from segbench.models import MODELS, create_model
from segbench.models.multiverseg import MultiverSeg, MultiverSegDummy
from segbench.models.networks import MultiverSeg as MultiverSegNetwork
from segbench.models.networks import ScribblePromptUNet
from segbench.models.networks import UniverSeg as UniverSegNetwork
from segbench.models.registry import runs_by_default
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.models.sp_uvs import ScribblePromptUniverSeg
from segbench.models.universeg import UniverSeg, UniverSegEnsemble
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Context, Interactions, ModelAdapter, Query

SIDE = 32


@pytest.fixture
def image():
    return torch.rand(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def marks():
    maps = torch.zeros(3, 2, 1, SIDE, SIDE)
    maps[0, :, :, 8, 8] = 1
    maps[1, :, :, 20, 20] = 1
    return Interactions(*maps)


@pytest.fixture
def context():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, 1, SIDE, SIDE, generator=generator)
    return Context(images, (images > 0.5).float())


def networks():
    torch.manual_seed(0)
    interactive, in_context = ScribblePrompt(ScribblePromptUNet(4)), UniverSeg(UniverSegNetwork(4))
    return {
        "scribbleprompt": interactive,
        "universeg": in_context,
        "multiverseg": MultiverSeg(MultiverSegNetwork(4), fallback=interactive),
        "sp-uvs": ScribblePromptUniverSeg(interactive, in_context),
    }


def test_every_model_is_an_adapter_with_its_class_capabilities():
    for name in MODELS.names():
        if name.startswith(("nnunet", "swinunet")):  # no weights are bundled
            with pytest.raises(WeightsError, match=f"python -m benchmark train {name}"):
                create_model(name)
            continue
        if name == "nninteractive" or getattr(MODELS.get(name), "official", "").startswith("hf://"):
            with pytest.raises(WeightsError, match="weights"):
                create_model(name)
            continue
        adapter = create_model(name)
        assert isinstance(adapter, ModelAdapter)
        assert adapter.capabilities == MODELS.get(name).capabilities


@pytest.mark.parametrize("name", ["scribbleprompt", "universeg", "multiverseg", "sp-uvs", "random-walker"])
def test_logits_have_the_images_shape_and_do_not_depend_on_the_batch(name, image, marks, context):
    adapter = networks().get(name) or create_model(name)
    query = Query(image, marks, torch.zeros_like(image), context)
    both = adapter.predict(query)
    assert both.shape == image.shape and both.dtype == torch.float32
    one = Query(
        image[1:],
        Interactions(marks.positive[1:], marks.negative[1:], marks.box[1:]),
        torch.zeros_like(image[1:]),
        Context(context.images[1:], context.labels[1:]),
    )
    assert torch.allclose(adapter.predict(one), both[1:], atol=1e-5)


def test_multiverseg_falls_back_on_scribbleprompt_without_context(image, marks):
    models = networks()
    query = Query(image, marks)
    assert torch.equal(models["multiverseg"].predict(query), models["scribbleprompt"].predict(query))


def test_multiverseg_without_fallback_sees_one_grey_entry(image, marks):
    torch.manual_seed(0)
    adapter = MultiverSeg(MultiverSegNetwork(4))
    grey = torch.full((2, 1, 1, SIDE, SIDE), 0.5)
    expected = adapter.predict(Query(image, marks, None, Context(grey, grey)))
    assert torch.equal(adapter.predict(Query(image, marks)), expected)


def test_named_variants_of_multiverseg(image, marks):
    """The release's minimum context, and the dummy entry in place of the fallback."""
    for name, smallest in (("multiverseg-2", 2), ("multiverseg-5", 5)):
        adapter = create_model(name)
        assert adapter.capabilities.min_context == smallest and adapter.fallback is not None
    dummy = create_model("multiverseg-dummy")
    assert isinstance(dummy, MultiverSegDummy) and dummy.fallback is None
    query = Query(image, marks)
    assert not torch.equal(dummy.predict(query), create_model("multiverseg").predict(query))


def test_variants_run_only_if_they_are_named():
    variants = ("multiverseg-2", "multiverseg-5", "multiverseg-dummy", "universeg-ensemble", "sp-uvs-1")
    for protocol in ("center-clicks", "in-context", "manual-scribbles"):
        assert not any(runs_by_default(name, protocol) for name in variants)


class ByContext(torch.nn.Module):
    """A network whose logits are ten times the mean of the context's labels, minus 5."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image, images, labels):
        return (10 * labels.mean(dim=(1, 3, 4)) - 5)[..., None, None] + 0 * image


def test_an_ensemble_averages_the_probabilities_of_its_contexts():
    """Nine contexts of empty labels and one of full ones: logits -5, and 5 once."""
    labels = torch.zeros(1, 30, 1, 8, 8)
    labels[:, 12:15] = 1
    ensemble = UniverSegEnsemble(ByContext())
    logits = ensemble.predict(Query(torch.rand(1, 1, 8, 8), context=Context(labels, labels)))
    low, high = torch.tensor([-5.0, 5.0]).sigmoid()
    expected = (0.9 * low + 0.1 * high).logit()
    torch.testing.assert_close(logits, expected.expand(1, 1, 8, 8))
    assert -3 < expected < -2  # the mean of the logits is -4
    with pytest.raises(ValueError, match="10 contexts of one size"):
        ensemble.predict(Query(labels[:, 0], context=Context(labels[:, :12], labels[:, :12])))


def test_an_ensemble_of_equal_contexts_predicts_as_universeg(image, context):
    torch.manual_seed(0)
    network = UniverSegNetwork(4)
    tenfold = Context(context.images.repeat(1, 10, 1, 1, 1), context.labels.repeat(1, 10, 1, 1, 1))
    one = UniverSeg(network).predict(Query(image, context=context))
    torch.testing.assert_close(UniverSegEnsemble(network).predict(Query(image, context=tenfold)), one)


def test_sp_uvs_predicts_by_universeg_first_and_refines_by_scribbleprompt(image, marks, context):
    models = networks()
    first = models["sp-uvs"].predict(Query(image, context=context))
    assert torch.equal(first, models["universeg"].predict(Query(image, context=context)))
    then = models["sp-uvs"].predict(Query(image, marks, first, context))
    assert torch.equal(then, models["scribbleprompt"].predict(Query(image, marks, first)))


def test_previous_logits_and_each_mark_reach_the_network(image, marks):
    adapter = networks()["scribbleprompt"]
    plain = adapter.predict(Query(image))
    nothing = torch.zeros_like(image)
    for query in (
        Query(image, previous_logits=torch.ones_like(image)),
        Query(image, Interactions(marks.positive, nothing, nothing)),
        Query(image, Interactions(nothing, marks.positive, nothing)),
        Query(image, Interactions(nothing, nothing, marks.positive)),
    ):
        assert not torch.equal(adapter.predict(query), plain)


def test_random_walker_stops_at_the_edge_of_a_square():
    label = torch.zeros(1, 1, 64, 64)
    label[..., 16:48, 16:48] = 1
    positive = torch.zeros_like(label)
    positive[..., 32, 32] = 1
    nothing = torch.zeros_like(label)
    logits = create_model("random-walker").predict(Query(label, Interactions(positive, nothing, nothing)))
    assert ((logits > 0) == (label > 0)).float().mean() > 0.95
