"""InterConv's layers and the networks with them: sizes as in the papers, and who sees whom in a batch."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F

from segbench.models.networks.interconv import Grouping, InterConv2d, InterLinear
from segbench.models.networks.plain_unet import PlainUNet
from segbench.models.networks.simple_unet import SimpleUNet
from segbench.models.networks.swin_unet import SwinUNet, WindowAttention
from segbench.models.weights import WeightsError

NNUNET = pytest.mark.skipif(
    find_spec("dynamic_network_architectures") is None, reason="nnU-Net's package is absent"
)
TOYS = [
    pytest.param((SimpleUNet, 4), id="simple"),
    pytest.param((PlainUNet, 4), id="plain", marks=NNUNET),
    pytest.param((SwinUNet, 6), id="swin"),
]
TABLE_4 = {24: 16, 34: 23, 48: 33, 70: 49, 100: 70, 142: 100, 200: 141, 284: 200, 400: 282}


def size(network_class, width, **options) -> int:
    with torch.device("meta"):
        return sum(value.numel() for value in network_class(width, **options).parameters())


def simple_size(width: int, channels: int, classes: int, wider: int) -> int:
    """Eight 3x3 convolutions, four of them on twice the features, and one of a pixel."""
    weights = 9 * wider * (channels + 3 * width + 4 * 2 * width) * width
    return weights + 8 * width + (width + 1) * classes


@pytest.mark.parametrize(("baseline", "interconv"), TABLE_4.items())
def test_simple_unets_of_table_4_have_what_their_layers_take(baseline, interconv):
    plain, wide = size(SimpleUNet, baseline), size(SimpleUNet, interconv, interconv=True)
    assert plain == simple_size(baseline, 1, 21, 1)
    assert wide == simple_size(interconv, 1, 21, 2)
    assert 0.88 < wide / plain < 1


@pytest.mark.parametrize(
    ("width", "channels", "classes", "interconv", "count"),
    [
        (24, 1, 21, False, 57_957),
        (16, 1, 21, True, 51_461),
        (400, 1, 21, False, 15_855_221),
        (282, 1, 21, True, 15_759_027),
        (192, 5, 1, False, 3_659_905),  # ScribblePrompt
        (137, 5, 1, True, 3_729_826),
    ],
)
def test_simple_unets_have_the_counts_of_the_specification(width, channels, classes, interconv, count):
    assert size(SimpleUNet, width, channels=channels, classes=classes, interconv=interconv) == count


@NNUNET
def test_nnunets_of_table_5_are_as_large_as_there():
    assert size(PlainUNet, 32) == 20_638_025
    assert size(PlainUNet, 23, interconv=True) == pytest.approx(20.41e6, abs=5e3)
    assert size(PlainUNet, 32, interconv=True) == pytest.approx(39.49e6, abs=5e3)


@pytest.mark.parametrize(
    ("width", "interconv", "millions"), [(96, False, 27.1), (84, True, 26.8), (96, True, 34.9)]
)
def test_swin_unets_of_table_6_are_as_large_as_there(width, interconv, millions):
    assert size(SwinUNet, width, interconv=interconv) == pytest.approx(millions * 1e6, rel=0.015)


def test_interconv_adds_four_times_the_squared_features_to_every_attention():
    added = size(SwinUNet, 96, interconv=True) - size(SwinUNet, 96)
    features = [96, 192, 384, 768, 384, 192, 96]  # two blocks each
    assert added == sum(2 * 4 * width**2 for width in features)


def written_out(features, sizes):
    """Concat(u; s) of every image, the set context being the mean over its set (equations 1 and 2)."""
    parts = features.split(sizes)
    means = [part.mean(0, keepdim=True).expand_as(part) for part in parts]
    return torch.cat([features, torch.cat(means)], dim=1)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_interconv_convolves_the_concatenation(kernel, stride):
    torch.manual_seed(0)
    grouping = Grouping()
    layer = InterConv2d(3, 4, kernel, grouping, stride=stride).double()
    features = torch.rand(6, 3, 11, 8).double()
    grouping.sizes = (3, 1, 2)
    expected = F.conv2d(
        written_out(features, (3, 1, 2)), layer.weight, layer.bias, stride=stride, padding=kernel // 2
    )
    assert torch.allclose(layer(features), expected)


def test_interlinear_is_interconv_of_one_pixel():
    torch.manual_seed(0)
    grouping = Grouping()
    layer = InterLinear(3, 4, grouping).double()
    features = torch.rand(5, 3, 6, 7).double()
    grouping.sizes = (2, 3)
    joined = written_out(features, (2, 3))
    expected = F.conv2d(joined, layer.weight[:, :, None, None], layer.bias).permute(0, 2, 3, 1)
    assert torch.allclose(layer(features.permute(0, 2, 3, 1)), expected)


def test_sizes_that_are_not_those_of_the_batch_are_refused():
    layer = InterConv2d(1, 1, 3, Grouping())
    layer.grouping.sizes = (2, 2)
    with pytest.raises(RuntimeError, match="split"):
        layer(torch.rand(3, 1, 8, 8))


@pytest.fixture
def network(request):
    """A small network of an architecture with InterConv, exact enough to compare."""
    torch.manual_seed(0)
    kind, width = request.param
    return kind(width, classes=3, interconv=True).double().eval()


def images(count: int, height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(1)).double()


each_network = pytest.mark.parametrize("network", TOYS, indirect=True)


@each_network
@torch.inference_mode()
def test_permuting_a_set_permutes_its_predictions(network):
    x, order = images(4), [2, 0, 3, 1]
    assert torch.allclose(network(x[order], (4,)), network(x, (4,))[order])


@each_network
@torch.inference_mode()
def test_equal_images_and_a_set_of_one_are_an_image_alone(network):
    x = images(1)
    alone = network(x)
    assert alone.shape == (1, 3, 64, 64)
    assert torch.equal(network(x, (1,)), alone)
    assert torch.allclose(network(x.repeat(3, 1, 1, 1), (3,)), alone.expand(3, -1, -1, -1))


@each_network
@torch.inference_mode()
def test_ragged_sets_are_predicted_as_each_set_alone(network):
    x, sizes = images(6), (1, 3, 2)
    expected = [network(part, (len(part),)) for part in x.split(sizes)]
    assert torch.allclose(network(x, sizes), torch.cat(expected))


@each_network
@torch.inference_mode()
def test_an_image_sees_its_own_set_and_no_other(network):
    x = images(4)
    changed = x.clone()
    changed[3] = 1 - changed[3]
    before, after = network(x, (2, 2)), network(changed, (2, 2))
    assert torch.equal(before[:2], after[:2])
    assert (before[2] - after[2]).abs().max() > 1e-3


@each_network
@torch.inference_mode()
def test_sets_are_forgotten_with_the_next_batch(network):
    x = images(2)
    together = network(x, (2,))
    assert torch.allclose(network(x), torch.cat([network(x[:1]), network(x[1:])]))
    assert not torch.allclose(network(x), together)


@pytest.mark.parametrize("toy", TOYS)
@torch.inference_mode()
def test_a_baseline_has_no_use_for_sets(toy):
    torch.manual_seed(0)
    kind, width = toy
    network, x = kind(width).double().eval(), images(3)
    assert torch.equal(network(x, (3,)), network(x))
    assert torch.allclose(network(x), torch.cat([network(image[None]) for image in x]))


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("interconv", [False, True])
def test_sizes_are_read_off_a_checkpoint(toy, interconv):
    kind, width = toy
    with torch.device("meta"):
        network = kind(2 * width, channels=5, classes=2, interconv=interconv)
        found = kind.like(network.state_dict())
    assert (found.grouping is not None) == interconv
    shapes = [{name: value.shape for name, value in n.state_dict().items()} for n in (network, found)]
    assert shapes[0] == shapes[1]


@each_network
@torch.inference_mode()
def test_images_of_any_size_are_padded_and_cropped(network):
    x = images(3, 51, 83)
    whole = network(F.pad(x, (0, 13, 0, 13)), (3,))
    assert torch.equal(network(x, (3,)), whole[..., :51, :83])


@NNUNET
def test_a_checkpoint_of_nnunet_holds_every_tensor_once():
    state = PlainUNet(2, interconv=True).state_dict()
    assert len({value.data_ptr() for value in state.values()}) == len(state)
    convolutions = [value for name, value in state.items() if value.shape[2:] == (3, 3)]
    assert len(convolutions) == 2 * 6 + 2 * 5
    assert convolutions[0].shape[1] == 2  # that of one channel


@NNUNET
@torch.inference_mode()
def test_deep_supervision_fits_labels_at_every_step():
    torch.manual_seed(0)
    network, x = PlainUNet(2, classes=3, interconv=True).double().eval(), images(3, 49, 75)
    scales = network.deep(x, (3,))
    assert torch.equal(scales[0], network(x, (3,)))
    for level, logits in enumerate(scales):
        assert logits.shape[2:] == x[..., :: 2**level, :: 2**level].shape[2:]
    assert len(scales) == 5


def test_without_nnunet_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures.architectures.unet", None)
    with pytest.raises(WeightsError, match=r"pip install 'segbench\[nnunet\]'"):
        PlainUNet(2)


def attention_written_out(layer: WindowAttention, x: torch.Tensor, shift: tuple[int, int]) -> torch.Tensor:
    """Every place attends to all places of its window, by likeness and relative position."""
    height, width, features = x.shape[1:]
    rows, columns = (
        index.flatten() for index in torch.meshgrid(*map(torch.arange, (height, width)), indexing="ij")
    )
    window = (rows - shift[0]).div(7, rounding_mode="floor") * 100
    window = window + (columns - shift[1]).div(7, rounding_mode="floor")
    query, key, value = layer.qkv(x).flatten(1, 2).chunk(3, dim=2)
    apart = (rows[:, None] - rows).clamp(-6, 6) + 6, (columns[:, None] - columns).clamp(-6, 6) + 6
    outputs = []
    for head, part in enumerate(torch.arange(features).chunk(layer.heads)):
        scores = query[..., part] @ key[..., part].mT / len(part) ** 0.5
        scores = scores + layer.bias[apart[0] * 13 + apart[1], head]
        scores = scores.masked_fill(window[:, None] != window, float("-inf"))
        outputs.append(scores.softmax(dim=2) @ value[..., part])
    return layer.proj(torch.cat(outputs, dim=2).unflatten(1, (height, width)))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("shape", [(14, 21), (15, 10), (5, 6), (7, 9)])
@torch.inference_mode()
def test_attention_stays_within_shifted_windows(shape, shifted):
    torch.manual_seed(0)
    layer = WindowAttention(6, 3, shifted, None).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, *shape, 6).double()
    shift = tuple(3 if shifted and side > 7 else 0 for side in shape)  # a single window is not shifted
    assert torch.allclose(layer(x), attention_written_out(layer, x, shift))
