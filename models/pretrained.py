"""Networks and image processors of the package transformers, from folders in its layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from segbench.models.extras import optional
from segbench.models.hub import folder_checksum, model_folder
from segbench.models.weights import WeightsError
from segbench.protocols.adapter import Capabilities, Query


class Pretrained:
    """Base class of adapters around a network of transformers.

    A subclass has ``capabilities``, `load`, `segment` and a constructor.

    Parameters
    ----------
    *parts
        What `load` returns, the checksum of the weights, device and precision.
    """

    capabilities: ClassVar[Capabilities]
    micro_batch = 1  # images have different numbers of points, or contexts that need the memory

    def __init__(self, *parts: Any) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, name: str, folder: Path) -> tuple[Any, ...]:
        """Return the parts that the constructor takes from a folder; errors as of `create`."""
        raise NotImplementedError

    @classmethod
    def create(cls, name: str, weights: str, device: str, precision: str) -> Self:
        """Create an adapter with the weights in a folder or on a hub; see `segbench.models.hub`.

        Raises
        ------
        WeightsError
            If transformers or the weights are missing, damaged or of another architecture.
        """
        folder = model_folder(name, weights)
        return cls(*cls.load(name, folder), folder_checksum(folder), device, precision)

    def segment(self, query: Query, index: int) -> Tensor:
        """Return the logits (1, 1, H, W) of one image of a query."""
        raise NotImplementedError

    @torch.inference_mode()
    def predict(self, query: Query) -> Tensor:
        """Return logits (B, 1, H, W) in float32 on the query's device, image by image."""
        logits = [self.segment(query, index) for index in range(len(query.image))]
        return torch.cat(logits).to(query.image.device)


def eight_bit(images: Tensor) -> Tensor:
    """Return images with values in [0, 1] as uint8 tensors on the CPU, as image processors take them."""
    return (255 * images).round().to(torch.uint8).cpu()


def load_network(network_class: str, folder: Path, model: str, also: str = "") -> Any:
    """Load a network in float32 and evaluation mode.

    Parameters
    ----------
    network_class : str
        Class of transformers, such as SamModel.
    folder : Path
        Folder with ``config.json`` and safetensors.
    model : str
        The model that needs it, for messages.
    also : str
        Another ``model_type`` of ``config.json`` whose weights the class can hold.

    Raises
    ------
    WeightsError
        If transformers is absent, or the weights are of another network, incomplete or damaged.
    """
    transformers = optional("transformers", model, "transformers")
    needed = getattr(transformers, network_class)
    types = [needed.config_class.model_type, *filter(None, [also])]
    found = _model_type(folder)
    if found not in types:
        raise WeightsError(f"{folder} holds a network of type {found}; {model} needs {' or '.join(types)}")
    wrong = f"{folder} does not hold the weights of a {network_class}"
    with _quiet(transformers):
        try:
            network, report = needed.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                dtype="float32",
                output_loading_info=True,
            )
        except Exception as error:  # damaged files raise errors of all kinds
            raise WeightsError(f"{wrong} ({type(error).__name__}); fetch it again or give another") from error
    if report["missing_keys"]:
        raise WeightsError(f"{wrong}: {min(report['missing_keys'])} is missing")
    return network.eval()


def load_processor(processor_class: str, folder: Path, model: str) -> Any:
    """Load an image processor, that of the class if the folder holds none.

    Parameters
    ----------
    processor_class : str
        Class of transformers that needs no torchvision, such as SamImageProcessorPil.
    folder : Path
    model : str
        The model that needs it, for messages.

    Raises
    ------
    WeightsError
        If transformers is absent, or the configuration of the processor is damaged.
    """
    needed = getattr(optional("transformers", model, "transformers"), processor_class)
    if not any(folder.glob("*processor*.json")):
        return needed()
    try:
        return needed.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # damaged files raise errors of all kinds
        raise WeightsError(
            f"{folder} does not hold the configuration of a {processor_class} ({type(error).__name__}); "
            "fetch it again or give another"
        ) from error


def _model_type(folder: Path) -> str:
    """Return ``model_type`` of ``config.json``."""
    path = folder / "config.json"
    try:
        return str(json.loads(path.read_text())["model_type"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path} is not the configuration of a network; fetch it again") from error


@contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """Keep transformers from printing a report and a progress bar."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
