"""Records that artefacts lack, and the commands that add them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segbench.datasets.all_test import ALL_BUT_ONE
from segbench.datasets.registry import EMBEDDED
from segbench.reports import selection
from segbench.reports.artefact import Artefact
from segbench.reports.preparation import fetching_commands, lack_public_weights, training_commands
from segbench.reports.protocols import expected, in_order, labels, recorded
from segbench.reports.requirement import NO_CONTEXT, Requirement
from segbench.reports.style import model_title
from segbench.text import join_names, render_command, split_names

if TYPE_CHECKING:
    from segbench.results import Results

SELECTED = ("protocol", "models", "split", "context")  # options that the command of a gap sets itself
NEED_SPLITS = {"supervised", "in-context", "interactive-in-context", "scans"}  # refused by --split all
OF_TASKS = ("datasets", "tasks", "split_from")  # which people's scribbles do not have
DEFAULT = Requirement()


@dataclass(frozen=True)
class Gap:
    """Models or protocols that the paper shows and the run lacks, and the command that adds them.

    Attributes
    ----------
    what : str
    command : str
    preparation : tuple of str
        Commands that come first: they train the models and fetch the data, where they have to.
    separate : bool
        Whether the command starts a run of its own, because the models have no public weights.
    """

    what: str
    command: str
    preparation: tuple[str, ...] = ()
    separate: bool = False

    @property
    def commands(self) -> tuple[str, ...]:
        """All commands in their order."""
        return (*self.preparation, self.command)


class Coverage:
    """The combinations of protocol, model, split and context with records.

    What an unfinished run will still compute is not missing.

    Parameters
    ----------
    results : Results
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        images = results.images
        kinds = images[["protocol", "model", "split", "context"]].assign(
            longer=~selection.in_standard_sets(results, images)
        )
        self._kinds = kinds.drop_duplicates().astype({"protocol": str, "model": str})
        parts = [part for manifest in results.manifests for part in manifest.get("parts") or ()]
        self._planned = parts if results.unfinished() else []

    def drawable(self, artefact: Artefact) -> bool:
        """Return whether the records suffice for the artefact to show anything."""
        return not artefact.requires or any(map(self._suffices, artefact.requires))

    def has_any(self, artefacts: Iterable[Artefact]) -> bool:
        """Return whether a protocol that one of the artefacts requires has records, or will have some."""
        return any(
            recorded(self.results, r) or self._to_come(r) for artefact in artefacts for r in artefact.requires
        )

    def whole_paper(self, artefacts: Iterable[Artefact]) -> Gap:
        """Return the gap of a paper none of whose protocols has records."""
        required = (r for artefact in artefacts for r in artefact.requires if not r.optional)
        names = list(dict.fromkeys(name for requirement in required for name in expected(requirement)))
        return self._gap(f"protocols {', '.join(names)}", Requirement(models=()), names, ["all"])

    def gaps(self, artefact: Artefact) -> list[Gap]:
        """Return what is missing: models of the protocols with records, and protocols without."""
        return list(dict.fromkeys(gap for r in artefact.requires for gap in self._gaps(r)))

    def lacking(self, artefacts: Iterable[Artefact]) -> list[Gap]:
        """Return the models that the run's own protocols lack, each once; nothing about other protocols."""
        lacking: dict[tuple[str, str], dict[str, None]] = {}
        for requirement in (r for artefact in artefacts for r in artefact.requires):
            if (requirement.split, requirement.longer) == (DEFAULT.split, DEFAULT.longer):
                protocols, models = self._expected(requirement)
                absent = [name for name in requirement.models if name not in models]
                for protocol in protocols if absent else ():
                    lacking.setdefault((protocol, requirement.context), {}).update(dict.fromkeys(absent))
        alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (protocol, context), names in lacking.items():
            alike.setdefault((context, tuple(names)), []).append(protocol)
        return [
            self._gap(
                f"{join_names(list(map(model_title, names)))} in {self._titles(protocols)}",
                Requirement(models=names, context=context),
                protocols,
                names,
            )
            for (context, names), protocols in alike.items()
        ]

    def _family(self, protocol: str) -> str:
        return labels(self.results, protocol).family

    def _titles(self, protocols: Sequence[str]) -> str:
        noun = "protocol" if len(protocols) == 1 else "protocols"
        return f"the {noun} {join_names([labels(self.results, name).title for name in protocols])}"

    def _suffices(self, requirement: Requirement) -> bool:
        _, models = self._present(requirement)
        enough = len(models) >= max(requirement.least, 1)
        return enough and set(requirement.required) <= set(models)

    def _present(self, requirement: Requirement) -> tuple[list[str], list[str]]:
        """Return the required protocols with records, and all models with records of them."""
        kinds = self._kinds
        matching = kinds[
            kinds.protocol.isin(recorded(self.results, requirement))
            & (kinds.split == requirement.split)
            & kinds.context.isin([requirement.context, NO_CONTEXT])
            & (kinds.longer | (not requirement.longer))
        ]
        return in_order(matching.protocol), sorted(matching.model.unique())

    def _to_come(self, requirement: Requirement) -> list[Mapping[str, Any]]:
        """Return the parts of an unfinished run that a requirement asks for, whatever their context."""
        wanted, families = requirement.protocols, requirement.families
        return [
            part
            for part in self._planned
            if part.get("split") == requirement.split
            and (part["protocol"] in wanted if wanted else self._family(part["protocol"]) in families)
        ]

    def _expected(self, requirement: Requirement) -> tuple[list[str], list[str]]:
        """Return the required protocols and all their models that have records or will have some."""
        protocols, models = self._present(requirement)
        parts = self._to_come(requirement)
        planned = [name for part in parts for name in part.get("models") or ()]
        return in_order([*protocols, *(part["protocol"] for part in parts)]), sorted({*models, *planned})

    def _gaps(self, requirement: Requirement) -> list[Gap]:
        protocols, models = self._expected(requirement)
        variant, gaps = _variant(requirement), []
        missing_models = [name for name in requirement.models if name not in models]
        if missing_models and protocols:
            what = f"models {', '.join(missing_models)}{variant}"
            gaps.append(self._gap(what, requirement, protocols, missing_models))
        missing_protocols = [name for name in expected(requirement) if name not in protocols]
        if missing_protocols and not requirement.optional:
            wanted = list(dict.fromkeys([*requirement.models, *models])) or ["all"]
            what = f"protocols {', '.join(missing_protocols)}{variant}"
            gaps.append(self._gap(what, requirement, missing_protocols, wanted))
        return gaps

    def _gap(
        self, what: str, requirement: Requirement, protocols: Sequence[str], models: Sequence[str]
    ) -> Gap:
        families = {self._family(name) for name in protocols}
        official = (_arguments(self.results) or {}).get("weights") == "official"
        separate = official and (lack_public_weights(models) or bool(families & {"sets", "scans"}))
        command = self._command(requirement, protocols, models, separate)
        before = fetching_commands(self.results, families) + training_commands(self.results, models)
        return Gap(what, command, before, separate)

    def _command(
        self, requirement: Requirement, protocols: Sequence[str], models: Sequence[str], separate: bool
    ) -> str:
        """Return the run's own command with other protocols and models; without a manifest, a short one."""
        chosen: dict[str, Any] = {"protocol": ",".join(protocols), "models": ",".join(models)}
        if requirement.split != DEFAULT.split:
            chosen["split"] = requirement.split
        # Experiment 2 has true labels in its contexts whatever --context is.
        if requirement.context == "soft" or (requirement.context, requirement.split) == (
            "ground-truth",
            "val",
        ):
            chosen["context"] = requirement.context
        if requirement.longer:
            chosen["images"] = "all"
        families = {self._family(name) for name in protocols}
        arguments = _arguments(self.results)
        if arguments is None:
            if not families & {"scans", "manual"}:
                chosen["datasets"] = ",".join(sorted(map(str, self.results.images.dataset.unique())))
            return render_command("run", chosen)
        chosen["models"] = ",".join(_in_commands(arguments, models))
        if arguments.get("split") == "all":
            chosen.setdefault("split", DEFAULT.split if families & NEED_SPLITS else "all")
        rest = {name: value for name, value in arguments.items() if name not in (*SELECTED, *chosen)}
        if "manual" in families:  # people's scribbles are on data sets of their own
            rest = {name: value for name, value in rest.items() if name not in OF_TASKS}
        if "scans" in families and not self._has_scans():
            rest.pop("tasks", None)  # whose patterns match no scan
            split_from = rest.pop("split_from", None)  # which the embedded scans do not have
            named = None if split_from else rest.get("datasets")
            named = [named] if isinstance(named, str) else named or _sources(self.results)
            rest["datasets"] = ",".join([*named, EMBEDDED["scans"]])
        if separate:
            own = {name: value for name, value in rest.items() if name not in ("weights", "output")}
            return render_command("run", chosen | own)
        return _continuation(self.results, chosen, rest)

    def _has_scans(self) -> bool:
        return any(self._family(name) == "scans" for name in self._kinds.protocol.unique())


def _variant(requirement: Requirement) -> str:
    """Return in words how a requirement differs from the default."""
    parts = [f"{requirement.split} split"] if requirement.split != DEFAULT.split else []
    parts += [f"{requirement.context} context"] if requirement.context != DEFAULT.context else []
    parts += ["longer sets"] if requirement.longer else []
    return f" ({', '.join(parts)})" if parts else ""


def whole_study(results: Results) -> str:
    """Return the command that adds all experiments of the papers; finished units are not run again."""
    arguments = _arguments(results)
    if arguments is None:
        return render_command("run", {"protocol": "all"})
    rest = {name: value for name, value in arguments.items() if name not in SELECTED}
    chosen = {"protocol": "all"} | ({"split": "all"} if arguments.get("split") == "all" else {})
    return _continuation(results, chosen, rest)


def _continuation(results: Results, chosen: dict[str, Any], rest: dict[str, Any]) -> str:
    """Return the command that adds to the run, or a run of its own if it segments other images."""
    if (_arguments(results) or {}).get("split") == "all":
        elsewhere = {name: value for name, value in rest.items() if name != "output"}
        if chosen["split"] != "all":
            return render_command("run", chosen | elsewhere)
        # Without models that need a context, no subject of the run stays train.
        if not any(source.endswith(f"@{ALL_BUT_ONE}") for source in _sources(results)):
            arguments = results.manifests[0]["arguments"]
            models = [
                *_in_commands(arguments, results.manifests[0]["models"]),
                *split_names(str(chosen.get("models", "all"))),
            ]
            chosen["models"] = "all" if "all" in models else ",".join(dict.fromkeys(models))
            return render_command("run", chosen | elsewhere)
    return render_command("run", chosen | rest | _output(results, rest))


def _in_commands(arguments: Mapping[str, Any], models: Iterable[str]) -> list[str]:
    """Return the names of models in commands, where those of a notebook belong to ``__main__``."""
    given = split_names(str(arguments.get("models", "")))
    local = [name for name in given if name.startswith("__main__:")]
    names = {name.partition(":")[2]: name for name in local}
    return [names.get(name, name) for name in models]


def _sources(results: Results) -> list[str]:
    """Return the names of the data sets in the first manifest."""
    tasks = results.manifests[0].get("tasks") or {}
    return sorted({str(entry["source"]) for entry in tasks.values() if "source" in entry})


def _arguments(results: Results) -> Mapping[str, Any] | None:
    """Return the arguments of the run's first command; None without a manifest that has them."""
    manifest = results.manifests[0] if results.manifests else {}
    return manifest.get("arguments")


def _output(results: Results, arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the option that writes to the same run, if there is one run in a default folder."""
    if "output" in arguments or len(results.folders) != 1:
        return {}
    return {"output": str(results.folders[0])}
