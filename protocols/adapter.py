"""What a protocol may ask of a model, and all that a model author has to know."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


class Click(NamedTuple):
    """One click: pixel coordinates and whether the ground truth there is foreground."""

    row: int
    column: int
    positive: bool


@dataclass(frozen=True)
class Capabilities:
    """What a model can do; a protocol chooses its models by it.

    Attributes
    ----------
    interactive : bool
        Takes clicks, scribbles or boxes on the target image.
    in_context : bool
        Takes segmented images of the same task.
    setwise : bool
        Predicts the images of a set together (InterConv, section 3): its queries have `Query.sets`.
    automatic : bool
        Labels every structure of an image at once and without interactions: logits (B, classes, H, W), the
        background first (InterConv, section 4.2).
    needs_training : bool
        Has to be trained on the task first (nnU-Net).
    min_context : int
        With fewer context entries than this the engine passes no context and asks for no prediction
        without interactions (5 for SP+UVS, MultiverSeg section 5.4).
    true_context : bool
        Its context holds the true labels, whatever the run puts there for others: an upper bound, such as
        "UniverSeg (oracle)" (MultiverSeg, D.2.2).
    """

    interactive: bool = False
    in_context: bool = False
    setwise: bool = False
    automatic: bool = False
    needs_training: bool = False
    min_context: int = 1
    true_context: bool = False


@dataclass(frozen=True)
class Interactions:
    """Everything the annotator has drawn so far on a batch of images.

    Attributes
    ----------
    positive, negative, box : float tensors (B, 1, H, W) in [0, 1]
    clicks : for each image of the batch its clicks in order, for models that want coordinates
    """

    positive: Tensor
    negative: Tensor
    box: Tensor
    clicks: tuple[tuple[Click, ...], ...] = field(default=())

    def to(self, *target: Any) -> Interactions:
        """The same with its tensors on another device or of another type, as ``Tensor.to`` has it."""
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
        """The same with its tensors on another device or of another type."""
        return Context(self.images.to(*target), self.labels.to(*target))


@dataclass(frozen=True)
class Query:
    """A batch for one forward pass.

    Attributes
    ----------
    image : float tensor (B, 1, H, W) in [0, 1]
    interactions : Interactions or None
        None means that the annotator has drawn nothing yet.
    previous_logits : float tensor (B, 1, H, W) or None
    context : Context or None
        The same number of entries for the whole batch.
    sets : tuple of int or None
        How many images of the batch in a row form each set; they add up to B. None where a model is not
        setwise: every image is on its own.
    """

    image: Tensor
    interactions: Interactions | None = None
    previous_logits: Tensor | None = None
    context: Context | None = None
    sets: tuple[int, ...] | None = None

    def to(self, *target: Any) -> Query:
        """The same with its tensors on another device or of another type."""
        return Query(
            self.image.to(*target),
            self.interactions and self.interactions.to(*target),
            None if self.previous_logits is None else self.previous_logits.to(*target),
            self.context and self.context.to(*target),
            self.sets,
        )


@runtime_checkable
class ModelAdapter(Protocol):
    """A model under test: what it can do, and logits for a batch. It never learns which protocol runs.

    It may have more attributes:

    ``micro_batch`` : int
        Images that a query has room for, those of contexts and sets included (1 without it). Queries whose
        images have as many entries of context, or sets as many members, all hold the same number of them,
        filled up if need be, so that results never depend on what is computed together.
    ``device`` : torch.device or str
        Where the tensors of its queries lie; otherwise on the CPU.
    ``fingerprint`` : str
        The same for adapters that predict the same: what one has segmented without a context is taken over.
    ``fallback`` : ModelAdapter
        To whom it leaves images without a context.
    """

    capabilities: Capabilities

    def predict(self, query: Query) -> Tensor:
        """Logits, float (B, 1, H, W), or (B, classes, H, W) of an automatic model.

        The mask is where they are above 0; the label, where there are several, that of the largest.
        """
        ...
