"""The settings of a run: presets, and what options mean on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segbench.errors import Failure, UsageError
from segbench.models.named_weights import as_text, for_others
from segbench.models.registry import with_networks
from segbench.paths import expanded, user_cache
from segbench.protocols.config import CONTEXT_SIZES, Config


@dataclass(frozen=True)
class Preset:
    """The size of a run.

    Attributes
    ----------
    simulations : int
        Seeded passes over every task: orders of the images in experiment 1, draws of contexts in experiment 2
        (10 at most), draws of prompts for sets (5 at most).
    images : int or None
        Images of a simulation in experiment 1; None takes all of a task.
    longer_images : int or None
        Images of the longer simulations of the whole study (Fig. 12, 13); None takes all of a task.
    eval_images : int or None
        Images of a task in experiment 2, and in sets, there rounded up to whole sets of 8; None takes all.
    context_sizes : tuple of int
        Context sizes of experiment 2.
    max_steps : int or None
        Maximum of interactions; None takes each protocol's own.
    tasks : int or None
        Maximum of tasks, evenly spaced over all tasks of a kind; None takes all.
    phantoms : tuple of str
        Labels of the embedded phantoms that take part; empty takes all. Other data sets are not affected.
    """

    simulations: int
    images: int | None
    longer_images: int | None = None
    eval_images: int | None = None
    context_sizes: tuple[int, ...] = CONTEXT_SIZES
    max_steps: int | None = None
    tasks: int | None = None
    phantoms: tuple[str, ...] = ()

    def config(self, seed: int, target_dice: float, context: Any, split: Any, seed_image: Any) -> Config:
        """Return the configuration of the preset with the settings that no preset decides."""
        return Config(
            seed=seed,
            target_dice=target_dice,
            max_steps=self.max_steps,
            images=self.images,
            context=context,
            seed_image=seed_image,
            split=split,
            eval_images=self.eval_images,
            context_sizes=self.context_sizes,
        )


# One phantom task of each modality, from small and easy to thin structures that never reach the target.
# Most images of the first four reach it in less than the maximum, which leaves room to become worse.
CHECK_PHANTOMS = ("nucleus", "lesion", "lungs", "left-ventricle", "vessels", "vertebrae")

PRESETS = {
    "check": Preset(1, 3, max_steps=6, phantoms=CHECK_PHANTOMS),  # of the baseline bundled with `check`
    "smoke": Preset(1, 3, longer_images=4, eval_images=2, context_sizes=(1, 2, 4), max_steps=4, tasks=3),
    # Phantoms that the bundled models segment with few interactions, one of each kind of image: two minutes.
    "quick": Preset(
        5,
        8,
        longer_images=12,
        eval_images=4,
        context_sizes=(1, 2, 4, 8),
        phantoms=("right-ventricle", "lungs", "nucleus"),
    ),
    "full": Preset(1, 18, longer_images=24, eval_images=4, context_sizes=(1, 2, 4, 8, 16)),
    "paper": Preset(200, 18),
}


@dataclass(frozen=True)
class Settings:
    """Everything that decides the outcome of a run except its protocols, models and tasks."""

    config: Config  # from which all experiments of the run are derived
    simulations: int  # seeded passes over every task
    weights: str  # bundled, official, a path or an address; or some of these by the names of networks
    device: str  # cpu or cuda
    precision: str  # float32 or bfloat16

    @classmethod
    def resolve(cls, config: Config, simulations: int, options: Mapping[str, Any]) -> Settings:
        """Return the settings of a run; ``auto`` becomes a device and precision of this machine.

        Parameters
        ----------
        config : Config
        simulations : int
        options : mapping
            Values of ``weights``, ``device``, ``precision`` and ``scheduler``, as `segbench.run` takes them.
        """
        device = resolve_device(options["device"], remote=bool(options["scheduler"]))
        precision = resolve_precision(options["precision"], device)
        weights = with_networks(as_text(options["weights"]))
        return cls(config, simulations, weights, device, precision)

    def shared(self) -> dict[str, Any]:
        """Return the settings that all units of a run share."""
        names = ("seed", "target_dice", "max_steps", "seed_image")
        return {name: getattr(self.config, name) for name in names} | self.computation()

    def computation(self) -> dict[str, str]:
        """Return device, precision, and the weights of networks that are not named with others."""
        weights = for_others(self.weights)
        return {"weights": weights, "device": self.device, "precision": self.precision}


def resolve_preset(name: str, images: int | str | None, **changes: int | None) -> Preset:
    """Return a preset with changed fields.

    Parameters
    ----------
    name : str
        A name of `PRESETS`.
    images : int, "all" or None
        Images of a simulation in experiment 1 and of a task in experiment 2; None leaves the preset's.
    **changes : int or None
        Other fields of the preset; None leaves the preset's.
    """
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    fields: dict[str, int | None] = {key: value for key, value in changes.items() if value is not None}
    if images is not None:
        fields["images"] = fields["eval_images"] = None if images == "all" else int(images)
    return replace(PRESETS[name], **fields)  # type: ignore[arg-type]


def resolve_root(option: str | Path | None) -> Path:
    """Return the data folder: the option, else ``SEGBENCH_DATA``, else a folder of the user's cache."""
    given = option or os.environ.get("SEGBENCH_DATA")
    if given:
        return expanded(Path(given)).resolve()
    return user_cache("give the folder of the data sets by --data-root or SEGBENCH_DATA") / "data"


def resolve_device(option: str, remote: bool = False) -> str:
    """Return ``cpu`` or ``cuda``; ``auto`` takes a GPU if this machine has one.

    With `remote`, other machines compute and this one is not asked: ``auto`` is then ``cpu``.

    Raises
    ------
    Failure
        If a GPU is requested and this machine has none.
    """
    if remote:
        return "cpu" if option == "auto" else option
    import torch

    if option == "cuda" and not torch.cuda.is_available():
        raise Failure("this machine has no CUDA device; run with --device cpu")
    if option == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return option


def resolve_precision(option: str, device: str) -> str:
    """Return ``float32`` or ``bfloat16``; ``auto`` takes bfloat16 on hardware that computes in it."""
    if option != "auto":
        return option
    return "bfloat16" if device == "cuda" or _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def resolve_workers(option: int | None, device: str) -> int:
    """Return the number of worker processes: the option, else one per usable core, or one per GPU."""
    if option is not None:
        return option
    if device == "cuda":
        import torch

        return torch.cuda.device_count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
