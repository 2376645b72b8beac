"""The interface between protocols and models; all that the author of a model has to know."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


Prompt = Literal["clicks", "scribbles", "boxes", "masks"]
"""Kinds of prompts; ``masks`` are the model's own last logits."""


class Click(NamedTuple):
    """One click: pixel coordinates, and whether the true label there is foreground."""

    row: int
    column: int
    positive: bool


class Box(NamedTuple):
    """A rectangle of pixels: rows from top to bottom - 1, columns from left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Capabilities:
    """What a model can do, by which protocols choose their models.

    Attributes
    ----------
    interactive : bool
        The model takes prompts on the target image.
    prompts : tuple of {"clicks", "scribbles", "boxes", "masks"}
        Kinds of prompts that an interactive model takes. A protocol leaves out models that do not take what
        its annotator draws.
    in_context : bool
        The model takes segmented images of the same task.
    setwise : bool
        The model predicts the images of a set together (InterConv, section 3); its queries have `Query.sets`.
    automatic : bool
        The model labels all structures of an image at once, without interactions: logits
        (B, classes, H, W), the background first (InterConv, section 4.2).
    needs_training : bool
        The model has to be trained on the task first (nnU-Net).
    min_context : int
        With fewer context entries, queries have no context and always have interactions (5 for SP+UVS,
        MultiverSeg section 5.4).
    true_context : bool
        Contexts always hold true labels, an upper bound: "UniverSeg (oracle)" (MultiverSeg, D.2.2).
    contexts : int
        Number of random contexts of a prediction. A query then has the entries of all of them one after
        another, the same number of each (UniverSeg's ensembling; MultiverSeg, C.1).
    """

    interactive: bool = False
    prompts: tuple[Prompt, ...] = ("clicks", "scribbles")
    in_context: bool = False
    setwise: bool = False
    automatic: bool = False
    needs_training: bool = False
    min_context: int = 1
    true_context: bool = False
    contexts: int = 1


@dataclass(frozen=True)
class Interactions:
    """All interactions so far on a batch of images.

    Attributes
    ----------
    positive, negative, box : float tensors (B, 1, H, W) in [0, 1]
    clicks : tuple of tuples of Click
        The clicks on each image in order, for models that take coordinates.
    boxes : tuple of (Box or None)
        The last box on each image, for models that take coordinates.
    """

    positive: Tensor
    negative: Tensor
    box: Tensor
    clicks: tuple[tuple[Click, ...], ...] = field(default=())
    boxes: tuple[Box | None, ...] = field(default=())

    def to(self, *target: Any) -> Interactions:
        """Move or convert all tensors; arguments as for ``Tensor.to``."""
        return replace(
            self,
            positive=self.positive.to(*target),
            negative=self.negative.to(*target),
            box=self.box.to(*target),
        )


@dataclass(frozen=True)
class Context:
    """Earlier images of the task and their masks: ``images``, ``labels`` float (B, n, 1, H, W) in [0, 1]."""

    images: Tensor
    labels: Tensor

    def to(self, *target: Any) -> Context:
        """Move or convert all tensors; arguments as for ``Tensor.to``."""
        return Context(self.images.to(*target), self.labels.to(*target))


@dataclass(frozen=True)
class Query:
    """A batch for one forward pass.

    Attributes
    ----------
    image : float tensor (B, 1, H, W) in [0, 1]
    interactions : Interactions or None
        None before the first interaction.
    previous_logits : float tensor (B, 1, H, W) or None
    context : Context or None
        The same number of entries for the whole batch.
    sets : tuple of int or None
        Sizes of the sets, which follow one another in the batch; their sum is B. None for models that are
        not setwise.
    """

    image: Tensor
    interactions: Interactions | None = None
    previous_logits: Tensor | None = None
    context: Context | None = None
    sets: tuple[int, ...] | None = None

    def to(self, *target: Any) -> Query:
        """Move or convert all tensors; arguments as for ``Tensor.to``."""
        return Query(
            self.image.to(*target),
            self.interactions and self.interactions.to(*target),
            None if self.previous_logits is None else self.previous_logits.to(*target),
            self.context and self.context.to(*target),
            self.sets,
        )


@runtime_checkable
class ModelAdapter(Protocol):
    """A model under test. It does not know which protocol runs.

    Optional attributes:

    ``micro_batch`` : int
        Number of images in a query, context images and images of sets included (default 1). The size of
        queries is fixed and the last one is padded: no prediction depends on the other images of its query.
    ``device`` : torch.device or str
        Device of the tensors in queries (default: CPU).
    ``fingerprint`` : str
        Equal for adapters that predict the same; these share cached context-free predictions.
    ``fallback`` : ModelAdapter or None
        Segments images without a context in place of this adapter.
    """

    capabilities: Capabilities

    def predict(self, query: Query) -> Tensor:
        """Return logits, float (B, 1, H, W), or (B, classes, H, W) for an automatic model.

        The predicted mask is where the logits are positive; with several classes the largest counts.
        """
        ...
