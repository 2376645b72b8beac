"""A widened network computes the same function, and copies of its features learn different things."""

import pytest
import torch

from segbench.models.networks import MultiverSeg, ScribblePromptUNet, UniverSeg
from segbench.models.training.widening import widen

CHANNELS = {ScribblePromptUNet: 5, UniverSeg: 1, MultiverSeg: 5}


def narrow_network(network, width=4):
    """A network with random weights, norms and activations included."""
    torch.manual_seed(0)
    made = network(width)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.ndim == 4 else 0.5))
    return made


def wide_network(narrow, before, after, seed=0):
    made = type(narrow)(after)
    generator = torch.Generator().manual_seed(seed)
    made.load_state_dict(widen(narrow.state_dict(), before, after, generator))
    return made


def inputs(network, batch=2, context=3, side=32):
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(batch, CHANNELS[network], side, side, generator=generator)
    if network is ScribblePromptUNet:
        return (target,)
    images, labels = torch.rand(2, batch, context, 1, side, side, generator=generator)
    return target, images, labels.round()


@pytest.mark.parametrize(
    ("network", "width"),
    [
        (ScribblePromptUNet, 4),
        (ScribblePromptUNet, 8),
        (ScribblePromptUNet, 10),
        (UniverSeg, 8),
        (UniverSeg, 10),
        (MultiverSeg, 8),
        (MultiverSeg, 12),
    ],
)
def test_a_widened_network_computes_the_same_function(network, width):
    narrow = narrow_network(network)
    wide = wide_network(narrow, 4, width)
    assert network.width_of(wide.state_dict()) == width
    with torch.no_grad():
        expected, widened = narrow(*inputs(network)), wide(*inputs(network))
    assert expected.std() > 0.1
    assert ((expected - widened).abs().max() / expected.abs().max()).item() < 1e-5


@pytest.mark.parametrize("network", CHANNELS)
def test_copies_of_a_feature_have_different_weights_and_gradients(network):
    wide = wide_network(narrow_network(network), 4, 8)
    read = {name: value for name, value in wide.state_dict().items() if value.ndim == 4}
    del read[next(iter(read))]  # reads channels
    for name, value in read.items():
        if value.shape[1] % 8 == 0:
            groups = value.unflatten(1, (-1, 8))
            assert not torch.isclose(groups[:, :, :4], groups[:, :, 4:]).all(), name
            assert (groups[:, :, :4] * groups[:, :, 4:] >= 0).all(), name  # shares are not negative
    wide(*inputs(network)).square().mean().backward()
    first = next(value for value in wide.parameters() if value.ndim == 4)
    assert torch.equal(first[:4], first[4:])
    assert torch.isclose(first.grad[:4], first.grad[4:], rtol=1e-2, atol=0).float().mean() < 0.1


def test_the_generator_decides_the_shares():
    narrow = narrow_network(UniverSeg)
    one, again, other = (wide_network(narrow, 4, 8, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_half_precision_weights_are_widened_in_full_precision():
    narrow = narrow_network(UniverSeg)
    halves = {name: value.half() for name, value in narrow.state_dict().items()}
    state = widen(halves, 4, 8, torch.Generator().manual_seed(0))
    assert {value.dtype for value in state.values()} == {torch.float32}
    narrow.load_state_dict(halves)
    wide = UniverSeg(8)
    wide.load_state_dict(state)
    with torch.no_grad():
        expected = narrow(*inputs(UniverSeg))
        assert (expected - wide(*inputs(UniverSeg))).abs().max() < 1e-5 * expected.abs().max()
