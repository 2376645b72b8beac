"""What the options mean on this machine: presets, data folder, device, precision, workers."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from segbench.errors import Failure, UsageError
from segbench.protocols.config import CONTEXT_SIZES, Config


@dataclass(frozen=True)
class Preset:
    """How much is measured.

    Attributes
    ----------
    simulations : int
        Seeded passes over every task; of experiment 2, draws of contexts (10 at most), and of sets, draws of
        prompts (5 at most).
    images : int or None
        Images of a pass in experiment 1; None takes all of a task.
    longer : int or None
        Images of the longer passes of the whole study (Fig. 12, 13); None takes all of a task.
    eval_images : int or None
        Images of a task in experiment 2, and in sets, there rounded up to whole sets of 8; None takes all.
    context_sizes : tuple of int
        Of experiment 2.
    max_steps : int or None
        Interactions at most; None takes each protocol's own.
    tasks : int or None
        Tasks at most, evenly spaced over all there are; None takes all.
    """

    simulations: int
    images: int | None
    longer: int | None = None
    eval_images: int | None = None
    context_sizes: tuple[int, ...] = CONTEXT_SIZES
    max_steps: int | None = None
    tasks: int | None = None

    def config(self, seed: int, target_dice: float, context: Any, split: Any) -> Config:
        """What its experiments begin with, together with what no preset decides."""
        much = self.max_steps, self.images, context, split, self.eval_images, self.context_sizes
        return Config(seed, target_dice, *much)


PRESETS = {
    "smoke": Preset(1, 3, longer=4, eval_images=2, context_sizes=(1, 2, 4), max_steps=4, tasks=3),
    "quick": Preset(1, 18, longer=24, eval_images=4, context_sizes=(1, 2, 4, 8, 16)),
    "paper": Preset(200, 18),
}


@dataclass(frozen=True)
class Settings:
    """All that decides the outcome of a run besides its protocols, models and tasks.

    Attributes
    ----------
    config : Config
        The settings that its experiments begin with.
    simulations : int
        Seeded passes over every task.
    weights : str
        ``bundled``, ``official`` or a checkpoint file.
    device : {"cpu", "cuda"}
    precision : {"float32", "bfloat16"}
    """

    config: Config
    simulations: int
    weights: str
    device: str
    precision: str

    def flat(self) -> dict[str, Any]:
        """What all units of a run share, in one level; what may differ stands in the records."""
        config = asdict(self.config)
        shared = {name: config[name] for name in ("seed", "target_dice", "max_steps")}
        return shared | self.computation()

    def computation(self) -> dict[str, str]:
        """With what the models compute."""
        return {"weights": self.weights, "device": self.device, "precision": self.precision}


def resolve_preset(name: str, images: int | str | None, **given: int | None) -> Preset:
    """A preset, or what is given instead; ``images``, a number or ``all``, are those of both experiments."""
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    changes: dict[str, int | None] = {key: value for key, value in given.items() if value is not None}
    if images is not None:
        changes["images"] = changes["eval_images"] = None if images == "all" else int(images)
    return replace(PRESETS[name], **changes)  # type: ignore[arg-type]


def resolve_root(option: str | Path | None) -> Path:
    """The data folder: the option, else ``SEGBENCH_DATA``, else the user's cache."""
    if option or os.environ.get("SEGBENCH_DATA"):
        return Path(option or os.environ["SEGBENCH_DATA"]).expanduser().resolve()
    import platformdirs

    return platformdirs.user_cache_path("segbench") / "data"


def resolve_settings(
    config: Config,
    simulations: int,
    weights: str | Path,
    device: str,
    precision: str,
    elsewhere: bool = False,
) -> Settings:
    """Settings with ``auto`` replaced by what this machine has; `elsewhere` says that others compute."""
    device = resolve_device(device, elsewhere)
    return Settings(config, simulations, str(weights), device, resolve_precision(precision, device))


def resolve_device(option: str, elsewhere: bool = False) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU where there is one.

    Where other machines compute, this one's GPUs do not matter: ``auto`` is then ``cpu``.

    Raises
    ------
    Failure
        If a GPU is asked for and there is none.
    """
    if elsewhere:
        return "cpu" if option == "auto" else option
    import torch

    if option == "cuda" and not torch.cuda.is_available():
        raise Failure("no CUDA device is available here; run with --device cpu")
    if option == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return option


def resolve_precision(option: str, device: str) -> str:
    """``float32`` or ``bfloat16``; ``auto`` takes bfloat16 where the hardware computes in it."""
    if option != "auto":
        return option
    return "bfloat16" if device == "cuda" or _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def resolve_workers(option: int | None, device: str) -> int:
    """The number of worker processes: one per usable core, or one per GPU."""
    if option is not None:
        return option
    if device == "cuda":
        import torch

        return torch.cuda.device_count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
