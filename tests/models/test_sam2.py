"""SAM 2 and its memory, with untrained networks of upstream's classes in upstream's layout."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

from segbench.benchmark.cli import cli
from segbench.models import create_model
from segbench.models.extras import optional
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Box, Click, Context, Interactions, Query
from segbench.results import load

SIDE = 64  # of the network's square
CLICKS = (Click(10, 20, True), Click(30, 41, False))
BOX = Box(5, 8, 33, 40)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Torch on one thread, as in a run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _network(video: bool):
    """An untrained network of upstream's class, its encoder as deep as needed for each kind of block."""
    transformers = optional("transformers", "sam2", "transformers")
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 2],
        window_positional_embedding_background_size=[2, 2],
        global_attention_blocks=[3],
    )
    sizes = [[SIDE // stride] * 2 for stride in (4, 8, 16)]
    vision = {"backbone_channel_list": [64, 32, 16, 8], "backbone_feature_sizes": sizes}
    config = {
        "vision_config": transformers.Sam2VisionConfig(
            backbone_config=backbone, fpn_hidden_size=128, **vision
        ),
        "prompt_encoder_config": {"hidden_size": 128, "image_size": SIDE, "mask_input_channels": 8},
        "mask_decoder_config": {"hidden_size": 128, "mlp_dim": 32, "iou_head_hidden_dim": 16},
    }
    if video:
        widths = ("memory_attention", "memory_encoder")
        config |= {f"{part}_hidden_size": 128 for part in widths}
        config |= {"image_size": SIDE, "memory_attention_feed_forward_hidden_size": 32}
        config |= {"memory_attention_num_layers": 1, "memory_attention_rope_feat_sizes": sizes[-1]}
        config |= {"mask_downsampler_embed_dim": 128, "memory_fuser_embed_dim": 128}
        config |= {"memory_fuser_intermediate_dim": 32}
    name = "Sam2Video" if video else "Sam2"
    network = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**config))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    network.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(20)  # the object is there
    return network.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Folders ``image`` and ``video`` of a Sam2Model and a Sam2VideoModel."""
    folder = tmp_path_factory.mktemp("sam2")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _network(False).save_pretrained(folder / "image")
        _network(True).save_pretrained(folder / "video")
    return folder


@pytest.fixture
def sam2(folder):
    return create_model("sam2", weights=str(folder / "image"))


@pytest.fixture
def memory(folder):
    return create_model("sam2-memory", weights=str(folder / "video"))


def _images(count: int, seed: int = 1, size: tuple[int, int] = (SIDE, SIDE)) -> torch.Tensor:
    """Random 8-bit images, (count, 1, H, W); upstream's resizing leaves those of the default size alone."""
    levels = torch.randint(256, (count, 1, *size), generator=torch.Generator().manual_seed(seed))
    return levels / 255


def _query(image, clicks=(), box=None, previous=None, context=None) -> Query:
    zeros = torch.zeros_like(image)
    interactions = Interactions(zeros, zeros, zeros, (clicks,), (box,)) if clicks or box else None
    return Query(image, interactions, previous, context)


def _context(count: int) -> Context:
    labels = F.avg_pool2d(_images(count, 3), 9, 1, 4) > 0.5
    return Context(_images(count, 2)[None], labels.float()[None])


def _pixels(images: torch.Tensor) -> torch.Tensor:
    """Images (n, 1, side, side) as upstream's processor normalises them."""
    constants = sys.modules["transformers"].image_utils
    mean, std = constants.IMAGENET_DEFAULT_MEAN, constants.IMAGENET_DEFAULT_STD
    mean, std = (torch.tensor(values)[:, None, None] for values in (mean, std))
    return (images - mean) / std


def _upstream_points(clicks, box=None, size=(SIDE, SIDE)):
    """Points (1, 1, n, 2), labels (1, 1, n) and box (1, 1, 4), scaled by upstream's processor."""
    processing = optional("transformers.models.sam2.processing_sam2", "sam2", "transformers")
    scale = processing.Sam2Processor._normalize_coordinates
    points = torch.tensor([[[(click.column + 0.5, click.row + 0.5) for click in clicks]]]).view(1, 1, -1, 2)
    labels = torch.tensor([[[int(click.positive) for click in clicks]]])
    corners = None if box is None else torch.tensor([[[box.left, box.top, box.right, box.bottom]]])
    if corners is not None:
        corners = scale(None, SIDE, corners, size, is_bounding_box=True)[None]
    return scale(None, SIDE, points, size), labels, corners


@pytest.mark.parametrize("given", ["a click", "clicks", "a box", "clicks and a box", "clicks and a mask"])
def test_logits_are_those_of_upstream(sam2, given):
    image, box = _images(1), BOX if "box" in given else None
    clicks = CLICKS[:1] if given == "a click" else CLICKS if "clicks" in given else ()
    previous = 40 * (_images(1, 5) - 0.5) if "mask" in given else None
    points, labels, corners = _upstream_points(clicks, box)
    with torch.inference_mode():
        output = sam2.network(
            pixel_values=_pixels(image),
            input_points=points if clicks else None,
            input_labels=labels if clicks else None,
            input_boxes=corners,
            input_masks=None if previous is None else previous.clamp(-32, 32),
            multimask_output=given == "a click",
        )
    best = output.iou_scores[0, 0].argmax()
    expected = F.interpolate(output.pred_masks[:, 0, best][:, None], (SIDE, SIDE), mode="bilinear")
    logits = sam2.predict(_query(image, clicks, box, previous))
    assert logits.std() > 0.01 and torch.allclose(logits, expected, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("size", [(24, 40), (150, 90)])
def test_images_are_resized_as_upstream_does(sam2, size):
    image, seen = _images(1, size=size), []
    sam2.network.vision_encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    logits = sam2.predict(_query(image, CLICKS[:1]))
    # torchvision resizes 8-bit images by this call; upstream normalises them afterwards.
    levels = F.interpolate((255 * image).round().byte(), (SIDE, SIDE), mode="bilinear", antialias=True)
    assert logits.shape == image.shape and torch.allclose(seen[0], _pixels(levels / 255), atol=1e-6)
    points, labels, _ = _upstream_points(CLICKS[:1], size=size)
    with torch.inference_mode():
        output = sam2.network(pixel_values=seen[0], input_points=points, input_labels=labels)
    best = output.pred_masks[:, 0, output.iou_scores[0, 0].argmax()][:, None]
    assert torch.allclose(logits, F.interpolate(best, size, mode="bilinear"), rtol=1e-4, atol=1e-3)


def _session(network, images, labels, size):
    """A session that has seen all frames but the last, driven by upstream's processor."""
    video = optional("transformers.models.sam2_video", "sam2", "transformers")
    session = video.modeling_sam2_video.Sam2VideoInferenceSession(_pixels(images), *size, dtype=torch.float32)
    add = video.processing_sam2_video.Sam2VideoProcessor.process_new_mask_for_video_frame
    for frame, label in enumerate(labels):
        add(SimpleNamespace(target_size=SIDE), session, frame, [1], label[0].bool().numpy())
        network(session, frame_idx=frame)
    return session


@pytest.mark.parametrize("entries", [1, 3, 9])  # more than the 7 frames without input that memory holds
def test_memory_is_that_of_upstream(memory, entries):
    image, context = _images(1), _context(entries)
    frames = torch.cat([context.images[0], image])
    session = _session(memory.network, frames, context.labels[0], (SIDE, SIDE))
    tracked = memory.network(session, frame_idx=entries).pred_masks
    first = memory.predict(_query(image, context=context))
    expected = F.interpolate(tracked, (SIDE, SIDE), mode="bilinear")
    assert first.std() > 0.01 and torch.equal(first, expected)

    points, labels, _ = _upstream_points(CLICKS)
    session.add_point_inputs(0, entries, {"point_coords": points, "point_labels": labels})
    session.obj_with_new_inputs = [1]
    decode = memory.network._single_frame_forward
    with pytest.MonkeyPatch.context() as patch:  # as Meta's predictor, which feeds the last logits
        patch.setattr(
            memory.network,
            "_single_frame_forward",
            lambda **given: decode(**given | {"input_masks": first.clamp(-32, 32)}),
        )
        corrected = memory.network(session, frame_idx=entries).pred_masks
    expected = F.interpolate(corrected, (SIDE, SIDE), mode="bilinear")
    second = memory.predict(_query(image, CLICKS, previous=first, context=context))
    assert not torch.equal(first, second) and torch.equal(second, expected)


def test_every_entry_and_every_prompt_counts(memory):
    image, context = _images(1), _context(9)
    base = memory.predict(_query(image, CLICKS, context=context))
    for entry in range(9):
        labels = context.labels.clone()
        labels[:, entry] = 1 - labels[:, entry]
        changed = Context(context.images, labels)
        assert not torch.equal(base, memory.predict(_query(image, CLICKS, context=changed)))
    assert not torch.equal(base, memory.predict(_query(image, CLICKS, BOX, context=context)))
    assert not torch.equal(base, memory.predict(_query(image, CLICKS[:1], context=context)))
    assert not torch.equal(base, memory.predict(_query(image, CLICKS, previous=base, context=context)))


def test_absent_objects_have_empty_masks(memory):
    memory.network.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(-20)
    logits = memory.predict(_query(_images(1), context=_context(2)))
    assert (logits == -1024).all()


def test_without_a_context_memory_is_sam2(folder, memory):
    plain: Any = create_model("sam2", weights=str(folder / "video"))
    query = _query(_images(1), CLICKS)
    assert torch.equal(memory.predict(query), plain.predict(query))
    assert memory.fallback.fingerprint == plain.fingerprint != memory.fingerprint
    shared = {id(parameter) for parameter in memory.fallback.network.vision_encoder.parameters()}
    assert shared <= {id(parameter) for parameter in memory.network.parameters()}


def test_answers_do_not_depend_on_earlier_queries_and_images_are_encoded_once(folder, memory):
    encoded = []
    memory.network.vision_encoder.register_forward_hook(lambda *given: encoded.append(1))
    image, other, context = _images(1), _images(1, 7), _context(3)
    queries = [
        _query(image, context=context),
        _query(image, CLICKS, context=context),
        _query(other, CLICKS, context=Context(context.images[:, 1:], context.labels[:, 1:])),
        _query(image, CLICKS),
    ]
    answers = [memory.predict(query) for query in queries]
    assert len(encoded) == 5
    second = create_model("sam2-memory", weights=str(folder / "video"))
    for query, answer in reversed(list(zip(queries, answers, strict=True))):
        assert torch.equal(second.predict(query), answer)
    both = Query(
        torch.cat([image, other]),
        context=Context(*(each.repeat(2, 1, 1, 1, 1) for each in vars(context).values())),
    )
    assert torch.equal(memory.predict(both)[:1], answers[0])


def test_bfloat16_is_close(memory, folder):
    rounded = create_model("sam2-memory", weights=str(folder / "video"), precision="bfloat16")
    query = _query(_images(1), CLICKS, context=_context(2))
    full = memory.predict(query)
    difference = (rounded.predict(query) - full).abs().mean()
    assert 0 < difference < 0.2 * full.std()


def test_variants_take_scribbles_as_points(folder):
    drawn = torch.zeros(1, 1, SIDE, SIDE)
    drawn[0, 0, 20, 10:40] = 1
    zeros = torch.zeros_like(drawn)
    query = Query(_images(1), Interactions(drawn, zeros, zeros, ((),), (None,)), context=_context(2))
    for name in ("sam2-points", "sam2-memory-points"):
        model = create_model(name, weights=str(folder / "video"))
        assert "scribbles" in model.capabilities.prompts
        assert not torch.equal(model.predict(query), model.predict(Query(query.image, context=query.context)))


@pytest.mark.parametrize("spoil", ["text", "short", "other", "image only"])
def test_other_weights_are_one_sentence(folder, tmp_path, spoil):
    for file in (folder / "video").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    if spoil == "text":
        (tmp_path / "model.safetensors").write_text("no checkpoint")
    elif spoil == "short":
        from safetensors.torch import load_file, save_file

        state = load_file(tmp_path / "model.safetensors")
        state.pop("no_object_pointer")
        save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    elif spoil == "other":
        (tmp_path / "config.json").write_text('{"model_type": "sam"}')
    else:
        (tmp_path / "config.json").write_bytes((folder / "image" / "config.json").read_bytes())
    with pytest.raises(WeightsError) as caught:
        create_model("sam2-memory", weights=str(tmp_path))
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
    assert spoil != "image only" or "sam2-memory needs sam2_video" in str(caught.value)


def test_without_transformers_the_message_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(WeightsError, match=r"pip install 'segbench\[transformers\]'"):
        create_model("sam2", weights=str(folder / "image"))


@pytest.mark.slow
def test_it_runs_with_a_context_from_the_command_line(folder, tmp_path):
    words = ["run", "--models", "sam2,sam2-memory", "--weights", f"sam2={folder / 'video'}"]
    words += ["--datasets", "phantoms", "--protocol", "center-clicks,in-context", "--preset", "smoke"]
    words += ["--images", "3", "--max-steps", "2", "--output", str(tmp_path / "run"), "--workers", "1"]
    result = CliRunner().invoke(cli, [*words, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    images = load(tmp_path / "run").images
    assert set(images[images.protocol == "in-context"].model) == {"sam2-memory"}
    assert np.isfinite(images.dice).all()
