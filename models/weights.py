"""Weights: bundled with the package, fetched from the authors' public links, or a file of the user."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from segbench.errors import SegbenchError, reason_of
from segbench.files import require_regular
from segbench.models.named_weights import by_name, weights_of
from segbench.paths import user_cache

if TYPE_CHECKING:
    from torch import Tensor, nn

    Network = TypeVar("Network", bound=nn.Module)

BUNDLED = Path(__file__).parent / "bundled"
MAX_BYTES = 1_000_000_000  # of a public checkpoint; the largest takes 76 MB


class WeightsError(SegbenchError, ValueError):
    """Weights cannot be used; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A public checkpoint: file name, link, and number of parameters, which checks its layout."""

    file: str
    url: str
    parameters: int


OFFICIAL = {
    "scribbleprompt": Checkpoint(
        "ScribblePrompt_unet_v1_nf192_res128.pt",
        "https://www.dropbox.com/scl/fi/pnw88n05irnv5z1snlklr/ScribblePrompt_unet_v1_nf192_res128.pt"
        "?rlkey=dr8xvkf0wj2r082h1zzpcmz5o&dl=1",
        3_991_882,
    ),
    "universeg": Checkpoint(
        "universeg_v1_nf64_ss64_STA.pt",
        "https://github.com/JJGO/UniverSeg/releases/download/weights/universeg_v1_nf64_ss64_STA.pt",
        1_182_785,
    ),
    "multiverseg": Checkpoint(
        "MultiverSeg_v1_nf256_res128.pt",
        "https://www.dropbox.com/scl/fi/pcf7kgz87bqfrathbri63/MultiverSeg_v1_nf256_res128.pt"
        "?rlkey=j646jh2b1wocvptpeascrzrt0&dl=1",
        18_903_297,
    ),
}


def official_folder() -> Path:
    """Folder of fetched checkpoints, in the user's cache."""
    return user_cache("give files of weights by --weights") / "weights"


def weights_path(name: str, weights: str = "bundled") -> Path:
    """Find the file that holds the weights of a model; official weights are fetched first.

    Parameters
    ----------
    name : str
        A model with weights of its own, such as scribbleprompt.
    weights : str
        ``bundled``, ``official``, a checkpoint file, or a folder that holds, for each model, one
        ``<name>.safetensors``, ``<name>.pt`` or file named as the authors name it. Or ``NAME=`` and one of
        these, for several networks.

    Raises
    ------
    WeightsError
        If there is no such file, or it cannot be fetched.
    """
    weights = weights_of(weights, name)
    if weights == "official":
        if name not in OFFICIAL:
            raise WeightsError(
                f"there are no public weights of {name}; run it with --weights bundled or a file"
            )
        return fetch(name)
    folder = BUNDLED if weights == "bundled" else Path(weights)
    if folder.is_file():
        return folder
    official = [OFFICIAL[name].file] if name in OFFICIAL else []
    for file in (f"{name}.safetensors", f"{name}.pt", *official):
        if (folder / file).is_file():
            return folder / file
    raise WeightsError(f"no weights for {name} in {folder}; give a checkpoint file, `bundled` or `official`")


def trained_folder(task: str, weights: str = "bundled") -> Path:
    """Folder of the weights trained on a task, within a folder of weights or the bundled ones."""
    return (BUNDLED if weights == "bundled" else Path(weights)) / task.replace("/", "_")


def trained_files(name: str, folder: Path) -> list[Path]:
    """Files ``<name>-<width>-<seed>.safetensors`` of a model that is trained on each task, sorted.

    Raises
    ------
    WeightsError
        If there are none.
    """
    pattern = re.compile(rf"{re.escape(name)}-[0-9]+-[0-9]+\.safetensors")
    found = sorted(path for path in folder.glob("*.safetensors") if pattern.fullmatch(path.name))
    if not found:
        raise WeightsError(
            f"{name} has no weights in {folder}; train it: python -m benchmark train {name} --datasets NAME"
        )
    return found


def training_metadata(file: Path) -> dict[str, Any]:
    """Read the training metadata in the header of a weights file; empty if it holds none.

    Raises
    ------
    WeightsError
        If the file is not a safetensors file, or its header is damaged.
    """
    text = read_header(file).get("training", "{}")
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{file} has a damaged header; train or fetch it again") from error


def companion(weights: str) -> str:
    """Weights of a model's second network: the same text, or the bundled set if that is a single file."""
    return "bundled" if by_name(weights) is None and Path(weights).is_file() else weights


def fetch(name: str, folder: Path | None = None, url: str | None = None) -> Path:
    """Fetch a public checkpoint and record its checksum, which every later use verifies.

    The authors publish no checksums. The first download is therefore checked by its layout, and every later
    use by the checksum recorded then.

    Raises
    ------
    WeightsError
        If the link cannot be reached, the file has another layout, or the file changed since it was fetched.
    """
    from segbench.datasets.download import discard, transfer
    from segbench.datasets.task import DataError

    checkpoint = OFFICIAL[name]
    folder = folder or official_folder()
    path = folder / checkpoint.file
    record = path.with_suffix(".sha256")
    if path.is_file() and record.is_file():
        verify(name, folder)
        return path
    manual_steps = (
        f"download {url or checkpoint.url} and pass the file, or a folder of them, by --weights PATH"
    )
    try:
        if not path.is_file():
            part = path.with_name(f"{path.name}.part")
            transfer(url or checkpoint.url, part, MAX_BYTES)
            part.rename(path)
            discard(part)
        _check_size(path, checkpoint.parameters)
    except WeightsError:
        path.unlink()
        raise
    except (DataError, OSError) as error:
        raise WeightsError(
            f"the public checkpoint of {name} cannot be fetched here: {manual_steps}"
        ) from error
    record.write_text(file_checksum(path))
    return path


def verify(name: str, folder: Path | None = None) -> str:
    """Verify a fetched checkpoint and return its checksum.

    Raises
    ------
    WeightsError
        If the file is absent or has changed since it was fetched.
    """
    path = (folder or official_folder()) / OFFICIAL[name].file
    record = path.with_suffix(".sha256")
    if not (path.is_file() and record.is_file()):
        raise WeightsError(
            f"the public checkpoint of {name} has not been fetched: python -m benchmark weights fetch {name}"
        )
    found = file_checksum(path)
    if found.encode() != record.read_bytes().strip():
        raise WeightsError(
            f"{path} has changed since it was fetched (wrong checksum): delete it and fetch it again"
        )
    return found


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint: safetensors or a state dict, bare or under ``model``.

    Pickled code is never run.

    Raises
    ------
    WeightsError
        If the file is neither, or holds anything but plain tensors of real numbers in full.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(require_regular(path))
        state = torch.load(require_regular(path), map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason_of(error)}") from error
    except Exception as error:  # each format raises its own errors for a damaged file
        raise WeightsError(
            f"{path} is not a readable checkpoint (safetensors or a plain state dict)"
        ) from error
    state = state.get("model", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(
            f"{path} does not hold a state dict of tensors; give a safetensors file or a state dict"
        )
    for name, value in state.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise WeightsError(
                f"{path} holds {name!r}, which is not a plain named tensor; give a plain state dict"
            )
    return state


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor stores as many real numbers as its shape says; a stride of 0 could fake any shape."""
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_nested:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def read_header(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file.

    Raises
    ------
    WeightsError
        If the file is not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(require_regular(path), "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file") from error


def load_state(network_class: type[Network], path: Path) -> Network:
    """Build a network of a checkpoint's sizes and load its weights.

    Raises
    ------
    WeightsError
        If a name or shape differs from the layout; the message names the first difference.
    """
    import torch

    state = read_state(path)
    wrong = WeightsError(f"{path} is not a checkpoint of {network_class.__name__}")
    try:
        with torch.device("meta"):  # allocates nothing, whatever sizes a damaged file names
            expected = network_class.like(state).state_dict()  # type: ignore[attr-defined]
    except WeightsError:
        raise
    except Exception as error:  # impossible sizes raise errors of all kinds
        raise wrong from error
    for name in sorted(expected.keys() | state.keys()):
        if name not in state or name not in expected:
            raise WeightsError(f"{wrong}: {name} is {'missing' if name not in state else 'unknown'}")
        if state[name].shape != expected[name].shape:
            raise WeightsError(
                f"{wrong}: {name} has shape {tuple(state[name].shape)}, not {tuple(expected[name].shape)}"
            )
    network: Network = network_class.like(state)  # type: ignore[attr-defined]
    network.load_state_dict({name: value.float() for name, value in state.items()})
    return network


def _check_size(path: Path, parameters: int) -> None:
    found = sum(value.numel() for value in read_state(path).values())
    if found != parameters:
        raise WeightsError(
            f"{path.name} as fetched has {found:,} parameters, not the published {parameters:,}; fetch again"
        )
