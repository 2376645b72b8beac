"""Manifest of a run: versions, commit, settings, weights and data, stored beside the records."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segbench.benchmark.plan import SEED_MODEL, RunPlan
from segbench.benchmark.selection import ExperimentPlan, SelectedTask
from segbench.benchmark.task_weights import training_facts, weight_files
from segbench.errors import Failure
from segbench.models.hub import is_official, trained_on
from segbench.models.named_weights import BUNDLED, weights_of
from segbench.models.registry import MODELS, facts, required_weights, weights_of_model
from segbench.models.remote import is_remote
from segbench.models.weights import companion
from segbench.paths import PACKAGE
from segbench.results.progress import abbreviated

# Packages that compute the numbers; the version of torch contains its build (CPU or CUDA).
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
# Entries of the manifest that must not change within a run, with their sections.
IDENTITIES = (
    *(("models", "checksum"), ("models", "version"), ("models", "source")),
    *(("protocols", "version"), ("protocols", "source"), ("tasks", "fingerprint")),
)
PROTOCOL_FACTS = ("version", "title", "unit", "family", "ordered", "max_steps")  # which reports use


def manifest(plan: RunPlan, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that is needed to repeat a run, as plain values for JSON.

    Parameters
    ----------
    plan : RunPlan
    arguments : mapping
        Options of the command that differ from the defaults.
    """
    selection, settings = plan.selection, plan.settings
    return {
        "version": _version("segbench"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git(PACKAGE.resolve().parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages(),
        "processors": [] if arguments.get("scheduler") else [processor(settings.device)],
        "arguments": dict(arguments),
        "all_arguments": [dict(arguments)],
        "plans": [{"arguments": dict(arguments), "units": abbreviated(unit.key for unit in plan.units)}],
        "settings": settings.shared(),
        "preset": plan.preset,
        "simulations": settings.simulations,
        "images": _set_size(selection.experiments),
        "protocols": {
            name: {fact: getattr(protocol, fact) for fact in PROTOCOL_FACTS}
            | {"title": protocol.title or name}
            | _source("protocol", name, plan)
            for name, protocol in selection.protocols().items()
        },
        "parts": [_experiment(experiment, settings.simulations) for experiment in selection.experiments],
        "models": {name: _model(name, plan) for name in plan.checksums.models},
        "seed_model": _seed_model(plan),
        "tasks": {task.task.name: _task(task) for task in selection.tasks()},
        "tasks_found": {task.task.name: _task(task) for task in selection.examined},
        "left_out": [asdict(excluded) for excluded in selection.excluded],
    }


def _model(name: str, plan: RunPlan) -> dict[str, Any]:
    """Return the weights of a model; a model that is trained on each task has checksums and facts by task."""
    weights, checksums = weights_of_model(plan.settings.weights, name), plan.checksums
    trained = {task: checksum for (model, task), checksum in checksums.trained.items() if model == name}
    version = getattr(MODELS.get(name), "version", None)
    entry: dict[str, Any] = {
        "weights": weights if checksums.models[name] or trained else None,
        "checksum": checksums.models[name],
        "licence": _licence(name, weights),
        "trained_on": _trained_on(name, weights),
        **_revision(checksums.pinned[name]),
        **({} if version is None else {"version": version}),
        **_source("model", name, plan),
        **({"environment": MODELS.get(name).environment} if is_remote(name) else {}),
    }
    if not trained:
        return entry
    pairs = (pair for experiment in plan.selection.experiments for pair in experiment.pairs())
    tasks = sorted({task.task.name for task, model in pairs if model == name})
    of_tasks = {task: training_facts(weight_files(name, task, weights)) for task in tasks}
    training = {task: known for task, known in of_tasks.items() if known}
    return entry | {"trained": trained} | ({"training": training} if training else {})


def _licence(name: str, weights: str) -> str:
    """Return the licence of a model with some weights; the bundled ones have that of this project."""
    if weights == BUNDLED and required_weights(name):
        return "MIT"
    official = all(is_official(network, weights) for network in required_weights(name))
    return facts(name)["licence"] if official else "not stated"


def _trained_on(name: str, weights: str) -> str:
    """Return what the weights of a model were trained on; one without weights states it itself."""
    required = required_weights(name)
    if not required:
        return facts(name)["trained_on"]
    texts = [trained_on(part, companion(weights) if i else weights) for i, part in enumerate(required)]
    return "; ".join(dict.fromkeys(texts))


def _revision(weights: str) -> dict[str, str]:
    """Return the commit of weights on a hub; empty for others."""
    return {"revision": weights.rpartition("@")[2]} if weights.startswith("hf:") else {}


def _source(kind: str, name: str, plan: RunPlan) -> dict[str, str]:
    """Return the digest of the source of a plug-in; empty for what comes with this project."""
    digest = plan.checksums.sources.get(f"source of {kind} {name}")
    return {"source": digest} if digest else {}


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a run that another command extends.

    Raises
    ------
    Failure
        If a model has other weights, a task other data, or a model or protocol another version or source,
        than when the run began.
    """
    for section, identity in IDENTITIES:
        for name, entry in old.get(section, {}).items():
            before, now = (_identities(e, identity) for e in (entry, new[section].get(name, entry)))
            if any(now.get(task, value) != value for task, value in before.items()):
                raise Failure(
                    f"the output folder holds a run in which {name} had another {identity}; "
                    "choose another --output"
                )
    both = {name: old.get(name, {}) | new[name] for name in ("protocols", "models", "tasks", "tasks_found")}
    for name, entry in old.get("models", {}).items():
        latest = both["models"][name]
        by_task = {key: entry[key] | latest.get(key, {}) for key in ("trained", "training") if key in entry}
        both["models"][name] = latest | by_task
    latest_plans = [plan["arguments"] for plan in new["plans"]]
    both["plans"] = [plan for plan in old.get("plans", ()) if plan["arguments"] not in latest_plans]
    both["plans"] += new["plans"]
    for name in ("all_arguments", "parts", "left_out", "processors"):
        both[name] = [item for item in old.get(name, ()) if item not in new[name]] + new[name]
    # The standard simulations are the shortest; the longer ones belong to Fig. 12 and 13.
    both["images"] = min(filter(None, (old.get("images"), new["images"])), default=None)
    return new | both | {name: old.get(name, new[name]) for name in ("created", "arguments")}


def _identities(entry: dict[str, Any], identity: str) -> dict[str | None, Any]:
    """Return the checksum or fingerprint of a model or task, and one per task for models trained on each."""
    return {None: entry.get(identity)} | (entry.get("trained", {}) if identity == "checksum" else {})


def _set_size(experiments: Sequence[ExperimentPlan]) -> int | None:
    """Return the images of a standard simulation, the shortest; None if they take all images of a task."""
    sizes = [plan.experiment.config.images for plan in experiments if plan.protocol.ordered]
    return min(filter(None, sizes), default=None)


def _experiment(plan: ExperimentPlan, simulations: int) -> dict[str, Any]:
    config = plan.experiment.config
    return {
        "protocol": plan.experiment.protocol,
        "version": plan.protocol.version,
        "models": plan.models,
        "split": config.split,
        "context": config.context,
        "images": config.images if plan.protocol.ordered else config.eval_images,
        "tasks": len(plan.tasks),
        "simulations": plan.simulations(simulations),
    }


def _task(task: SelectedTask) -> dict[str, Any]:
    return {"source": task.source, "fingerprint": task.fingerprint, **task.counts}


def _seed_model(plan: RunPlan) -> dict[str, Any] | None:
    if plan.checksums.seed is None:
        return None
    weights = weights_of(companion(plan.settings.weights), SEED_MODEL)
    return {"name": SEED_MODEL, "weights": weights, "checksum": plan.checksums.seed}


def packages() -> dict[str, str | None]:
    """Return the versions of the packages that compute the numbers; None if one is not installed."""
    return {name: _version(name) for name in PACKAGES}


def processor(device: str) -> str:
    """Return the name of the processor or GPU that computes on this machine."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.is_file() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def source_digest(root: Path, packages: Sequence[str]) -> str:
    """Return a digest of this program: its source, and the tables and weights that come with it.

    Parameters
    ----------
    root : Path
        Folder of the ground floor, which contains the packages.
    packages : sequence of str
        Names of the packages.

    Returns
    -------
    str
        The first 12 digits of a SHA-256.

    Raises
    ------
    Failure
        If the folder has neither source nor compiled files.
    """

    def files(pattern: str) -> list[Path]:
        return [path for name in packages for path in (root / name).glob(pattern) if path.is_file()]

    code = files("**/*.py") or files("**/*.pyc")
    if not code:
        raise Failure(f"{root} holds no source files of this program; install it in a folder of its own")
    code += root.glob("*.py")
    total = hashlib.sha256()
    for file in sorted({*code, *files("*.csv"), *files("bundled/**/*.safetensors")}):
        total.update(f"{file.relative_to(root).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:12]


def git(root: Path) -> dict[str, Any]:
    """Return the commit of a working tree and whether it has changes; both None if `root` is not its top."""
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
        # An installed copy may lie inside another repository.
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
