"""SAM 2, with prompts only and with the memory of earlier images (Ravi et al., 2024)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from cachetools import LRUCache
from torch import Tensor

from segbench.models.extras import optional
from segbench.models.points import points_of, with_points
from segbench.models.pretrained import Pretrained, eight_bit, load_network
from segbench.protocols.adapter import Capabilities, Query

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in upstream's processor
LIMIT = 32.0  # Meta's predictors limit logits to it before they are a prompt
KEPT_IMAGES = 4  # images whose features are kept, 21 MB each with the official weights
KEPT_MEMORIES = 256  # context entries whose memories are kept, 0.5 MB each with the official weights
FRAME_PARTS = ("object_pointer", "maskmem_features", "maskmem_pos_enc")  # what a later frame reads
SHARED_PARTS = ("vision_encoder", "prompt_encoder", "mask_decoder", "shared_image_embedding")

Features = dict[str, list[Tensor]]  # of an image, as the cache of a session holds them


def content_key(tensor: Tensor) -> tuple:
    """Return a key of the shape and values of a tensor on the CPU."""
    return tensor.shape, tensor.numpy().tobytes()


class Sam2(Pretrained):
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

    def __init__(
        self, network: Any, checksum: str = "", device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.network = network.to(device)
        self.device, self.precision = torch.device(device), precision
        self.side: int = self.network.prompt_encoder.input_image_size
        self.fingerprint = f"sam2 {self.version} {checksum} {self.device} {precision}"
        self._features: LRUCache[tuple, Features] = LRUCache(KEPT_IMAGES)

    @classmethod
    def load(cls, name: str, folder: Path) -> tuple[Any, ...]:
        """Return the network from weights of Sam2Model or of Sam2VideoModel."""
        return (load_network("Sam2Model", folder, name, also="sam2_video"),)

    def segment(self, query: Query, index: int) -> Tensor:
        image = query.image[[index]]
        *fine, coarse = self.maps(self.features(image))
        coarse = coarse + self.network.no_memory_embedding.permute(1, 2, 0)[..., None]
        answer = self.network(image_embeddings=[*fine, coarse], **self.prompts(query, index))
        best = int(answer.iou_scores[0, 0].argmax())
        return self.resized(answer.pred_masks[:, 0, [best]], image)

    def resized(self, logits: Tensor, image: Tensor) -> Tensor:
        """Resize logits of the decoder to those of an image, as upstream's processor does."""
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)

    def maps(self, features: Features) -> list[Tensor]:
        """Return the features as maps (1, C, h, w), the finest first."""
        sizes = self.network.backbone_feature_sizes
        levels = zip(features["vision_feats"], sizes, strict=True)  # (h * w, 1, C)
        return [level.permute(1, 2, 0).unflatten(2, size) for level, size in levels]

    def features(self, image: Tensor) -> Features:
        """Return the features of an image (1, 1, H, W), which is encoded once for all its steps."""
        levels = eight_bit(image)
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

    def prompts(self, query: Query, index: int) -> dict[str, Any]:
        """Return the arguments of the network for the prompts on an image of a query.

        The corners of a box are points labelled 2 and 3 before all others, as in Meta's predictors.
        """
        points, labels = np.empty((0, 2)), np.empty(0, np.int64)
        if query.interactions is not None:
            points, labels = points_of(query.interactions, index)
            box = query.interactions.boxes[index] if query.interactions.boxes else None
            if box is not None:
                points = np.concatenate([[(box.left, box.top), (box.right, box.bottom)], points])
                labels = np.concatenate([[2, 3], labels])
        prompts: dict[str, Any] = {"multimask_output": len(points) <= 1}
        if len(points):
            height, width = query.image.shape[-2:]
            scaled = torch.from_numpy(points * [self.side / width, self.side / height]).float()
            prompts["input_points"] = scaled.to(self.device)[None, None]
            prompts["input_labels"] = torch.from_numpy(labels).to(self.device)[None, None]
        if query.previous_logits is not None:
            prompts["input_masks"] = query.previous_logits[[index]].clamp(-LIMIT, LIMIT)
        return prompts


class Sam2Memory(Pretrained):
    """SAM 2 with its own context: earlier images and their masks in its memory.

    Each entry is a conditioning frame of a video with its mask as input, and the image the frame after the
    last. The image is first predicted from memory alone. Points and a box then correct this prediction. As in
    Meta's predictor, the last logits are fed with them; transformers itself has no argument for that. Without
    a context it is `Sam2`.

    Upstream's rules decide what is read from memory. The official weights read all conditioning frames
    (``max_cond_frame_num`` is -1), all at the same position in time; with a limit, those closest to the image
    count, which are the last entries. ``num_maskmem`` limits only frames without an input, of which there
    are none. The object pointers of all entries are read too, with their distance in frames, so the order of
    the context matters a little. A mask is resized bilinearly with antialiasing and cut at 0.5, which makes
    soft masks binary. Where SAM 2 predicts that the object is absent, all logits are -1024.

    Entries are known by their masks alone. In a video, SAM 2 also remembers its own tokens of the frames that
    it segmented, which a context does not hold. The memory of an entry depends on this entry only; it is
    computed once and kept by its content.

    Parameters
    ----------
    network : transformers.Sam2VideoModel
    image_network : transformers.Sam2Model
        It shares all but the memory with `network`.
    checksum, device, precision
        As for `Sam2`.
    """

    title = "SAM 2 with memory"
    capabilities = Capabilities(interactive=True, in_context=True, prompts=("clicks", "boxes", "masks"))
    required_weights: tuple[str, ...] = ("sam2",)
    licence, trained_on, official = Sam2.licence, Sam2.trained_on, Sam2.official
    version = 1

    def __init__(
        self,
        network: Any,
        image_network: Any,
        checksum: str = "",
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        self.fallback = Sam2(image_network, checksum, device, precision)
        for part in SHARED_PARTS:
            setattr(network, part, getattr(image_network, part))
        self.network, self.device = network.to(device), self.fallback.device
        self.fingerprint = f"sam2-memory {self.version} {self.fallback.fingerprint}"
        self._read: LRUCache[tuple, Tensor] = LRUCache(KEPT_IMAGES)
        self._memories: LRUCache[tuple, dict[str, Tensor]] = LRUCache(KEPT_MEMORIES)

    @classmethod
    def load(cls, name: str, folder: Path) -> tuple[Any, ...]:
        return load_network("Sam2VideoModel", folder, name), *Sam2.load(name, folder)

    def segment(self, query: Query, index: int) -> Tensor:
        if query.context is None:
            return self.fallback.segment(query, index)
        image, prompts = query.image[[index]], self.fallback.prompts(query, index)
        entries = torch.stack([query.context.images[index], query.context.labels[index]], dim=1)
        conditioned = self._conditioned(image, entries)
        # `Sam2VideoModel.forward` decodes by this, too, but passes on no previous logits.
        answer = self.network._single_frame_forward(
            image_embeddings=[*self.fallback.maps(self.fallback.features(image))[:-1], conditioned], **prompts
        )
        return self.fallback.resized(answer.pred_masks, image)

    def _conditioned(self, image: Tensor, entries: Tensor) -> Tensor:
        """Return the coarsest map of an image (1, 1, H, W) after it has read the memory of its context.

        The memory does not depend on the prompts, so it is read once for all steps of the image.

        Parameters
        ----------
        image : tensor (1, 1, H, W)
        entries : tensor (n, 2, 1, H, W)
            Images and masks of the context.
        """
        key = content_key(torch.cat([image[None].expand(1, 2, -1, -1, -1), entries]).cpu())
        if key not in self._read:
            features, frame = self.fallback.features(image), len(entries)
            session, number = self._session(frames=frame + 1)
            memory = session.output_dict_per_obj[number]["cond_frame_outputs"]
            memory.update(enumerate(map(self._memory, entries)))
            self._read[key] = self.network._prepare_memory_conditioned_features(
                inference_session=session,
                frame_idx=frame,
                obj_idx=number,
                is_initial_conditioning_frame=False,
                current_vision_features=features["vision_feats"][-1],
                current_vision_positional_embeddings=features["vision_pos_embeds"][-1],
                num_total_frames=frame + 1,
            )
        return self._read[key]

    def _memory(self, entry: Tensor) -> dict[str, Tensor]:
        """Return what later frames read of an entry of the context, its image and mask (2, 1, H, W)."""
        key = content_key(entry.cpu())
        if key not in self._memories:
            session, number = self._session(frames=1)
            session.cache.cache_vision_features(0, self.fallback.features(entry[:1]))
            size = (self.fallback.side, self.fallback.side)
            mask = F.interpolate(entry[1:], size, mode="bilinear", antialias=True, align_corners=False)
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
