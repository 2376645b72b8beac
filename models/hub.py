"""Weights in folders: of the user, or on a hub, from where they are fetched at a commit and verified."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segbench.errors import reason_of
from segbench.models.extras import optional
from segbench.models.named_weights import BUNDLED, weights_of
from segbench.models.registry import MODELS, facts, networks, required_weights
from segbench.models.remote import is_remote
from segbench.models.weights import WeightsError, file_checksum, training_metadata, weights_path

ADDRESS = re.compile(r"hf://(?P<repository>[^/@]+/[^/@]+)(@(?P<revision>.+))?")
# Whatever else a repository holds, pickles and code above all, is never fetched.
FILES = ["config.json", "*processor*.json", "*.safetensors", "*.safetensors.index.json"]


def model_folder(name: str, weights: str) -> Path:
    """Find the folder that holds the weights of a model; those on a hub are fetched first.

    Fetched files lie in the cache of huggingface_hub, where other programs find them too. Every use compares
    them with the checksums of the hub.

    Parameters
    ----------
    name : str
        A model whose weights are a folder, such as sam; of a variant, those of its model are taken.
    weights : str
        A folder with ``config.json``, or one that holds such a folder named as the model;
        ``hf://owner/name[@revision]``; or ``official``, the address that the class of the model has.

    Returns
    -------
    Path
        A folder with ``config.json`` and safetensors.

    Raises
    ------
    WeightsError
        If there is no such folder, or it cannot be fetched.
    """
    name = networks(name)[0] if _is_model(name) else name
    address = pinned(name, weights_of(weights, name))
    if address == BUNDLED:
        raise WeightsError(
            f"{name} has no bundled weights; give --weights official, hf://OWNER/NAME or a folder"
        )
    match = ADDRESS.fullmatch(address)
    return _fetched(name, address, **match.groupdict()) if match else _local(name, Path(address))


def pinned(name: str, weights: str) -> str:
    """Return weights, with those on a hub as the address of a commit.

    Parameters
    ----------
    name : str
    weights : str
        As for `model_folder`.

    Returns
    -------
    str
        ``hf://owner/name@commit`` (40 hexadecimal digits), or `weights` as given if they are not on a hub.

    Raises
    ------
    WeightsError
        If the address is malformed, or its revision is unknown.
    """
    address = (official_address(name) or weights) if weights == "official" else weights
    if not address.startswith("hf:"):
        return weights
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise WeightsError(
            f"{address} is no address of weights; write hf://OWNER/NAME or hf://OWNER/NAME@REVISION"
        )
    hub = optional("huggingface_hub", name, "transformers")
    repository, revision = match["repository"], match["revision"]
    with _clear_errors(name, repository, revision):
        commit = hub.HfApi().resolve_revision(repository, revision=revision).resolved
    return f"hf://{repository}@{commit}"


def official_address(name: str) -> str | None:
    """Return the address of a model's official weights on a hub, or None."""
    address = facts(name)["official"] if _is_model(name) else ""
    return address if address.startswith("hf:") else None


def checksum(name: str, weights: str = BUNDLED) -> str:
    """SHA-256 of a network's weights: of their file, or of the names and contents in their folder.

    Raises
    ------
    WeightsError
        If there are no such weights.
    """
    own = weights_of(weights, name)
    if official_address(name) or own.startswith("hf:") or _folder(name, Path(own)):
        return folder_checksum(model_folder(name, own))
    return file_checksum(weights_path(name, own))


def is_official(name: str, weights: str) -> bool:
    """Whether the weights of a network are those that its authors published."""
    return weights_of(weights, name) in ("official", official_address(name))


def has_official(name: str, weights: str, among: Collection[str]) -> bool:
    """Whether a model has official weights of a network among these, such as those that saw a data set."""
    return any(part in among and is_official(part, weights) for part in required_weights(name))


def trained_on(name: str, weights: str) -> str:
    """Return what a network's weights were trained on, in a few words; "not stated" where it is unknown.

    Official weights have the statement of the model's class. Weights that this project trained have it in
    the header of their file.
    """
    own = weights_of(weights, name)
    if is_official(name, own):
        return facts(name)["trained_on"] if _is_model(name) else "not stated"
    try:
        training = {} if official_address(name) else training_metadata(weights_path(name, own))
    except WeightsError:
        training = {}
    if "preset" not in training:
        return "not stated"
    names = sorted(training.get("data") or training.get("tasks") or ())
    return "synthetic tasks" + (f" and real images of {', '.join(names)}" if names else "")


def folder_checksum(folder: Path) -> str:
    """SHA-256 of the names and contents of the files of a model in a folder."""
    files = sorted({path for pattern in FILES for path in folder.glob(pattern)})
    lines = "".join(f"{file_checksum(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _is_model(name: str) -> bool:
    """Whether a network has the name of a model; those of plug-ins may have others."""
    return name in MODELS or ":" in name or is_remote(name)


def _folder(name: str, folder: Path) -> Path | None:
    """Return a folder or its subfolder called `name`, whichever has a configuration."""
    return next((path for path in (folder, folder / name) if (path / "config.json").is_file()), None)


def _local(name: str, folder: Path) -> Path:
    found = _folder(name, folder)
    if found is None:
        raise WeightsError(
            f"no weights for {name} in {folder}; give a folder with config.json and model.safetensors, "
            "`official` or hf://OWNER/NAME"
        )
    return _with_weights(found, str(found))


def _with_weights(folder: Path, source: str) -> Path:
    if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
        return folder
    raise WeightsError(
        f"{source} lacks config.json or safetensors, and pickled weights are never loaded; give another "
        "revision or repository, or a folder with both"
    )


def _fetched(name: str, address: str, repository: str, revision: str) -> Path:
    """Return the verified folder of a commit, from the cache if it is complete there."""
    hub = optional("huggingface_hub", name, "transformers")
    wanted: dict[str, Any] = {"revision": revision, "allow_patterns": FILES, "ignore_patterns": ["*/*"]}
    with _clear_errors(name, repository, revision):
        try:
            folder = Path(hub.snapshot_download(repository, local_files_only=True, **wanted))
            files = hub.get_cached_repo_tree(repository, revision=revision)
        except (hub.errors.LocalEntryNotFoundError, hub.errors.CachedRepoTreeNotFoundError):
            folder = Path(hub.snapshot_download(repository, **wanted))
            files = hub.get_cached_repo_tree(repository, revision=revision)
    for file in files:
        path = folder / file.path
        if path.is_file() and not _is_intact(path, file):
            raise WeightsError(
                f"{path} has changed since it was fetched (wrong checksum): delete {path.resolve()} and "
                "fetch it again"
            )
    return _with_weights(folder, address)


def _is_intact(path: Path, file: Any) -> bool:
    """Whether a file has the checksum of the hub: SHA-256 if it is large, else that of git."""
    if file.lfs is not None:
        return file_checksum(path) == file.lfs.sha256
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id


@contextmanager
def _clear_errors(name: str, repository: str, revision: str | None) -> Iterator[None]:
    """Turn errors of the hub into one sentence."""
    from huggingface_hub import constants, errors

    instead = f"or give a folder by --weights {name}=FOLDER"
    page = f"{constants.ENDPOINT}/{repository}"
    try:
        yield
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{repository} is open only to those who accepted its terms: accept them at {page}, log in with "
            f"`hf auth login`, {instead}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            f"there is no public repository {page}; correct the name, log in with `hf auth login`, {instead}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(f"{repository} has no revision {revision}; correct it, {instead}") from error
    except errors.HFValidationError as error:
        raise WeightsError(f"{repository} is no name of a repository; correct it, {instead}") from error
    except (OSError, errors.RevisionResolutionError) as error:
        reason = reason_of(error) if isinstance(error, OSError) and error.errno else "no answer"
        raise WeightsError(
            f"hf://{repository} cannot be fetched from {constants.ENDPOINT} ({reason}); try again with a "
            f"network, {instead}"
        ) from error
