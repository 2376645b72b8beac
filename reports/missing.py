"""What a run lacks for an artefact, and the command that fills it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segbench.datasets.registry import EMBEDDED
from segbench.reports import estimates
from segbench.reports.artefact import AUTOMATIC_SETS, HUMAN, MANUAL, NO_CONTEXT, Artefact, Requirement
from segbench.reports.protocols import expected, in_order, recorded

if TYPE_CHECKING:
    from segbench.results import Results

PROGRAM = ("python", "-m", "benchmark", "run")
OURS = ("--protocol", "--models", "--split", "--context")  # options that a gap's command sets itself


@dataclass(frozen=True)
class Gap:
    """Models or protocols that the paper shows and the run does not have, and how to get them."""

    what: str
    command: str


class Coverage:
    """What there are records of, for all questions of a report.

    Parameters
    ----------
    results : Results
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        images = results.images
        kinds = images[["protocol", "model", "split", "context"]].assign(
            longer=~estimates.in_standard_sets(results, images)
        )
        self._kinds = kinds.drop_duplicates().astype({"protocol": str, "model": str})

    def drawable(self, artefact: Artefact) -> bool:
        """Whether the run has enough for the artefact to show anything."""
        return not artefact.requires or any(self._suffices(need) for need in artefact.requires)

    def has(self, protocols: Iterable[str]) -> bool:
        """Whether there are records of any of these protocols."""
        return bool(self._kinds.protocol.isin(list(protocols)).any())

    def whole(self, protocols: Sequence[str]) -> Gap:
        """All of a paper of which there are no records."""
        return Gap(
            f"protocols {', '.join(protocols)}",
            _command(self.results, Requirement(models=()), protocols, ["all"]),
        )

    def gaps(self, artefact: Artefact) -> list[Gap]:
        """What is missing: for each need models for the protocols there are, and protocols."""
        return list(dict.fromkeys(gap for need in artefact.requires for gap in self._gaps(need)))

    def _suffices(self, need: Requirement) -> bool:
        _, models = self._present(need)
        return bool(models) and set(need.required) <= set(models) and len(models) >= need.least

    def _present(self, need: Requirement) -> tuple[list[str], list[str]]:
        """The protocols that a need asks for and the run has, and all models that it has of these."""
        kinds = self._kinds
        there = kinds[
            kinds.protocol.isin(recorded(self.results, need))
            & (kinds.split == need.split)
            & kinds.context.isin([need.context, NO_CONTEXT])
            & (kinds.longer | (not need.longer))
        ]
        protocols = in_order(there.protocol)
        return protocols, sorted(there.model.unique())

    def _gaps(self, need: Requirement) -> list[Gap]:
        protocols, models = self._present(need)
        found = []
        missing_models = [name for name in need.models if name not in models]
        if missing_models and protocols:
            what = f"models {', '.join(missing_models)}{_variant(need)}"
            found.append(Gap(what, _command(self.results, need, protocols, missing_models)))
        missing_protocols = [name for name in expected(need) if name not in protocols]
        if missing_protocols and not need.optional:
            wanted = list(dict.fromkeys([*need.models, *models])) or ["all"]
            what = f"protocols {', '.join(missing_protocols)}{_variant(need)}"
            found.append(Gap(what, _command(self.results, need, missing_protocols, wanted)))
        return found


def _variant(need: Requirement) -> str:
    """How a need differs from the usual, in words."""
    usual = Requirement()
    parts = [f"{need.split} split"] if need.split != usual.split else []
    parts += [f"{need.context} context"] if need.context not in (usual.context, HUMAN) else []
    parts += ["longer sets"] if need.longer else []
    return f" ({', '.join(parts)})" if parts else ""


def _command(results: Results, need: Requirement, protocols: Iterable[str], models: Iterable[str]) -> str:
    """The run's own command with other protocols and models; without a manifest, the shortest that does."""
    chosen = ["--protocol", ",".join(protocols), "--models", ",".join(models)]
    if need.split != Requirement().split:
        chosen += ["--split", need.split]
    if need.context == "soft" or (need.context == "ground-truth" and need.split == "val"):
        chosen += ["--context", need.context]
    if need.longer:
        chosen += ["--images", "all"]
    manifest = results.manifests[0] if results.manifests else {}
    if manifest.get("command"):
        # Data sets with people's scribbles are of a kind of their own.
        changed = ["--images"] * need.longer + ["--datasets"] * (MANUAL in protocols)
        rest = _without([*OURS, *changed], manifest["command"])
        if AUTOMATIC_SETS in protocols:
            rest = _with_scans(results, rest)
        return shlex.join([*PROGRAM, *chosen, *rest, *_output(results)])
    named = sorted(map(str, results.images.dataset.unique()))
    datasets = ",".join([] if {AUTOMATIC_SETS, MANUAL} & set(protocols) else named)
    return shlex.join([*PROGRAM, *chosen, *(["--datasets", datasets] if datasets else [])])


def _with_scans(results: Results, words: list[str]) -> list[str]:
    """Options of a command; where it names data sets, the embedded scans too, if the run has none yet."""
    if (results.images.protocol == AUTOMATIC_SETS).any():
        return words
    for place, word in enumerate(words):
        name, equals, _ = word.partition("=")
        if name == "--datasets":
            value = place if equals else place + 1
            return [*words[:value], f"{words[value]},{EMBEDDED['scans']}", *words[value + 1 :]]
    return words


def whole_study(results: Results) -> str:
    """The command that adds all experiments and variants of the papers; what is finished is kept."""
    command = results.manifests[0].get("command", "") if results.manifests else ""
    words = ["--protocol", "all", *_without(OURS, command)]
    return shlex.join([*PROGRAM, *words, *(_output(results) if command else [])])


def _output(results: Results) -> list[str]:
    """Into the same run, where there is one, so that the report has both."""
    given = results.manifests[0]["command"].split()
    if len(results.folders) != 1 or any(word.partition("=")[0] == "--output" for word in given):
        return []
    return ["--output", str(results.folders[0])]


def _without(options: Iterable[str], command: str) -> list[str]:
    """The words of a run command after ``run``, without some options and their values."""
    try:
        words = shlex.split(command)
    except ValueError:  # a manifest that somebody has edited
        words = command.split()
    words = words[words.index("run") + 1 :] if "run" in words else []
    kept, skip = [], False
    for word in words:
        name, equals, _ = word.partition("=")
        ours = name in options
        if not (skip or ours):
            kept.append(word)
        skip = ours and not equals
    return kept
