"""SegGPT, with an untrained network of upstream's class in upstream's layout."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.models import create_model
from segbench.models.extras import optional
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Context, Query
from segbench.results import load

SIDE = 32  # to which the network's processor resizes


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Folder of an untrained network and its processor."""
    transformers = optional("transformers", "seggpt", "transformers")
    config = transformers.SegGptConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=[2 * SIDE, SIDE],
        patch_size=8,
        pretrain_image_size=SIDE,
        decoder_hidden_size=8,
        merge_index=1,
        intermediate_hidden_state_indices=[2, 3],
        drop_path_rate=0.0,
    )
    folder: Path = tmp_path_factory.mktemp("seggpt")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformers.SegGptForImageSegmentation(config)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    transformers.SegGptImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


@pytest.fixture
def seggpt(folder):
    return create_model("seggpt", weights=str(folder))


def _query(entries: int, side: int = 48) -> Query:
    """A query of random 8-bit images with blobs as masks."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (1 + entries, 1, side, side), generator=generator) / 255
    labels = F.avg_pool2d(torch.rand(entries, 1, side, side, generator=generator), 9, 1, 4) > 0.5
    return Query(images[:1], context=Context(images[None, 1:], labels.float()[None]))


def _upstream(folder, query):
    """Upstream's map of classes (H, W), and its predicted mask, (3, 2 side, side)."""
    transformers = optional("transformers", "seggpt", "transformers")
    network = transformers.SegGptForImageSegmentation.from_pretrained(folder).eval()
    processor = transformers.SegGptImageProcessorPil.from_pretrained(folder)

    def colours(image):
        return np.stack([(255 * image[0]).round().byte().numpy()] * 3, axis=-1)

    inputs = processor(
        images=[colours(query.image[0])] * len(query.context.images[0]),
        prompt_images=[colours(image) for image in query.context.images[0]],
        prompt_masks=[label[0].byte().numpy() for label in query.context.labels[0]],
        num_labels=1,
        return_tensors="pt",
    )
    with torch.inference_mode():
        output = network(**inputs, feature_ensemble=len(query.context.images[0]) > 1)
    sizes = [tuple(query.image.shape[-2:])] * len(output.pred_masks)
    return processor.post_process_semantic_segmentation(output, sizes, 1)[0], output.pred_masks[0]


@pytest.mark.parametrize("entries", [1, 3])
def test_masks_are_those_of_upstream(seggpt, folder, entries):
    query = _query(entries)
    classes, painted = _upstream(folder, query)
    logits = seggpt.predict(query)
    assert logits.shape == query.image.shape and 0 < classes.float().mean() < 1
    assert torch.equal(logits[0, 0] > 0, classes == 1)
    mean, std = (torch.tensor(values) for values in (seggpt.processor.image_mean, seggpt.processor.image_std))
    colours = (painted[:, SIDE:].permute(1, 2, 0) * std + mean).clip(0, 1)
    brightness = F.interpolate(colours.mean(-1)[None, None], query.image.shape[-2:])
    assert torch.allclose(logits.sigmoid(), brightness, atol=1e-5)


def test_the_sign_is_upstreams_for_all_colours(seggpt):
    mean, std = (torch.tensor(values) for values in (seggpt.processor.image_mean, seggpt.processor.image_std))
    levels = torch.randint(-40, 300, (2 * SIDE, SIDE, 3), generator=torch.Generator().manual_seed(0)) / 255
    levels[SIDE:, :8] = 0.5  # as far from white as from black
    levels[SIDE:, 8:12], levels[SIDE:, 12:16] = 0, 1
    painted = ((levels - mean) / std).permute(2, 0, 1)[None]
    classes = seggpt.processor.post_process_semantic_segmentation(
        SimpleNamespace(pred_masks=painted), num_labels=1
    )[0]
    seggpt.network = lambda **inputs: SimpleNamespace(pred_masks=painted.clone())
    logits = seggpt.predict(_query(1, SIDE))
    assert torch.equal(logits[0, 0] > 0, classes == 1) and logits.isfinite().all()
    assert logits.std() > 1


def test_every_entry_counts_and_answers_repeat(seggpt, folder):
    query = _query(3)
    assert query.context is not None
    base = seggpt.predict(query)
    for entry in range(3):
        labels = query.context.labels.clone()
        labels[:, entry] = 1 - labels[:, entry]
        assert not torch.equal(
            base, seggpt.predict(Query(query.image, context=Context(query.context.images, labels)))
        )
    assert torch.equal(base, create_model("seggpt", weights=str(folder)).predict(query))


def test_bfloat16_is_close(seggpt, folder):
    rounded = create_model("seggpt", weights=str(folder), precision="bfloat16")
    full, query = seggpt.predict(_query(3)), _query(3)
    difference = (rounded.predict(query) - full).abs().mean()
    assert 0 < difference < 0.2 * full.std()


def test_it_needs_a_context(seggpt):
    with pytest.raises(ValueError, match="needs a context"):
        seggpt.predict(Query(torch.zeros(1, 1, 16, 16)))


@pytest.mark.parametrize("spoil", ["text", "short", "other", "processor"])
def test_other_weights_are_one_sentence(folder, tmp_path, spoil):
    from safetensors.torch import load_file, save_file

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    if spoil == "text":
        (tmp_path / "model.safetensors").write_text("no checkpoint")
    elif spoil == "short":
        state = load_file(folder / "model.safetensors")
        state.pop("model.embeddings.mask_token")
        save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    elif spoil == "other":
        (tmp_path / "config.json").write_text('{"model_type": "sam"}')
    else:
        (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(WeightsError) as caught:
        create_model("seggpt", weights=str(tmp_path))
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
def test_it_runs_from_the_command_line(folder, tmp_path):
    words = ["run", "--models", "seggpt", "--weights", str(folder), "--datasets", "phantoms"]
    words += ["--protocol", "in-context,bootstrapped-in-context", "--preset", "smoke", "--images", "3"]
    words += ["--output", str(tmp_path / "run"), "--workers", "1", "--device", "cpu"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    images = load(tmp_path / "run").images
    assert set(images.protocol) == {"in-context", "bootstrapped-in-context"}
    assert np.isfinite(images.dice).all()
