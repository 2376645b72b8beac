"""SAM 2, with prompts only and with the memory of earlier images (Ravi et al., 2024)."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from cachetools import LRUCache
from torch import Tensor

from segbench.models.extras import optional
from segbench.models.hub import folder_checksum, model_folder
from segbench.models.points import points_of, with_points
from segbench.models.pretrained import load_network
from segbench.protocols.adapter import Capabilities, Query

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in upstream's processor
LIMIT = 32.0  # Meta's predictors limit logits to it before they are a prompt
BOX = (2, 3)  # labels of the corners of a box
KEPT_IMAGES = 4  # images whose features are kept, 17 MB each with the official weights
KEPT_MEMORIES = 256  # context entries whose memories are kept, 0.5 MB each with the official weights
FRAME_PARTS = ("object_pointer", "maskmem_features", "maskmem_pos_enc")  # what a later frame reads
SHARED_PARTS = ("vision_encoder", "prompt_encoder", "mask_decoder", "shared_image_embedding")


class Prompts(NamedTuple):
    """Prompts on one image, in the coordinates of SAM 2.

    Attributes
    ----------
    points : tensor (1, 1, n, 2) or None
        x and y.
    labels : tensor (1, 1, n) or None
        0 and 1 for negative and positive points, 2 and 3 for the corners of a box, which come first.
    mask : tensor (1, 1, H, W) or None
        The last logits.
    """

    points: Tensor | None
    labels: Tensor | None
    mask: Tensor | None


def content_key(tensor: Tensor) -> tuple:
    """Return a key of the shape and values of a tensor on the CPU."""
    return tensor.shape, tensor.numpy().tobytes()


class Sam2:
    """Segments what points, a box and its own last logits show.

    Images become 8-bit and RGB. As by upstream's image processor, which needs torchvision, they are resized
    to the network's square (1024) bilinearly with antialiasing, rounded to 8 bits and normalised with the
    mean and deviation of ImageNet. Points and boxes are scaled to this square. The last logits, at the size
    of the image, are resized to the network's mask prompt (256).

    With at most one point, the mask of three with the highest predicted IoU counts; the corners of a box are
    points here. This is the rule of SAM 2 in videos (``multimask_max_pt_num``).

    Parameters
    ----------
    network : transformers.Sam2Model
    checksum : str
        Checksum of the weights and configurations, for the fingerprint.
    device : str
        Torch device that computes; logits return to the query's device.
    precision : {"float32", "bfloat16"}
        Precision of the image encoder, which takes nearly all the time; all else uses float32.
    """

    title = "SAM 2"
    capabilities = Capabilities(interactive=True, prompts=("clicks", "boxes", "masks"))
    required_weights: tuple[str, ...] = ("sam2",)
    licence = "Apache-2.0"
    trained_on = "SA-1B, SA-V and internal videos of Meta: natural images"
    official = "hf://facebook/sam2.1-hiera-large"
    version = 1
    micro_batch = 1

    def __init__(
        self, network: Any, checksum: str = "", device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.network = network.to(device)
        self.device, self.precision = torch.device(device), precision
        self.side: int = self.network.prompt_encoder.input_image_size
        self.fingerprint = f"sam2 {self.version} {checksum} {self.device} {precision}"
        self._features: LRUCache[tuple, dict[str, list[Tensor]]] = LRUCache(KEPT_IMAGES)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with weights in the layout of transformers, of Sam2Model or Sam2VideoModel.

        Raises
        ------
        WeightsError
            If transformers or the weights are absent, or the weights damaged or of another network.
        """
        (name,) = cls.required_weights
        folder = model_folder(name, weights)
        network = load_network("Sam2Model", folder, name, also="sam2_video")
        return cls(network, folder_checksum(folder), device, precision)

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W), image by image."""
        logits = [self._segment(query, index) for index in range(len(query.image))]
        return torch.cat(logits).to(query.image.device)

    def _segment(self, query: Query, index: int) -> Tensor:
        """Return the logits (1, 1, H, W) of an image."""
        image, prompts = query.image[[index]], self.prompts(query, index)
        *fine, coarse = self.features(image)["vision_feats"]
        sizes = self.network.backbone_feature_sizes
        levels = [*fine, coarse + self.network.no_memory_embedding]
        answer = self.network(
            image_embeddings=[
                level.permute(1, 2, 0).unflatten(2, size) for level, size in zip(levels, sizes, strict=True)
            ],
            input_points=prompts.points,
            input_labels=prompts.labels,
            input_masks=prompts.mask,
            multimask_output=prompts.labels is None or prompts.labels.shape[2] <= 1,
        )
        best = int(answer.iou_scores[0, 0].argmax())
        return self.resized(answer.pred_masks[:, 0, [best]], image)

    def resized(self, logits: Tensor, image: Tensor) -> Tensor:
        """Resize logits of the decoder to those of an image, as upstream's processor does."""
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)

    def features(self, image: Tensor) -> dict[str, list[Tensor]]:
        """Return the features of an image (1, 1, H, W), as the cache of a session holds them."""
        levels = (255 * image).round().to(torch.uint8).cpu()
        key = content_key(levels)
        if key not in self._features:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                found = self.network.get_image_features(self._pixels(levels), return_dict=True)
            maps = [level.float() for level in found.fpn_hidden_states]
            positions = [found.fpn_position_encoding[-1].float()]  # no other is read
            self._features[key] = {"vision_feats": maps, "vision_pos_embeds": positions}
        return self._features[key]

    def _pixels(self, levels: Tensor) -> Tensor:
        """Return the input (1, 3, side, side) of the encoder for an 8-bit image (1, 1, H, W)."""
        # On integers this is the call of torchvision, which rounds as upstream's processor does.
        resized = F.interpolate(levels, (self.side, self.side), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        return ((resized / 255 - mean) / std).to(self.device)

    def prompts(self, query: Query, index: int) -> Prompts:
        """Return the prompts on an image of a query."""
        last = query.previous_logits
        mask = None if last is None else last[[index]].clamp(-LIMIT, LIMIT)
        if query.interactions is None:
            return Prompts(None, None, mask)
        points, labels = points_of(query.interactions, index)
        box = query.interactions.boxes[index] if query.interactions.boxes else None
        if box is not None:
            points = np.concatenate([[(box.left, box.top), (box.right, box.bottom)], points])
            labels = np.concatenate([BOX, labels])
        if not len(labels):
            return Prompts(None, None, mask)
        height, width = query.image.shape[-2:]
        scaled = torch.from_numpy(points * [self.side / width, self.side / height]).float()
        signs = torch.from_numpy(labels)
        return Prompts(scaled.to(self.device)[None, None], signs.to(self.device)[None, None], mask)


class Sam2Memory:
    """SAM 2 with its own context: earlier images and their masks are frames of a video in its memory.

    Each entry is a conditioning frame with its mask as input, and the image the frame after the last. The
    image is first predicted from memory alone. Points and a box then correct this prediction. As in Meta's
    predictor, the last logits are fed with them; transformers itself has no argument for that. Without a
    context it is `Sam2`.

    Upstream's rules decide what is read from memory. The official weights read all conditioning frames
    (``max_cond_frame_num`` is -1), all at the same position in time; with a limit, those closest to the image
    count, which are the last entries. ``num_maskmem`` limits only frames without an input, of which there
    are none. The object pointers of all entries are read too, with their distance in frames, so the order of
    the context matters a little. A mask is resized bilinearly with antialiasing and cut at 0.5, which makes
    soft masks binary. Where SAM 2 predicts that the object is absent, all logits are -1024.

    The memory of an entry depends on this entry only. It is computed once and kept by its content.

    Parameters
    ----------
    network : transformers.Sam2VideoModel
    fallback : Sam2
        Its network shares all but the memory with `network`.
    """

    title = "SAM 2 (memory)"
    capabilities = Capabilities(interactive=True, in_context=True, prompts=("clicks", "boxes", "masks"))
    required_weights: tuple[str, ...] = ("sam2",)
    licence, trained_on, official = Sam2.licence, Sam2.trained_on, Sam2.official
    version = 1
    micro_batch = 1

    def __init__(self, network: Any, fallback: Sam2) -> None:
        for part in SHARED_PARTS:
            setattr(network, part, getattr(fallback.network, part))
        self.network = network.to(fallback.device)
        self.fallback, self.device = fallback, fallback.device
        self.fingerprint = f"sam2-memory {self.version} {fallback.fingerprint}"
        self._memories: LRUCache[tuple, dict[str, Tensor]] = LRUCache(KEPT_MEMORIES)

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with weights in the layout of transformers, of Sam2VideoModel.

        Raises
        ------
        WeightsError
            If transformers or the weights are absent, or the weights damaged or of another network.
        """
        (name,) = cls.required_weights
        folder = model_folder(name, weights)
        network = load_network("Sam2VideoModel", folder, name)
        image_network = load_network("Sam2Model", folder, name, also="sam2_video")
        return cls(network, Sam2(image_network, folder_checksum(folder), device, precision))

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W), image by image."""
        if query.context is None:
            return self.fallback.predict(query)
        logits = [self._segment(query, index) for index in range(len(query.image))]
        return torch.cat(logits).to(query.image.device)

    def _segment(self, query: Query, index: int) -> Tensor:
        """Return the logits (1, 1, H, W) of an image with a context."""
        assert query.context is not None
        images, labels = query.context.images[index], query.context.labels[index]
        image, target = query.image[[index]], len(images)
        session, number = self._session(frames=target + 1)
        memory = session.output_dict_per_obj[number]["cond_frame_outputs"]
        for frame, (earlier, label) in enumerate(zip(images, labels, strict=True)):
            memory[frame] = self._memory(earlier[None], label[None])
        session.cache.cache_vision_features(target, self.fallback.features(image))
        prompts = self.fallback.prompts(query, index)
        points = {"point_coords": prompts.points, "point_labels": prompts.labels}
        # `Sam2VideoModel.forward` is this and bookkeeping, but has no argument for the previous logits.
        answer = self.network._run_single_frame_inference(
            inference_session=session,
            frame_idx=target,
            obj_idx=number,
            batch_size=1,
            is_init_cond_frame=False,
            point_inputs=None if prompts.labels is None else points,
            mask_inputs=None,
            reverse=False,
            prev_sam_mask_logits=prompts.mask,
        )
        return self.fallback.resized(answer["pred_masks"], image)

    def _memory(self, image: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Return what later frames read of an entry of the context, tensors (1, 1, H, W)."""
        key = content_key(torch.cat([image, label]).cpu())
        if key not in self._memories:
            session, number = self._session(frames=1)
            session.cache.cache_vision_features(0, self.fallback.features(image))
            size = (self.fallback.side, self.fallback.side)
            mask = F.interpolate(label, size, mode="bilinear", antialias=True, align_corners=False)
            session.add_mask_inputs(number, 0, (mask >= 0.5).float())
            session.obj_with_new_inputs = session.obj_ids
            self.network(session, frame_idx=0)
            outputs = session.output_dict_per_obj[number]["cond_frame_outputs"][0]
            self._memories[key] = {part: outputs[part] for part in FRAME_PARTS}
        return self._memories[key]

    def _session(self, frames: int) -> tuple[Any, int]:
        """Return a session and the number of its object; frames are empty, as their features are given."""
        video = optional("transformers.models.sam2_video.modeling_sam2_video", "sam2-memory", "transformers")
        session = video.Sam2VideoInferenceSession(
            torch.empty(frames, 0),
            inference_device=self.device,
            inference_state_device=self.device,
            dtype=torch.float32,
        )
        return session, session.obj_id_to_idx(1)


POINTS, MEMORY_POINTS = with_points(Sam2), with_points(Sam2Memory)
