"""nnInteractive, a network for volumes (Isensee et al., 2025), on single images."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from segbench.models.extras import optional
from segbench.models.marks import marked_pixels
from segbench.models.nnunet.adapter import check_plans
from segbench.models.weights import WeightsError, file_checksum
from segbench.protocols.adapter import Box, Capabilities, Click, Query

# What a pickled number of numpy needs; checkpoints of nnU-Net hold some.
NUMBERS: list[Any] = [np.float64().__reduce__()[0], np.dtype, *map(type, map(np.dtype, ("f4", "f8", "i8")))]
FULL_MASK = 10.0  # logit of the mask, and minus that of the rest: a session returns no logits


class NNInteractive:
    """An image is a volume of one slice of nnInteractive's own session.

    Every query is a session from the beginning: the last mask, the box, the scribbles and the clicks, in this
    order, then one prediction. The session looks at a patch around the last prompt.

    Parameters
    ----------
    session : nnInteractiveInferenceSession
    checksum : str
        Checksum of the checkpoint, for the fingerprint.
    """

    title = "nnInteractive"
    capabilities = Capabilities(interactive=True, prompts=("clicks", "scribbles", "boxes", "masks"))
    default_protocols = ()
    required_weights = ("nninteractive",)
    package = ("nnInteractive", "nninteractive")
    version = 1
    licence = "Apache-2.0; weights CC BY-NC-SA 4.0"
    trained_on = "more than 120 data sets of volumes (CT, MRI, PET, 3D microscopy)"

    def __init__(self, session: Any, checksum: str) -> None:
        self._session = session
        self.fingerprint = f"nninteractive {self.version} {session.device} {checksum}"

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with a checkpoint in nnInteractive's layout; the session chooses the precision.

        Parameters
        ----------
        name, device, precision : str
        weights : str
            ``FOLDER/fold_0/checkpoint_final.pth``, where FOLDER also holds ``plans.json``.

        Raises
        ------
        WeightsError
            If nnInteractive or the checkpoint is missing, damaged, or holds more than weights.
        """
        checkpoint = Path(weights)
        if not checkpoint.is_file():
            raise WeightsError(
                f"no weights for {name} in {weights}; give the checkpoint of a folder of nnInteractive: "
                f"--weights {name}=FOLDER/fold_0/checkpoint_final.pth"
            )
        module = optional("nnInteractive.inference.inference_session", name, "nninteractive")
        benchmark = torch.backends.cudnn.benchmark
        with redirect_stdout(io.StringIO()):
            session = module.nnInteractiveInferenceSession(
                device=torch.device(device), torch_n_threads=torch.get_num_threads(), enable_undo=False
            )
            _load(session, checkpoint)
        torch.backends.cudnn.benchmark = benchmark
        return cls(session, file_checksum(checkpoint))

    def predict(self, query: Query) -> Tensor:
        """Logits (B, 1, H, W): 10 in the mask and -10 outside, as a session returns the mask only."""
        if query.interactions is None:
            return torch.full_like(query.image, -FULL_MASK)
        count, drawn = len(query.image), query.interactions
        masks = [None] * count if query.previous_logits is None else (query.previous_logits > 0).numpy()
        images = zip(
            query.image.numpy(),
            masks,
            drawn.boxes or [None] * count,
            np.stack(marked_pixels(drawn), axis=1),
            drawn.clicks or [()] * count,
            strict=True,
        )
        with redirect_stdout(io.StringIO()):
            found = np.stack([self._mask(*prompts) for prompts in images])
        return torch.where(torch.from_numpy(found), FULL_MASK, -FULL_MASK)

    def _mask(
        self,
        image: np.ndarray,
        last: np.ndarray | None,
        box: Box | None,
        marks: np.ndarray,
        clicks: tuple[Click, ...],
    ) -> np.ndarray:
        """Mask (1, H, W) of an image from the last one, both (1, H, W), a box, marks (2, H, W) and clicks."""
        found = np.zeros(image.shape, np.uint8)
        if image.min() == image.max():  # a session cannot normalise it
            return found > 0
        session = self._session
        session.set_image(image[None])
        session.set_target_buffer(found)
        if last is not None:
            session.add_initial_seg_interaction(last.astype(np.uint8))
        prompts = list(_prompts(box, marks, clicks))
        with _fixed_draws():
            for number, (kind, shown, positive) in enumerate(prompts, start=1):
                add = getattr(session, f"add_{kind}_interaction")
                add(shown, positive, run_prediction=number == len(prompts))
        return found > 0


def _prompts(
    box: Box | None, marks: np.ndarray, clicks: tuple[Click, ...]
) -> Iterator[tuple[str, Any, bool]]:
    """Yield kind, coordinates or pixels in the volume, and sign of each prompt."""
    if box is not None:
        yield "bbox", [[0, 1], [box.top, box.bottom], [box.left, box.right]], True
    scribbles = marks.astype(np.uint8)
    for click in clicks:
        scribbles[0 if click.positive else 1, click.row, click.column] = 0
    for positive, scribble in zip((True, False), scribbles, strict=True):
        if scribble.any():
            yield "scribble", scribble[None], positive
    for click in clicks:
        yield "point", (0, click.row, click.column), click.positive


def _load(session: Any, checkpoint: Path) -> None:
    """Load a checkpoint and the plans in its folder, which may hold no code.

    nnInteractive unpickles the checkpoint. It is read here first by torch's safe reader, which refuses
    everything but numbers and tensors.
    """
    folder, fold = checkpoint.parent.parent, checkpoint.parent.name.removeprefix("fold_")
    try:
        check_plans(json.loads((folder / "plans.json").read_text()), folder / "plans.json")
        with torch.serialization.safe_globals(NUMBERS):
            torch.load(checkpoint, map_location="cpu", weights_only=True)
        session.initialize_from_trained_model_folder(str(folder), fold, checkpoint.name)
    except WeightsError:
        raise
    except UnpicklingError as error:
        raise WeightsError(
            f"{checkpoint} holds more than weights, and could run code; do not use it"
        ) from error
    except Exception as error:  # wrong files raise errors of all kinds
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise WeightsError(f"{folder} is not a model of nnInteractive ({reason}); fetch it again") from error


@contextmanager
def _fixed_draws() -> Iterator[None]:
    """Seed numpy's global generator, by which a session may choose its patches, and restore its state."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
