"""What a run lacks for an artefact, and the command that fills it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.registry import Artefact

if TYPE_CHECKING:
    from results import Results

PROGRAM = ("python", "-m", "benchmark", "run")


@dataclass(frozen=True)
class Gap:
    """Models or protocols that the paper shows and the run does not have, and how to get them."""

    what: str
    command: str


def drawable(artefact: Artefact, results: Results) -> bool:
    """Whether the run has enough for the artefact to show anything."""
    _, models = present(artefact, results)
    return set(artefact.required) <= set(models) and len(models) >= artefact.least


def present(artefact: Artefact, results: Results) -> tuple[list[str], list[str]]:
    """The artefact's protocols that the run has, and all models that it has of these."""
    images = results.images[results.images.protocol.isin(artefact.protocols)]
    protocols = [name for name in artefact.protocols if (images.protocol == name).any()]
    return protocols, sorted(images.model.unique())


def gaps(artefact: Artefact, results: Results) -> list[Gap]:
    """What is missing, in at most two parts: models for the protocols there are, and protocols."""
    protocols, models = present(artefact, results)
    found = []
    missing_models = [name for name in artefact.models if name not in models]
    if missing_models and protocols:
        found.append(Gap(f"models {', '.join(missing_models)}", _command(results, protocols, missing_models)))
    missing_protocols = [name for name in artefact.protocols if name not in protocols]
    if missing_protocols:
        wanted = list(dict.fromkeys([*artefact.models, *models]))
        command = _command(results, missing_protocols, wanted)
        found.append(Gap(f"protocols {', '.join(missing_protocols)}", command))
    return found


def _command(results: Results, protocols: Iterable[str], models: Iterable[str]) -> str:
    """The run's own command with other protocols and models; without a manifest, the shortest that does."""
    chosen = ["--protocol", ",".join(protocols), "--models", ",".join(models)]
    manifest = results.manifests[0] if results.manifests else {}
    if manifest.get("command"):
        return shlex.join([*PROGRAM, *chosen, *_other_options(manifest["command"])])
    datasets = ",".join(sorted(results.images.dataset.unique()))
    return shlex.join([*PROGRAM, *chosen, *(["--datasets", datasets] if datasets else [])])


def _other_options(command: str | list[str]) -> list[str]:
    """The words of a run command after ``run``, without ``--protocol`` and ``--models``."""
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    words = words[words.index("run") + 1 :] if "run" in words else []
    kept, skip = [], False
    for word in words:
        name, equals, _ = word.partition("=")
        ours = name in ("--protocol", "--models")
        if not (skip or ours):
            kept.append(word)
        skip = ours and not equals
    return kept
