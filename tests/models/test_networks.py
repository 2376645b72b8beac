"""The networks take the released layouts and compute what their papers say."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from segbench.models.networks import MultiverSeg, ScribblePromptUNet, UniverSeg

LAYOUTS = Path(__file__).resolve().parents[3] / "shared" / "spec" / "checkpoint_layouts.json"
RELEASED = {
    "universeg_v1_nf64_ss64_STA.pt": (UniverSeg, 64, 1_182_785),
    "MultiverSeg_v1_nf256_res128.pt": (MultiverSeg, 256, 18_903_297),
    "ScribblePrompt_unet_v1_nf192_res128.pt": (ScribblePromptUNet, 192, 3_991_882),
}


@pytest.mark.parametrize(("network", "width", "count"), RELEASED.values(), ids=RELEASED)
def test_parameter_counts_are_the_published_ones(network, width, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in network(width).parameters()) == count


@pytest.mark.parametrize("file", RELEASED)
def test_names_and_shapes_are_those_of_the_checkpoint(file):
    if not LAYOUTS.is_file():
        pytest.skip("the folder ../shared/spec with the layouts is absent")
    network, width, _ = RELEASED[file]
    with torch.device("meta"):
        shapes = {name: list(value.shape) for name, value in network(width).state_dict().items()}
    assert shapes == json.loads(LAYOUTS.read_text())[file]["tensors"]


@pytest.mark.parametrize(("network", "width", "_count"), RELEASED.values(), ids=RELEASED)
def test_width_is_read_off_the_state(network, width, _count):
    assert network.width_of(network(8).state_dict()) == 8


def _block(block, target, support):
    """A cross block written out: one concatenated convolution a context entry (equation 4)."""

    def op(module, x):
        x = F.leaky_relu(module.vmapped.conv(x))
        return module.vmapped.norml(x) if hasattr(module.vmapped, "norml") else x

    mixed = [block.cross.cross_conv(torch.cat([target, entry], 1)) for entry in support]
    if block.activation:
        mixed = [F.leaky_relu(z) for z in mixed]
    return op(block.target, torch.stack(mixed).mean(0)), [op(block.support, z) for z in mixed]


def _up(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def written_out(network, target, images, labels):
    """The whole network, entry by entry."""
    support = list(torch.cat([images, labels], 2).unbind(1))
    skips = []
    for index, block in enumerate(network.enc_blocks):
        target, support = _block(block, target, support)
        if index < 3:
            skips.append((target, support))
            target, support = F.max_pool2d(target, 2), [F.max_pool2d(v, 2) for v in support]
    for block in network.dec_blocks:
        skip, skips_support = skips.pop()
        target = torch.cat([_up(target), skip], 1)
        support = [torch.cat([_up(v), s], 1) for v, s in zip(support, skips_support, strict=True)]
        target, support = _block(block, target, support)
    return network.out_conv.conv(target)


def _inputs(batch, channels, context, side=32):
    """A target and the images and labels of its context."""
    generator = torch.Generator().manual_seed(1)
    shapes = (batch, channels), (batch, context, 1), (batch, context, 1)
    return [torch.rand(*shape, side, side, generator=generator) for shape in shapes]


@pytest.mark.parametrize("grad", [False, True], ids=["prediction", "training"])
@pytest.mark.parametrize(("network", "channels"), [(UniverSeg, 1), (MultiverSeg, 5)])
def test_split_cross_convolution_computes_the_plain_one(network, channels, grad):
    torch.manual_seed(0)
    net, inputs = network(8), _inputs(2, channels, 3)
    with torch.set_grad_enabled(grad):
        expected = written_out(net, *inputs)
        assert torch.allclose(net(*inputs), expected, atol=1e-4)
        last = net.to(memory_format=torch.channels_last)
        assert torch.allclose(last(*inputs), expected, atol=1e-4)


@pytest.mark.parametrize(("network", "channels"), [(UniverSeg, 1), (MultiverSeg, 5)])
def test_gradients_are_those_of_the_plain_convolutions(network, channels):
    torch.manual_seed(0)
    net, inputs = network(4), _inputs(2, channels, 3, 16)
    parameters = {n: p for n, p in net.named_parameters() if not n.startswith("dec_blocks.2.support")}
    expected = torch.autograd.grad(written_out(net, *inputs).square().sum(), list(parameters.values()))
    found = torch.autograd.grad(net(*inputs).square().sum(), list(parameters.values()))
    for name, one, other in zip(parameters, expected, found, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * float(one.abs().max())), name


def test_a_prediction_does_not_depend_on_how_the_context_is_cut_up():
    """Entry by entry without gradients, all at once with them, in the paper's variant too."""
    torch.manual_seed(0)
    net, inputs = MultiverSeg(8, paper=True).eval(), _inputs(2, 5, 5)
    with torch.inference_mode():
        alone = net(*inputs)
    assert torch.allclose(net(*inputs), alone, atol=1e-4)


def test_the_mean_over_the_context_loses_nothing_in_bfloat16():
    """Forty-eight times the same entry is one entry: a sum in bfloat16 would stop growing."""
    torch.manual_seed(0)
    net = MultiverSeg(8).bfloat16().eval().to(memory_format=torch.channels_last)
    target, images, labels = (x.bfloat16() for x in _inputs(1, 5, 1))
    with torch.inference_mode():
        once = net(target, images, labels)
        often = net(target, images.expand(-1, 48, -1, -1, -1), labels.expand(-1, 48, -1, -1, -1))
    assert torch.equal(once, often)


def test_context_order_does_not_matter():
    torch.manual_seed(0)
    net = MultiverSeg(8)
    target, images, labels = (
        torch.rand(1, 5, 32, 32),
        torch.rand(1, 4, 1, 32, 32),
        torch.rand(1, 4, 1, 32, 32),
    )
    turned = net(target, images.flip(1), labels.flip(1))
    assert torch.allclose(net(target, images, labels), turned, atol=1e-4)


def test_unet_is_the_sequence_of_the_specification():
    torch.manual_seed(0)
    net, x = ScribblePromptUNet(4), torch.rand(1, 5, 32, 32)
    skips, y = [], x
    for down in net.downs:
        y = F.prelu(down.conv[0](y), down.conv[1].weight)
        skips.append(y)
        y = F.max_pool2d(y, 2)
    y = F.prelu(net.bottleneck.conv[0](y), net.bottleneck.conv[1].weight)
    for index in (1, 3, 5, 7):
        conv = net.ups[index].conv
        y = F.prelu(conv[0](torch.cat([skips.pop(), _up(y)], 1)), conv[1].weight)
    assert torch.allclose(net(x), net.final_conv.conv[0](y), atol=1e-5)


def test_the_papers_variant_has_five_stages_and_runs():
    net = MultiverSeg(4, paper=True)
    assert len(net.enc_blocks) == 5 and len(net.dec_blocks) == 4
    out = net(torch.rand(1, 5, 32, 32), torch.rand(1, 2, 1, 32, 32), torch.rand(1, 2, 1, 32, 32))
    assert out.shape == (1, 1, 32, 32)


def test_a_target_alone_is_a_target_whose_context_has_weights_of_zero():
    torch.manual_seed(0)
    network = MultiverSeg(4)
    with torch.no_grad():
        for block in (*network.enc_blocks, *network.dec_blocks):
            block.cross.cross_conv.weight[:, block.cross.target_channels :] = 0
    target, context = torch.rand(2, 5, 32, 32), torch.rand(2, 2, 3, 1, 32, 32)
    torch.testing.assert_close(network.alone(target), network(target, *context))


def test_a_fixed_context_changes_gradients_only():
    torch.manual_seed(0)
    network = MultiverSeg(4)
    target, context = torch.rand(2, 5, 32, 32), torch.rand(2, 2, 3, 1, 32, 32)
    free, fixed = network(target, *context), network(target, *context, fixed=True)
    torch.testing.assert_close(free, fixed)
    fixed.sum().backward()
    gradients = {name: value.grad for name, value in network.named_parameters()}
    assert all(gradients[name] is None for name in gradients if ".support." in name)
    assert all(gradients[name].any() for name in gradients if ".target." in name and "weight" in name)
