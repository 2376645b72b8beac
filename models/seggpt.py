"""SegGPT: segmentation in context as painting (Wang et al., 2023)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segbench.models.pretrained import Pretrained, eight_bit, load_network, load_processor
from segbench.protocols.adapter import Capabilities, Query

WHITE = 3 * 255.0**2  # squared distance of white, the colour of foreground, to black
SMALLEST = 1e-6  # brightness, and distance to 1; logits are finite


class SegGPT(Pretrained):
    """Paints the mask of an image from a context of images and their masks.

    Images become 8-bit and RGB and go through the image processor of the weights, which resizes them to
    448 x 448. Masks become white on black; soft ones are cut at 0.5. Several entries are combined by
    upstream's feature ensemble, which averages the features of the image over the entries in each layer. The
    embedding is upstream's default, that of instances.

    Upstream's post-processing compares the painted colour of a pixel with white and black. The logit is that
    of the brightness: the difference of the squared distances as a share of that of white from black. It
    is positive exactly where upstream finds foreground.

    Parameters
    ----------
    network : transformers.SegGptForImageSegmentation
    processor : transformers.SegGptImageProcessorPil
    checksum : str
        Checksum of the weights and configurations, for the fingerprint.
    device : str
    precision : {"float32", "bfloat16"}
    """

    title = "SegGPT"
    capabilities = Capabilities(in_context=True)
    required_weights = ("seggpt",)
    licence = "Apache-2.0 (original code and weights: MIT)"
    trained_on = "ADE20K, COCO, PASCAL VOC, Cityscapes, LIP, PACO, retinal vessels and aerial images"
    official = "hf://BAAI/seggpt-vit-large"
    version = 1

    def __init__(
        self, network: Any, processor: Any, checksum: str, device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.device, self.precision = torch.device(device), precision
        self.network, self.processor = frugal(network.to(self.device)), processor
        self.fingerprint = f"seggpt {self.version} {checksum} {self.device} {precision}"

    @classmethod
    def load(cls, name: str, folder: Path) -> tuple[Any, ...]:
        network = load_network("SegGptForImageSegmentation", folder, name)
        return network, load_processor("SegGptImageProcessorPil", folder, name)

    def segment(self, query: Query, index: int) -> Tensor:
        """Return the logits (1, 1, H, W) of an image; ValueError without a context."""
        if query.context is None:
            raise ValueError("SegGPT needs a context of at least one image")
        image, images = query.image[index], query.context.images[index]
        labels = query.context.labels[index]
        inputs = self.processor(
            images=_colours(image[None]),
            prompt_images=_colours(images),
            prompt_masks=list((labels[:, 0] > 0.5).cpu().numpy().astype(np.uint8)),
            num_labels=1,
            input_data_format="channels_last",
            return_tensors="pt",
        ).to(self.device)
        inputs["pixel_values"] = inputs["pixel_values"].expand(len(images), -1, -1, -1)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            painted = self.network(**inputs, feature_ensemble=len(images) > 1)
        painted.pred_masks = painted.pred_masks.float()
        (found,) = self.processor.post_process_semantic_segmentation(
            painted, [tuple(image.shape[-2:])], num_labels=1, return_segmentation_scores=True
        )
        background, foreground = found.segmentation_scores
        share = (foreground - background) / WHITE  # from -1 to 1
        return 2 * share.clamp(2 * SMALLEST - 1, 1 - 2 * SMALLEST).atanh()[None, None]


def frugal(network: Any) -> Any:
    """Make a network need little memory for many entries, with the same answer.

    Attention, in which each entry is alone, takes one entry after another. Only the first row of the ensemble
    is painted, the one that the authors' code takes.
    """
    network.decoder.register_forward_pre_hook(lambda decoder, given: (given[0][:1],))
    for layer in network.model.encoder.layers:
        layer.attention.forward = partial(_one_by_one, layer.attention.forward)
    return network


def _one_by_one(attend: Any, hidden_states: Tensor, output_attentions: bool) -> tuple[Tensor, None]:
    """Return what upstream's attention returns, computed for one row of the batch after another."""
    return torch.cat([attend(row)[0] for row in hidden_states.split(1)]), None


def _colours(images: Tensor) -> list[np.ndarray]:
    """Return images (n, 1, H, W) as uint8 arrays (H, W, 3)."""
    return [np.repeat(level[:, :, None], 3, axis=2) for level in eight_bit(images[:, 0]).numpy()]
