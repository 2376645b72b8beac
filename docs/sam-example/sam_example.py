"""Segment Anything (Kirillov et al., 2023) as a model of segbench: a worked example of a plug-in.

The user provides the checkpoint: one of Meta's (ViT-B, L or H) or another of its layout, such as MedSAM's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from cachetools import LRUCache
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import Tensor, nn

from segbench import Capabilities, Click, Interactions, Query
from segbench.models.weights import file_checksum, load_state, weights_path

HEADS = 8  # of the mask decoder's attention; no tensor of a checkpoint shows this number
POINTS = 10  # points that represent all positive, or all negative, scribbles of an image
KEPT = 32  # images whose embeddings are kept: 4 MB each with Meta's checkpoints
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

State = Mapping[str, Tensor]


class SegmentAnything(Sam):
    """The network, with the sizes of a checkpoint's tensors."""

    @classmethod
    def like(cls, state: State) -> Self:
        """Create an untrained network of a checkpoint's sizes, for ``segbench.models.weights.load_state``.

        Raises
        ------
        KeyError, ValueError
            If the checkpoint has another layout.
        """
        return cls(_image_encoder(state), _prompt_encoder(state), _mask_decoder(state))


def _image_encoder(state: State) -> ImageEncoderViT:
    width, _, patch, _ = state["image_encoder.patch_embed.proj.weight"].shape
    _, side, _, _ = state["image_encoder.pos_embed"].shape
    depth = _count(state, "image_encoder.blocks")
    # A block has 2 w - 1 relative positions if its attention sees windows of w x w patches.
    positions = [state[f"image_encoder.blocks.{number}.attn.rel_pos_h"].shape for number in range(depth)]
    windows = [(length + 1) // 2 for length, _ in positions]
    return ImageEncoderViT(
        img_size=side * patch,
        patch_size=patch,
        embed_dim=width,
        depth=depth,
        num_heads=width // positions[0][1],
        mlp_ratio=len(state["image_encoder.blocks.0.mlp.lin1.weight"]) / width,
        out_chans=_width(state),
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=min(windows),
        global_attn_indexes=tuple(number for number, window in enumerate(windows) if window == side),
    )


def _prompt_encoder(state: State) -> PromptEncoder:
    _, _, patch, _ = state["image_encoder.patch_embed.proj.weight"].shape
    _, side, _, _ = state["image_encoder.pos_embed"].shape
    return PromptEncoder(
        embed_dim=_width(state),
        image_embedding_size=(side, side),
        input_image_size=(side * patch, side * patch),
        mask_in_chans=len(state["prompt_encoder.mask_downscaling.3.weight"]),
    )


def _mask_decoder(state: State) -> MaskDecoder:
    width, layers = _width(state), "mask_decoder.transformer.layers"
    if width % (2 * HEADS):
        raise ValueError(f"{width} features cannot be shared by {HEADS} heads")
    return MaskDecoder(
        transformer_dim=width,
        transformer=TwoWayTransformer(
            depth=_count(state, layers),
            embedding_dim=width,
            num_heads=HEADS,
            mlp_dim=len(state[f"{layers}.0.mlp.lin1.weight"]),
        ),
        num_multimask_outputs=len(state["mask_decoder.mask_tokens.weight"]) - 1,
        iou_head_depth=_count(state, "mask_decoder.iou_prediction_head.layers"),
        iou_head_hidden_dim=len(state["mask_decoder.iou_prediction_head.layers.0.weight"]),
    )


def _width(state: State) -> int:
    """Return the number of features of image embeddings and prompts."""
    return len(state["image_encoder.neck.0.weight"])


def _count(state: State, prefix: str) -> int:
    """Count the modules of a list: ``blocks.0``, ``blocks.1``, ..."""
    members = [name.removeprefix(f"{prefix}.") for name in state if name.startswith(f"{prefix}.")]
    return len({name.partition(".")[0] for name in members})


class SAM:
    """Segments the object that points show, from the points and its previous logits.

    Parameters
    ----------
    network : SegmentAnything
    checksum : str
        Checksum of the checkpoint, for the fingerprint.
    device : str
        Torch device.
    precision : {"float32", "bfloat16"}
        Precision of the image encoder, which takes nearly all the time; the mask decoder uses float32.
    """

    capabilities = Capabilities(interactive=True, prompts=("clicks", "scribbles", "masks"))
    version = 1  # increase it when a change of this file changes predictions

    def __init__(
        self, network: SegmentAnything, checksum: str = "", device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.network.image_encoder.to(DTYPES[precision])
        self.precision = precision
        self.fingerprint = f"sam-example {self.version} {checksum} {self.device} {precision}"
        self._embeddings: LRUCache[bytes, Tensor] = LRUCache(KEPT)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create the adapter of a checkpoint file, or of ``sam-example.pt`` in a folder.

        Raises
        ------
        WeightsError
            If the file is absent, damaged or of another layout.
        """
        path = weights_path("sam-example", weights)
        return cls(load_state(SegmentAnything, path), file_checksum(path), device, precision)

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Return logits (B, 1, H, W), image by image, because each has another number of points."""
        return torch.stack([self._segment(query, number) for number in range(len(query.image))])

    def _segment(self, query: Query, number: int) -> Tensor:
        """Return the logits (1, H, W) of one image."""
        network, image = self.network, query.image[number]
        points = points_of(query.interactions, number)
        previous = None if query.previous_logits is None else query.previous_logits[number]
        sparse, dense = network.prompt_encoder(
            points=self._point_prompt(points, image), boxes=None, masks=self._mask_prompt(previous)
        )
        # One point may show a part or the whole: of three masks, take the one with most confidence.
        ambiguous = len(points) == 1 and previous is None
        masks, quality = network.mask_decoder(
            image_embeddings=self._embed(image),
            image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=ambiguous,
        )
        best = int(quality[0].argmax())
        side, shape = network.image_encoder.img_size, image.shape[-2:]
        return network.postprocess_masks(masks[:, best : best + 1], _resized(shape, side), shape)[0]

    def _embed(self, image: Tensor) -> Tensor:
        """Return the embedding of an image, which is computed once for all its steps."""
        key = image.cpu().numpy().tobytes()
        if key not in self._embeddings:
            encoder = self.network.image_encoder
            size = _resized(image.shape[-2:], encoder.img_size)
            gray = F.interpolate(image[None], size, mode="bilinear", antialias=True)
            pixels = self.network.preprocess(255 * gray.expand(-1, 3, -1, -1))
            self._embeddings[key] = encoder(pixels.to(DTYPES[self.precision])).float()
        return self._embeddings[key]

    def _mask_prompt(self, previous: Tensor | None) -> Tensor | None:
        """Resize previous logits (1, H, W) to a mask prompt, 256 x 256 with Meta's checkpoints."""
        if previous is None:
            return None
        side, _ = self.network.prompt_encoder.mask_input_size
        height, width = _resized(previous.shape[-2:], side)
        sized = F.interpolate(previous[None], (height, width), mode="bilinear")
        return F.pad(sized, (0, side - width, 0, side - height))

    def _point_prompt(self, points: list[Click], image: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return coordinates (1, n, 2), x first, on the resized image, and labels (1, n); None if empty."""
        if not points:
            return None
        scale = self.network.image_encoder.img_size / max(image.shape[-2:])
        coordinates = torch.tensor([[(point.column, point.row) for point in points]], device=self.device)
        labels = torch.tensor([[int(point.positive) for point in points]], device=self.device)
        # The prompt encoder adds the half again, so that pixel centres remain pixel centres.
        return (coordinates + 0.5) * scale - 0.5, labels


def points_of(interactions: Interactions | None, number: int) -> list[Click]:
    """Return the clicks on an image of a batch, or points on its scribbles if it has no clicks."""
    if interactions is None:
        return []
    if interactions.clicks and interactions.clicks[number]:
        return list(interactions.clicks[number])
    positive, negative = interactions.positive[number, 0], interactions.negative[number, 0]
    return [*_along(positive, True), *_along(negative, False)]


def _along(drawn: Tensor, positive: bool) -> list[Click]:
    """Return points on scribbles (H, W), evenly spaced over their pixels, row by row."""
    pixels = (drawn > 0.5 * drawn.max()).nonzero().tolist()
    chosen = np.unique(np.linspace(0, len(pixels) - 1, POINTS).round().astype(int)) if pixels else []
    return [Click(*pixels[index], positive) for index in chosen]


def _resized(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return height and width after the longer side becomes ``side``."""
    height, width = (round(length * side / max(shape)) for length in shape)
    return height, width
