"""Segment Anything (SAM), MedSAM and HQ-SAM, as the package transformers computes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from cachetools import LRUCache
from torch import Tensor

from segbench.models.network_adapter import DTYPES
from segbench.models.points import points_of, with_points
from segbench.models.pretrained import Pretrained, eight_bit, load_network, load_processor
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Capabilities, Interactions, Query

KEPT = 8  # images whose embeddings are kept; one takes 4 MB in SAM's smallest network, 17 MB in HQ-SAM's


class Encoded(NamedTuple):
    """An image as the mask decoder needs it."""

    embeddings: dict[str, Any]  # arguments of the network
    height: int  # of the resized image, without padding
    width: int


class SAM(Pretrained):
    """Segments what points, a box and its last logits show.

    Kirillov et al., 2023. Images become 8-bit and RGB and go through the image processor of the weights.
    Points at the centres of pixels, and the outer edges of the box, are scaled to the resized image. The last
    logits are resized to the network's mask prompt. After a single point, which may mean a part or the whole,
    the mask of three with the highest predicted IoU counts; after any other prompt the network's single mask,
    as its authors advise.

    Parameters
    ----------
    network : transformers.SamModel
    processor : transformers.SamImageProcessorPil
    checksum : str
        Checksum of the weights and configurations, for the fingerprint.
    device : str
        Torch device that computes; logits return to the query's device.
    precision : {"float32", "bfloat16"}
        Precision of the image encoder, which takes nearly all the time; the mask decoder uses float32.
    """

    title = "SAM"
    capabilities = Capabilities(interactive=True, prompts=("clicks", "boxes", "masks"))
    required_weights: ClassVar[tuple[str, ...]] = ("sam",)
    licence = "Apache-2.0"
    trained_on = "SA-1B: 11 million photographs"
    official = "hf://facebook/sam-vit-base"
    version = 1
    network_class: ClassVar[str] = "SamModel"

    def __init__(
        self, network: Any, processor: Any, checksum: str, device: str = "cpu", precision: str = "float32"
    ) -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        self.network, self.processor = network.to(self.device), processor
        self.network.vision_encoder.to(self.dtype)
        kind = type(self).__qualname__, self.version, str(self.device), precision
        self.fingerprint = " ".join(map(str, (*kind, checksum)))
        self._encoded: LRUCache[tuple, Encoded] = LRUCache(KEPT)

    @classmethod
    def load(cls, name: str, folder: Path) -> tuple[Any, ...]:
        network = load_network(cls.network_class, folder, name)
        return network, cls._processor(name, folder, network.config.vision_config.image_size)

    @classmethod
    def _processor(cls, name: str, folder: Path, side: int) -> Any:
        """Return the image processor of the weights, which must give images of the network's size."""
        processor = load_processor("SamImageProcessorPil", folder, name)
        if (processor.pad_size.height, processor.pad_size.width) != (side, side):
            raise WeightsError(
                f"the processor in {folder} does not give images of {side} x {side} pixels, as its network "
                "takes; fetch it again"
            )
        return processor

    def segment(self, query: Query, index: int) -> Tensor:
        encoded = self._encode(query.image[index, 0])
        shape = query.image.shape[-2:]
        prompts = {} if query.interactions is None else self._prompts(query.interactions, index, encoded)
        if query.previous_logits is not None and "masks" in self.capabilities.prompts:
            prompts["input_masks"] = self._mask_prompt(query.previous_logits[index], encoded)
        single = prompts.keys() == {"input_points", "input_labels"} and prompts["input_labels"].numel() == 1
        output = self.network(**encoded.embeddings, **prompts, multimask_output=single)
        best = int(output.iou_scores[0, 0].argmax()) if output.pred_masks.shape[2] > 1 else 0
        return self._at_size(output.pred_masks[0, :, best : best + 1], encoded, shape)[None]

    def _encode(self, image: Tensor) -> Encoded:
        """Encode an image (H, W), once for all its steps."""
        grey = eight_bit(image).numpy()
        key = grey.shape, grey.tobytes()
        if key not in self._encoded:
            pixels, height, width = self._preprocess(np.repeat(grey[..., None], 3, axis=-1))
            encoded = self.network.vision_encoder(pixels.to(self.device, self.dtype))
            self._encoded[key] = Encoded(self._embeddings(encoded), height, width)
        return self._encoded[key]

    def _preprocess(self, image: np.ndarray) -> tuple[Tensor, int, int]:
        """Return pixels (1, 3, side, side) of an 8-bit image (H, W, 3), and its size without padding."""
        inputs = self.processor(images=[image], return_tensors="pt")
        height, width = inputs["reshaped_input_sizes"][0].tolist()
        return inputs["pixel_values"], height, width

    def _embeddings(self, encoded: Any) -> dict[str, Any]:
        """Return the arguments of the network that replace the image."""
        return {"image_embeddings": encoded.last_hidden_state.float()}

    def _prompts(self, interactions: Interactions, index: int, encoded: Encoded) -> dict[str, Tensor]:
        """Return the points and the box of an image, scaled to the resized image."""
        height, width = interactions.positive.shape[-2:]
        scale = np.array([encoded.width / width, encoded.height / height])
        prompts, taken = {}, self.capabilities.prompts
        if "clicks" in taken:
            points, labels = points_of(interactions, index, scribbles="scribbles" in taken)
            if len(points):
                prompts = {"input_points": (points * scale)[None, None], "input_labels": labels[None, None]}
        box = interactions.boxes[index] if interactions.boxes else None
        if box is not None:
            corners = np.array([[box.left, box.top], [box.right, box.bottom]]) * scale
            prompts["input_boxes"] = corners.reshape(1, 1, 4)
        return {name: torch.from_numpy(values).to(self.device) for name, values in prompts.items()}

    def _mask_prompt(self, logits: Tensor, encoded: Encoded) -> Tensor:
        """Resize logits (1, H, W) to a mask prompt (1, 1, side, side), padded with 0 as the image is."""
        config = self.network.config.prompt_encoder_config
        side = 4 * config.image_embedding_size
        height, width = (
            round(length * side / config.image_size) for length in (encoded.height, encoded.width)
        )
        resized = F.interpolate(logits[None].to(self.device).float(), (height, width), mode="bilinear")
        return F.pad(resized, (0, side - width, 0, side - height))

    def _at_size(self, masks: Tensor, encoded: Encoded, shape: tuple[int, ...]) -> Tensor:
        """Return the logits (1, H, W) of the decoder's masks (1, 1, h, w)."""
        sizes = [tuple(shape)], [(encoded.height, encoded.width)]
        return self.processor.post_process_masks([masks], *sizes, binarize=False)[0][0]


class MedSAM(SAM):
    """SAM trained on medical images, from boxes only (Ma et al., 2024).

    As in the authors' script, images are stretched to the network's square by bicubic interpolation, and
    their values to [0, 1]; the mask is where the interpolated probability is above 0.5. The official weights
    are those that the authors released in July 2023, converted by others to the layout of transformers. The
    authors' own file, medsam_vit_b.pth, has Meta's layout, which is not read.
    """

    title = "MedSAM"
    capabilities = Capabilities(interactive=True, prompts=("boxes",))
    required_weights = ("medsam",)
    trained_on = "1,090,486 medical images and masks of 15 modalities"
    # The only revision with safetensors.
    official = "hf://flaviagiammarino/medsam-vit-base@refs/pr/1"

    @classmethod
    def _processor(cls, name: str, folder: Path, side: int) -> None:
        """It has none: `_preprocess` and `_at_size` are the authors' script."""

    def _preprocess(self, image: np.ndarray) -> tuple[Tensor, int, int]:
        from skimage.transform import resize

        side = self.network.config.vision_config.image_size
        large = resize(image, (side, side), order=3, preserve_range=True, anti_aliasing=True).astype(np.uint8)
        values = (large - large.min()) / np.clip(large.max() - large.min(), 1e-8, None)
        return torch.from_numpy(values).float().permute(2, 0, 1)[None], side, side

    def _at_size(self, masks: Tensor, encoded: Encoded, shape: tuple[int, ...]) -> Tensor:
        probability = F.interpolate(masks.sigmoid(), tuple(shape), mode="bilinear")
        return probability.logit(eps=1e-6)[0]


class HQSAM(SAM):
    """SAM with an output token of high quality (Ke et al., 2023).

    Its logits are the sum of both masks, the default.
    """

    title = "HQ-SAM"
    required_weights = ("sam-hq",)
    trained_on = "SA-1B; the added weights on HQSeg-44K: 44,000 fine-grained masks"
    official = "hf://syscv-community/sam-hq-vit-base"
    network_class = "SamHQModel"

    def _embeddings(self, encoded: Any) -> dict[str, Any]:
        # The decoder reads only the first of the intermediate embeddings.
        first = encoded.intermediate_embeddings[0].float()
        return super()._embeddings(encoded) | {"intermediate_embeddings": [first]}


SAM_POINTS = with_points(SAM)
HQSAM_POINTS = with_points(HQSAM)
