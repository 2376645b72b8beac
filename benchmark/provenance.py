"""Where a run comes from: versions, commit, settings, weights and data, written beside the records."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segbench.benchmark.plan import SEED_MODEL, Checksums
from segbench.benchmark.selection import ExperimentPlan, SelectedTask, Selection
from segbench.benchmark.settings import Settings
from segbench.benchmark.trained import files_of, training_in_words
from segbench.errors import Failure
from segbench.models.weights import companion
from segbench.paths import PACKAGE

# What computes the numbers; torch's version tells its build (CPU or CUDA) too.
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-contrib-python-headless",
    "pandas",
    "pyarrow",
    "joblib",
    "safetensors",
)


def manifest(
    selection: Selection, settings: Settings, weights: Checksums, preset: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything that is needed to repeat a run, as plain values for JSON.

    Parameters
    ----------
    selection, settings, weights : what takes part and how
    preset : name of the preset that the settings started from
    arguments : mapping
        Options of the command that differ from the defaults.
    """
    return {
        "version": _version("segbench"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git(PACKAGE.resolve().parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages(),
        "arguments": dict(arguments),
        "all_arguments": [dict(arguments)],
        "settings": settings.flat(),
        "preset": preset,
        "simulations": settings.simulations,
        "images": _set_size(selection),
        "protocols": {part.experiment.protocol: _protocol(part.protocol) for part in selection.parts},
        "parts": [_part(part, settings) for part in selection.parts],
        "models": {name: _model(name, selection, settings, weights) for name in weights.models},
        "seed_model": _seed_model(settings, weights),
        "tasks": {chosen.task.name: _task(chosen) for chosen in selection.all_tasks()},
        "tasks_found": {chosen.task.name: _task(chosen) for chosen in selection.found},
        "left_out": [asdict(left) for left in selection.left_out],
    }


def _protocol(protocol: Any) -> dict[str, Any]:
    """The facts about a protocol that reports need to label it."""
    return {name: getattr(protocol, name, None) for name in ("version", "title", "unit", "family", "ordered")}


def _model(name: str, selection: Selection, settings: Settings, weights: Checksums) -> dict[str, Any]:
    """What a model computes with; one that is trained on each task has checksums and words for every one."""
    trained = {what: value for (model, what), value in weights.trained.items() if model == name}
    own = weights.models[name]
    entry = {"weights": settings.weights if own or trained else None, "checksum": own}
    if not trained:
        return entry
    tasks = {c.task.name for part in selection.parts for c, model in part.pairs() if model == name}
    words = {task: training_in_words(files_of(name, task, settings.weights)) for task in sorted(tasks)}
    training = {task: said for task, said in words.items() if said}
    return entry | {"trained": trained} | ({"training": training} if training else {})


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a run that is continued, maybe with other models, protocols or tasks than before.

    Raises
    ------
    Failure
        If a model has other weights, or a task other data, than when the run began.
    """
    for what, identity in (("models", "checksum"), ("tasks", "fingerprint")):
        for name, entry in old.get(what, {}).items():
            before, now = (_identities(e, identity) for e in (entry, new[what].get(name, entry)))
            if any(now.get(task, value) != value for task, value in before.items()):
                raise Failure(
                    f"the output folder holds a run in which {name} had another {identity}; "
                    "choose another --output"
                )
    together = {
        name: old.get(name, {}) | new[name] for name in ("protocols", "models", "tasks", "tasks_found")
    }
    for name, entry in old.get("models", {}).items():
        own = together["models"][name]
        both = {what: entry[what] | own.get(what, {}) for what in ("trained", "training") if what in entry}
        together["models"][name] = own | both
    for name in ("all_arguments", "parts", "left_out"):
        together[name] = [item for item in old.get(name, ()) if item not in new[name]] + new[name]
    # The standard set is the shortest; what goes on beyond it are longer sets (Fig. 12, 13).
    together["images"] = min(filter(None, (old.get("images"), new["images"])), default=None)
    first = {name: old.get(name, new[name]) for name in ("created", "arguments")}
    return new | together | first


def _identities(entry: dict[str, Any], identity: str) -> dict[str | None, Any]:
    """What a model or a task is known by, a model that is trained on each task for every one."""
    return {None: entry[identity]} | entry.get("trained", {})


def _set_size(selection: Selection) -> int | None:
    """Images of a standard set, the shortest; None if sets are as long as a task, or there are none."""
    sizes = [part.experiment.config.images for part in selection.parts if part.ordered]
    return min(filter(None, sizes), default=None)


def _part(part: ExperimentPlan, settings: Settings) -> dict[str, Any]:
    """What one experiment of a run is, for people."""
    config = part.experiment.config
    return {
        "protocol": part.experiment.protocol,
        "version": part.protocol.version,
        "models": part.models,
        "split": config.split,
        "context": config.context,
        "images": config.images if part.ordered else config.eval_images,
        "tasks": len(part.tasks),
        "simulations": part.simulations(settings.simulations),
    }


def _task(chosen: SelectedTask) -> dict[str, Any]:
    return {"source": chosen.source, "fingerprint": chosen.fingerprint, **chosen.counts}


def _seed_model(settings: Settings, weights: Checksums) -> dict[str, Any] | None:
    if weights.seed is None:
        return None
    return {"name": SEED_MODEL, "weights": companion(settings.weights), "checksum": weights.seed}


def packages() -> dict[str, str | None]:
    """The versions of what computes the numbers; None where it is not installed."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def source_digest(root: Path, packages: Sequence[str]) -> str:
    """Of the program as it lies there: its source, and the tables and weights that come with it.

    Parameters
    ----------
    root : folder of the packages
    packages : their names

    Returns
    -------
    str
        The first 12 digits of a SHA-256.

    Raises
    ------
    Failure
        If there is neither source nor compiled code, so that two programs could not be told apart.
    """

    def files(pattern: str) -> list[Path]:
        return [path for name in packages for path in (root / name).glob(pattern) if path.is_file()]

    code = files("**/*.py") or files("**/*.pyc")
    if not code:
        raise Failure(f"{root} holds no source files of this program; install it in a folder of its own")
    total = hashlib.sha256()
    for file in sorted({*code, *files("*.csv"), *files("bundled/**/*.safetensors")}):
        total.update(f"{file.relative_to(root).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:12]


def git(root: Path) -> dict[str, Any]:
    """Commit of the working tree and whether it has changes; both None where `root` is no working tree."""
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
        # An installed copy may lie inside someone else's repository.
        if Path(top).resolve() == root:
            return {
                "commit": _git(root, "rev-parse", "HEAD"),
                "dirty": bool(_git(root, "status", "--porcelain")),
            }
    except (OSError, subprocess.CalledProcessError):
        pass
    return {"commit": None, "dirty": None}


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()
