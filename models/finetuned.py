"""Fine-tuning baselines: a network that is trained further on the images finished so far."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from cachetools import LRUCache
from torch import Tensor

from segbench.models.multiverseg import MultiverSeg
from segbench.models.network_adapter import NetworkAdapter
from segbench.models.scribbleprompt import ScribblePrompt
from segbench.protocols.adapter import Capabilities, Context, Interactions, Query
from segbench.randomness import keyed_generator

EVERY = 4  # images; the 18 images of a simulation bring four fine-tunings
EPISODES = 20
TARGETS = 2  # images of an episode (MultiverSeg, section 5.1)
CORRECTIONS = 3  # steps of interaction of an episode (MultiverSeg, section 5.1)
MAX_CONTEXT = 4  # entries of an episode; its time grows with them
LEARNING_RATE = 3e-4
KEPT = 4  # fine-tuned networks in memory


class Examples(NamedTuple):
    """Images and labels (B, 1, H, W) of an episode, and their contexts."""

    images: Tensor
    labels: Tensor
    context: Context | None


class FineTuned:
    """A network that is trained further on the first images of its context.

    With n entries in the context, the pretrained network is fine-tuned on the first ``n - n % every``. With
    fewer than ``every`` it predicts as it is. The labels are the masks of the context. An answer depends on
    its query only: all random numbers are keyed by the entries.

    A subclass has ``base``, the class of the pretrained adapter, and may change ``every`` and ``episodes``.

    Parameters
    ----------
    pretrained : NetworkAdapter
        An instance of ``base``.
    fallback : ScribblePrompt
        Segments images without a context.
    precision : {"float32", "bfloat16"}
        Precision of the arithmetic; weights are float32 while they are trained.
    """

    base: ClassVar[type[NetworkAdapter]]
    every: ClassVar[int] = EVERY
    episodes: ClassVar[int] = EPISODES
    capabilities: ClassVar[Capabilities]
    default_protocols: ClassVar[tuple[str, ...]] = ()  # a fine-tuning takes seconds
    version: ClassVar[int] = 1
    micro_batch = 1  # each simulation has weights of its own

    def __init__(
        self, pretrained: NetworkAdapter, fallback: ScribblePrompt, precision: str = "float32"
    ) -> None:
        self.pretrained, self.fallback, self.precision = pretrained, fallback, precision
        self.device = pretrained.device
        self._tuned: LRUCache[str, NetworkAdapter] = LRUCache(KEPT)

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the pretrained networks and of how they are fine-tuned."""
        networks = f"{self.pretrained.fingerprint} {self.fallback.fingerprint}"
        return f"{type(self).__qualname__} {self.every} {self.episodes} {networks}"

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W) in float32 on the query's device."""
        if query.context is None or query.context.images.shape[1] < self.every:
            return self._untuned(query)
        return torch.cat([self._predict_one(_row(query, index)) for index in range(len(query.image))])

    def _untuned(self, query: Query) -> Tensor:
        """Predict with the pretrained network."""
        return self.pretrained.predict(query)

    def _predict_one(self, query: Query) -> Tensor:
        """Predict for one image with weights for its context."""
        assert query.context is not None
        count = query.context.images.shape[1] // self.every * self.every
        images, labels = query.context.images[0, :count], query.context.labels[0, :count]
        digest = hashlib.sha256(torch.stack([images, labels]).float().cpu().numpy().tobytes()).hexdigest()
        if digest not in self._tuned:
            self._tuned[digest] = fine_tune(
                self.pretrained, images, labels, digest, self.precision, self.episodes
            )
        return self._tuned[digest].predict(query)


class ScribblePromptFineTuned(FineTuned):
    """ScribblePrompt fine-tuned on the finished images, every four images.

    A fine-tuned network also predicts before the first interaction, as it is trained to.
    """

    title = "ScribblePrompt, fine-tuned"
    base = ScribblePrompt
    capabilities = replace(ScribblePrompt.capabilities, in_context=True, min_context=EVERY)
    required_weights = ScribblePrompt.required_weights
    licence, trained_on, official = ScribblePrompt.licence, ScribblePrompt.trained_on, ScribblePrompt.official

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter that starts from ScribblePrompt's weights."""
        pretrained = ScribblePrompt.create("scribbleprompt", weights, device, precision)
        return cls(pretrained, pretrained, precision)


class MultiverSegFineTuned(FineTuned):
    """MultiverSeg fine-tuned on the finished images, which stay its context."""

    title = "MultiverSeg, fine-tuned"
    base = MultiverSeg
    capabilities = MultiverSeg.capabilities
    required_weights = MultiverSeg.required_weights
    licence, trained_on, official = MultiverSeg.licence, MultiverSeg.trained_on, MultiverSeg.official

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter that starts from MultiverSeg's weights; the fallback's are of the same set."""
        pretrained = MultiverSeg.create("multiverseg", weights, device, precision)
        assert pretrained.fallback is not None
        return cls(pretrained, pretrained.fallback, precision)


@torch.inference_mode(False)
@torch.enable_grad()
def fine_tune(
    pretrained: NetworkAdapter,
    images: Tensor,
    labels: Tensor,
    key: str,
    precision: str = "float32",
    episodes: int = EPISODES,
) -> NetworkAdapter:
    """Train a copy of a network on some images; the steps of a training on tasks, on one task.

    Parameters
    ----------
    pretrained : NetworkAdapter
    images, labels : float tensors (n, 1, H, W) in [0, 1], with n >= 1
    key : str
        Key of all random numbers.
    precision : {"float32", "bfloat16"}
    episodes : int
        Each has a prediction without interactions and some corrections, and an update after each.

    Returns
    -------
    NetworkAdapter
        Of the class of ``pretrained``.
    """
    from segbench.models.training.losses import segmentation_loss
    from segbench.models.training.prompts import Annotator, stack_interactions

    kind, device = type(pretrained), pretrained.device
    learner = kind(copy.deepcopy(pretrained.network), str(device))
    optimizer = torch.optim.Adam(learner.network.requires_grad_().parameters(), lr=LEARNING_RATE)
    entries = Context(images.to(device, torch.float32, copy=True), (labels > 0.5).to(device, torch.float32))
    for episode in range(episodes):
        examples = _examples(entries, learner.capabilities.in_context, key, episode)
        masks = examples.labels[:, 0].bool().cpu().numpy()
        annotators = [
            Annotator(mask, keyed_generator(0, "fine-tuning prompts", key, episode, place), 1.0)
            for place, mask in enumerate(masks)
        ]
        query = Query(examples.images, context=examples.context)
        for step in range(CORRECTIONS + 1):
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = learner.forward(query).float()
            optimizer.zero_grad()
            segmentation_loss(logits, examples.labels, 0.0).backward()
            optimizer.step()
            if step < CORRECTIONS:
                previous = logits.detach()
                for annotator, mask in zip(annotators, (previous[:, 0] > 0).cpu().numpy(), strict=True):
                    annotator.correct(mask)
                drawn = stack_interactions(annotators, device)
                query = replace(query, interactions=drawn, previous_logits=previous)
    return kind(learner.network.requires_grad_(False), str(device), precision)


def _examples(entries: Context, in_context: bool, key: str, episode: int) -> Examples:
    """Draw targets, and other entries as contexts of one size, and vary each image by itself (Table 5a)."""
    from segbench.models.training.augmentation import WITHIN_TASK, augment

    rng = keyed_generator(0, "fine-tuning", key, episode)
    count = len(entries.images)
    size = int(rng.integers(1, min(MAX_CONTEXT, max(1, count - 1)) + 1)) if in_context else 0
    members = []
    for target in rng.permutation(count)[:TARGETS]:
        others = np.delete(np.arange(count), target) if count > 1 else np.arange(1)
        members.append([target, *rng.permutation(others)[:size]])
    generator = torch.Generator(entries.images.device).manual_seed(int(rng.integers(2**62)))
    chosen = np.array(members)
    images, labels = augment(
        generator, entries.images[chosen], entries.labels[chosen], WITHIN_TASK, shared=False
    )
    context = Context(images[:, 1:], labels[:, 1:]) if in_context else None
    return Examples(images[:, 0], labels[:, 0], context)


def _row(query: Query, index: int) -> Query:
    """Return the query of one image."""
    row = slice(index, index + 1)
    drawn, context = query.interactions, query.context
    assert context is not None
    if drawn is not None:
        drawn = Interactions(
            drawn.positive[row], drawn.negative[row], drawn.box[row], drawn.clicks[row], drawn.boxes[row]
        )
    previous = None if query.previous_logits is None else query.previous_logits[row]
    return Query(query.image[row], drawn, previous, Context(context.images[row], context.labels[row]))
