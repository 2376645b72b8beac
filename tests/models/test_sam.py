"""SAM, MedSAM and HQ-SAM as tiny random networks, against upstream's model and processor."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from skimage.transform import resize

from segbench.benchmark.cli import cli
from segbench.benchmark.conformance import examine, mock
from segbench.models import MODELS, create_model
from segbench.models.extras import optional
from segbench.models.sam import KEPT
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Box, Click, Interactions, Query
from segbench.results import load

SIDE = 64  # of the networks; images of the tests are smaller and not square
SHAPE = (48, 36)
CLICKS = (Click(10, 20, True), Click(40, 3, False))
BOX = Box(5, 7, 30, 33)


@pytest.fixture(scope="module")
def transformers():
    try:
        return optional("transformers", "sam", "transformers")
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def weights(transformers, tmp_path_factory) -> Path:
    """A folder with networks of 54,000 parameters in the upstream layout: sam, medsam and sam-hq."""
    folder = tmp_path_factory.mktemp("weights")
    vision = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "output_channels": 32}
    vision |= {"mlp_dim": 32, "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 16}
    decoder = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
    sizes = {"image_size": SIDE, "patch_size": 8}
    square = {"height": SIDE, "width": SIDE}
    processor = transformers.SamImageProcessorPil(size={"longest_edge": SIDE}, pad_size=square)
    for name in ("sam", "medsam", "sam-hq"):
        kind = "SamHQ" if name == "sam-hq" else "Sam"
        config = getattr(transformers, f"{kind}Config")(
            vision_config=vision | sizes,
            prompt_encoder_config={"hidden_size": 32, "mask_input_channels": 4, **sizes},
            mask_decoder_config=decoder | ({"vit_dim": 16} if name == "sam-hq" else {}),
        )
        with torch.random.fork_rng():
            torch.manual_seed(1)
            network = getattr(transformers, f"{kind}Model")(config)
            for tensor in network.parameters():
                torch.nn.init.normal_(tensor, std=0.3)
        network.save_pretrained(folder / name)
        getattr(transformers, f"{kind}Processor")(processor).save_pretrained(folder / name)
    return folder


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(0))


def query(image: torch.Tensor, clicks=(), box=None, previous=None) -> Query:
    """A query with prompts on its first image."""
    drawn = torch.zeros(3, *image.shape)
    for click in clicks:
        drawn[0 if click.positive else 1, 0, 0, click.row, click.column] = 1
    if box is not None:
        drawn[2, 0, 0, box.top : box.bottom, box.left : box.right] = 1
    others = len(image) - 1
    prompts = Interactions(*drawn, (tuple(clicks),) + ((),) * others, (box,) + (None,) * others)
    return Query(image, prompts, previous)


def eight_bits(image: torch.Tensor) -> np.ndarray:
    return np.repeat((255 * image[0, 0]).round().byte().numpy()[..., None], 3, axis=-1)


def upstream(transformers, folder: Path, image: torch.Tensor, prompts: dict, mask=None) -> torch.Tensor:
    """Logits (1, 1, H, W) of upstream's model and processor, for prompts in the processor's coordinates."""
    kind = "SamHQ" if folder.name == "sam-hq" else "Sam"
    network = getattr(transformers, f"{kind}Model").from_pretrained(folder).eval()
    pixels = transformers.SamImageProcessorPil.from_pretrained(folder)
    processor = getattr(transformers, f"{kind}Processor")(pixels)
    inputs = processor(images=[eight_bits(image)], return_tensors="pt", **prompts)
    sizes = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
    several = "input_boxes" not in prompts and mask is None and len(prompts["input_labels"][0][0]) == 1
    with torch.inference_mode():
        output = network(**inputs, input_masks=mask, multimask_output=several)
    masks = processor.post_process_masks(output.pred_masks, *sizes, binarize=False)[0]
    return masks[:, [output.iou_scores[0, 0].argmax() if masks.shape[1] > 1 else 0]]


def points(*clicks: Click) -> dict:
    """Clicks in the processor's coordinates, the centres of their pixels."""
    positions = [[click.column + 0.5, click.row + 0.5] for click in clicks]
    return {"input_points": [[positions]], "input_labels": [[[int(click.positive) for click in clicks]]]}


PROMPTS = {
    "one point": ({"clicks": CLICKS[:1]}, points(CLICKS[0])),
    "one negative point": ({"clicks": CLICKS[1:]}, points(CLICKS[1])),
    "points": ({"clicks": CLICKS}, points(*CLICKS)),
    "box": ({"box": BOX}, {"input_boxes": [[[7, 5, 33, 30]]]}),
    "points and box": ({"clicks": CLICKS, "box": BOX}, points(*CLICKS) | {"input_boxes": [[[7, 5, 33, 30]]]}),
}


@pytest.mark.parametrize("prompts", PROMPTS)
@pytest.mark.parametrize("name", ["sam", "sam-hq"])
def test_logits_are_those_of_upstream_in_every_bit(transformers, weights, image, name, prompts):
    ours, theirs = PROMPTS[prompts]
    adapter = create_model(name, weights=str(weights))
    logits = adapter.predict(query(image, **ours))
    assert logits.std() > 0.01
    assert torch.equal(logits, upstream(transformers, weights / name, image, theirs))


@pytest.mark.parametrize("name", ["sam", "sam-hq"])
def test_previous_logits_are_the_mask_prompt(transformers, weights, image, name):
    """48 x 36 pixels become 64 x 48, and so 32 x 24 of the mask prompt's 32 x 32."""
    previous = torch.randn(1, 1, *SHAPE, generator=torch.Generator().manual_seed(2))
    mask = F.pad(F.interpolate(previous, (32, 24), mode="bilinear"), (0, 8))
    adapter = create_model(name, weights=str(weights))
    for clicks in (CLICKS[:1], CLICKS):
        logits = adapter.predict(query(image, clicks, previous=previous))
        assert torch.equal(logits, upstream(transformers, weights / name, image, points(*clicks), mask))
        assert not torch.equal(logits, adapter.predict(query(image, clicks)))


def test_medsam_follows_the_authors_script(transformers, weights, image):
    """MedSAM_Inference.py, with the network in the layout of transformers."""
    network = transformers.SamModel.from_pretrained(weights / "medsam").eval()
    large = resize(eight_bits(image), (SIDE, SIDE), order=3, preserve_range=True, anti_aliasing=True)
    large = large.astype(np.uint8)
    large = (large - large.min()) / np.clip(large.max() - large.min(), a_min=1e-8, a_max=None)
    pixels = torch.tensor(large).float().permute(2, 0, 1)[None]
    box = np.array([[7, 5, 33, 30]]) / np.array([36, 48, 36, 48]) * SIDE
    with torch.inference_mode():
        output = network(pixels, input_boxes=torch.tensor(box)[None], multimask_output=False)
    probability = F.interpolate(output.pred_masks[0].sigmoid(), SHAPE, mode="bilinear")
    adapter = create_model("medsam", weights=str(weights))
    logits = adapter.predict(query(image, CLICKS, BOX, previous=torch.ones(1, 1, *SHAPE)))
    assert torch.equal(logits > 0, probability > 0.5)
    torch.testing.assert_close(logits.sigmoid(), probability, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["sam", "medsam", "sam-hq"])
def test_an_answer_does_not_depend_on_earlier_queries(weights, image, name):
    adapter, encoded = create_model(name, weights=str(weights)), []
    adapter.network.vision_encoder.register_forward_hook(lambda *given: encoded.append(1))
    asked = query(image, CLICKS, BOX)
    first = adapter.predict(asked)
    adapter.predict(query(image, CLICKS[:1], Box(0, 0, 9, 9), previous=first))
    assert len(encoded) == 1 and torch.equal(adapter.predict(asked), first)
    for number in range(KEPT):
        adapter.predict(query(image * number / KEPT, CLICKS, BOX))
    adapter.predict(query(image.reshape(1, 1, 36, 48), CLICKS[:1], BOX))  # the same values in another shape
    assert torch.equal(adapter.predict(asked), first)
    assert len(encoded) == 1 + KEPT + 1 + 1  # the image was forgotten
    assert torch.equal(create_model(name, weights=str(weights)).predict(asked), first)


def test_images_of_a_query_have_different_numbers_of_points(weights, image):
    adapter = create_model("sam", weights=str(weights))
    images = torch.cat([image, image.flip(2), image.flip(3)])
    drawn = torch.zeros(3, *images.shape)
    together = Interactions(*drawn, (CLICKS, CLICKS[1:], ()), (None, BOX, None))
    logits = adapter.predict(Query(images, together))
    for index, (clicks, box) in enumerate([(CLICKS, None), (CLICKS[1:], BOX), ((), None)]):
        alone = adapter.predict(query(images[[index]], clicks, box))
        assert torch.equal(logits[[index]], alone)


def test_scribbles_count_in_the_variant_only(weights, image):
    drawn = torch.zeros(3, *image.shape)
    drawn[0, 0, 0, 20, 5:30] = 1
    scribbled = Query(image, Interactions(*drawn, ((),), (None,)))
    plain, variant = (create_model(name, weights=str(weights)) for name in ("sam", "sam-points"))
    assert torch.equal(plain.predict(scribbled), plain.predict(query(image)))
    spaced = [Click(20, round(5 + 24 * number / 9), True) for number in range(10)]
    assert torch.equal(variant.predict(scribbled), plain.predict(query(image, spaced)))
    assert MODELS.get("sam-hq-points").capabilities.prompts == ("clicks", "boxes", "masks", "scribbles")


@pytest.mark.parametrize("name", ["sam", "medsam", "sam-hq"])
def test_bfloat16_changes_little_and_the_fingerprint(weights, image, name):
    exact = create_model(name, weights=str(weights))
    rounded = create_model(name, weights=str(weights), precision="bfloat16")
    asked = query(image, CLICKS, BOX)
    difference = (exact.predict(asked) - rounded.predict(asked)).abs().max()
    assert 0 < difference < 0.05 and rounded.predict(asked).dtype == torch.float32
    assert exact.fingerprint != rounded.fingerprint


def spoil(folder: Path, how: str) -> None:
    file = folder / "model.safetensors"
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-1000])
    elif how == "text":
        file.write_text("no weights")
    elif how == "config":
        (folder / "config.json").write_text("{")
    elif how == "size":  # of the processor
        path = folder / "processor_config.json"
        path.write_text(path.read_text().replace(str(SIDE), "96"))
    elif how == "processor":
        (folder / "processor_config.json").write_text("{")
    elif how == "other":
        text = (folder / "config.json").read_text()
        (folder / "config.json").write_text(text.replace('"model_type": "sam"', '"model_type": "sam_hq"'))


@pytest.mark.parametrize("how", ["truncated", "text", "config", "size", "processor", "other"])
def test_another_folder_is_one_sentence(weights, tmp_path, how):
    folder = shutil.copytree(weights / "sam", tmp_path / "mine")
    spoil(folder, how)
    with pytest.raises(WeightsError) as caught:
        create_model("sam", weights=str(folder))
    assert "mine" in str(caught.value) and "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(WeightsError, match=r"network of type sam_hq; sam needs sam$"):
        create_model("sam", weights=str(weights / "sam-hq"))
    with pytest.raises(WeightsError, match=r"network of type sam; sam-hq needs sam_hq$"):
        create_model("sam-hq", weights=str(weights / "sam"))


def test_without_transformers_it_says_what_to_install(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        WeightsError, match=r"^sam needs another package: pip install 'segbench\[transformers\]'$"
    ):
        create_model("sam", weights=str(weights))


def test_it_passes_the_check_of_adapters(weights, monkeypatch):
    monkeypatch.setattr(mock, "SIDE", 32)
    findings = examine("sam", weights=str(weights))
    assert not [each for each in findings if each.verdict == "failed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "protocols"),
    [
        ("sam", {"center-clicks", "ritm-clicks", "boxes", "box-then-clicks"}),
        ("sam-hq", {"center-clicks", "box-then-clicks"}),
        ("medsam", {"boxes"}),
        ("sam-points", {"centerline-scribbles"}),
    ],
)
def test_it_runs_from_the_command_line(weights, tmp_path, model, protocols):
    output = tmp_path / "run"
    words = ["run", "--models", model, "--weights", str(weights), "--datasets", "phantoms"]
    words += ["--protocol", ",".join(sorted(protocols)), "--preset", "smoke", "--images", "2"]
    words += ["--max-steps", "2", "--output", str(output), "--device", "cpu", "--workers", "1"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    images = load(output).images
    assert set(images["protocol"]) == protocols and np.isfinite(images["dice"]).all()
