"""The worked example of a plug-in: a SAM-style adapter with a checkpoint of the user's."""

from __future__ import annotations

import importlib
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.benchmark.conformance import examine, mock
from segbench.models import create_model
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Click, Interactions, Query
from segbench.results import load

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "sam-example"
NAME = "sam_example:SAM"


# What segment_anything imports of torchvision, for image files and automatic masks, which nobody uses here.
UNUSED = ("torchvision", "torchvision.ops", "torchvision.ops.boxes")
UNUSED += ("torchvision.transforms", "torchvision.transforms.functional")


@pytest.fixture(scope="module", autouse=True)
def example():
    """The example's module, as if its package were installed, with torch on one thread as in a run."""
    if find_spec("segment_anything") is None:
        pytest.skip("segment-anything is absent: pip install segment-anything")
    with pytest.MonkeyPatch.context() as patch:
        try:
            importlib.import_module("torchvision")
        except (ImportError, RuntimeError):  # absent, or built for another torch than the one that is here
            for name in UNUSED:
                patch.setitem(sys.modules, name, MagicMock())
        patch.syspath_prepend(str(FOLDER))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield importlib.import_module("sam_example")
        torch.set_num_threads(threads)
    for name in [name for name in sys.modules if name.startswith(("segment_anything", "sam_example"))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, example) -> Path:
    """An untrained network of SAM's layout: 64 pixels, 4 x 4 patches, a window and a global block."""
    from segment_anything import modeling

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = modeling.Sam(
            modeling.ImageEncoderViT(
                img_size=64,
                patch_size=16,
                embed_dim=24,
                depth=2,
                num_heads=3,
                mlp_ratio=2,
                out_chans=32,
                use_rel_pos=True,
                rel_pos_zero_init=False,
                window_size=2,
                global_attn_indexes=(1,),
            ),
            modeling.PromptEncoder(32, (4, 4), (64, 64), mask_in_chans=8),
            modeling.MaskDecoder(
                transformer_dim=32,
                transformer=modeling.TwoWayTransformer(depth=2, embedding_dim=32, num_heads=8, mlp_dim=48),
                iou_head_depth=2,
                iou_head_hidden_dim=20,
            ),
        )
    path = tmp_path_factory.mktemp("sam") / "sam_tiny.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def adapter(checkpoint):
    return create_model(NAME, weights=str(checkpoint))


def clicked(image: torch.Tensor, *clicks: Click) -> Query:
    """A query about one image with clicks."""
    positive, negative = torch.zeros_like(image), torch.zeros_like(image)
    for click in clicks:
        (positive if click.positive else negative)[0, 0, click.row, click.column] = 1
    return Query(image, Interactions(positive, negative, torch.zeros_like(image), (clicks,)))


@pytest.fixture
def image():
    return torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))


def test_the_entry_point_names_the_adapter(example):
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["segbench.models"] == {"sam-example": NAME}
    assert example.SAM.capabilities.interactive


def test_sizes_are_read_off_the_checkpoint(adapter):
    encoder, decoder = adapter.network.image_encoder, adapter.network.mask_decoder
    assert encoder.img_size == 64
    assert [block.window_size for block in encoder.blocks] == [2, 0]
    assert [block.attn.num_heads for block in encoder.blocks] == [3, 3]
    assert decoder.iou_prediction_head.num_layers == 2 and decoder.num_mask_tokens == 4


def test_the_sizes_of_the_published_networks_are_found(example):
    from segment_anything import build_sam_vit_b

    with torch.device("meta"):  # sizes without memory
        published = build_sam_vit_b()
        found = example.SegmentAnything.like(published.state_dict())
    shapes = {name: tensor.shape for name, tensor in published.state_dict().items()}
    assert {name: tensor.shape for name, tensor in found.state_dict().items()} == shapes
    for own, theirs in zip(found.image_encoder.blocks, published.image_encoder.blocks, strict=True):
        assert own.window_size == theirs.window_size and own.attn.num_heads == theirs.attn.num_heads


def test_logits_are_those_of_the_published_predictor(adapter, image):
    from segment_anything import SamPredictor

    side = adapter.network.image_encoder.img_size
    large = torch.nn.functional.interpolate(image, (side, side), mode="bilinear", antialias=True)
    predictor = SamPredictor(adapter.network)
    predictor.set_torch_image(255 * large.expand(-1, 3, -1, -1), (32, 32))
    clicks = (Click(10, 20, True), Click(3, 4, False))
    coordinates = torch.tensor([[[20.5, 10.5], [4.5, 3.5]]]) * 2 - 0.5
    masks, _, _ = predictor.predict_torch(
        coordinates, torch.tensor([[1, 0]]), multimask_output=False, return_logits=True
    )
    assert torch.allclose(adapter.predict(clicked(image, *clicks)), masks, atol=1e-5)


def test_one_click_takes_the_surest_of_three_masks(adapter, image):
    calls = []
    adapter.network.mask_decoder.register_forward_hook(
        lambda module, given, kept, out: calls.append((kept["multimask_output"], *out)), with_kwargs=True
    )
    query = clicked(image, Click(10, 20, True))
    logits = adapter.predict(query)
    ((several, masks, quality),) = calls
    assert several and quality.shape == (1, 3)
    surest = masks[:, quality[0].argmax()][:, None]
    large = torch.nn.functional.interpolate(surest, (64, 64), mode="bilinear")
    assert torch.allclose(logits, torch.nn.functional.interpolate(large, (32, 32), mode="bilinear"))
    adapter.predict(Query(image, query.interactions, previous_logits=logits))
    assert [each[0] for each in calls] == [True, False]


def test_an_image_is_encoded_once_and_few_are_kept(adapter, example, image, monkeypatch):
    encoded = []
    adapter.network.image_encoder.register_forward_hook(lambda *given: encoded.append(1))
    first = adapter.predict(clicked(image, Click(10, 20, True)))
    again = adapter.predict(Query(image, clicked(image, Click(5, 5, True)).interactions, first))
    assert len(encoded) == 1 and not torch.equal(first, again)
    for number in range(example.KEPT):
        adapter.predict(clicked(image * number / example.KEPT, Click(10, 20, True)))
    assert len(encoded) == 1 + example.KEPT
    adapter.predict(clicked(image, Click(10, 20, True)))
    assert len(encoded) == 2 + example.KEPT


def test_scribbles_become_points_on_them(example):
    positive, negative = torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    positive[0, 0, 7, 2:30] = 1
    positive[0, 0, 8, 2:30] = 0.3  # the soft edge of a stroke
    negative[0, 0, 20, 5] = 0.8
    points = example.points_of(Interactions(positive, negative, torch.zeros(1, 1, 32, 32), ((),)), 0)
    on = [point for point in points if point.positive]
    assert len(on) == example.POINTS and {point.row for point in on} == {7}
    assert [point.column for point in on][:: len(on) - 1] == [2, 29]
    assert [point for point in points if not point.positive] == [Click(20, 5, False)]


@pytest.mark.parametrize("spoil", ["text", "other", "short", "absent"])
def test_another_file_is_one_sentence(checkpoint, tmp_path, spoil):
    path = tmp_path / "mine.pth"
    if spoil == "text":
        path.write_text("no checkpoint")
    elif spoil == "other":
        torch.save({"weight": torch.zeros(3)}, path)
    elif spoil == "short":
        state = torch.load(checkpoint, weights_only=True)
        state.pop("mask_decoder.iou_token.weight")
        torch.save(state, path)
    with pytest.raises(WeightsError) as caught:
        create_model(NAME, weights=str(path))
    assert "mine.pth" in str(caught.value) and "\n" not in str(caught.value)


def test_it_passes_the_check_of_adapters(checkpoint, monkeypatch):
    monkeypatch.setattr(mock, "SIDE", 32)
    findings = examine(NAME, weights=str(checkpoint))
    assert not [each for each in findings if each.verdict == "failed"]
    assert "run manual-scribbles" in {each.check for each in findings if each.verdict == "passed"}


def test_it_runs_on_the_phantoms_from_the_command_line(checkpoint, tmp_path):
    output = tmp_path / "run"
    words = ["run", "--models", NAME, "--weights", str(checkpoint), "--datasets", "phantoms"]
    words += ["--preset", "smoke", "--images", "2", "--max-steps", "2", "--output", str(output)]
    words += ["--device", "cpu", "--precision", "float32", "--workers", "1"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    images = load(output).images
    assert set(images["protocol"]) == {"center-clicks", "centerline-scribbles"}
    assert len(images) == 2 * 3 * 2 and np.isfinite(images["dice"]).all()
