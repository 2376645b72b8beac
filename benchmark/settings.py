"""What the options mean on this machine: presets, data folder, device, precision, workers."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import Failure, Usage
from protocols.config import Config


@dataclass(frozen=True)
class Preset:
    """How much is measured: simulations of every task and test images of every simulation."""

    simulations: int
    images: int


PRESETS = {
    "smoke": Preset(simulations=1, images=4),
    "quick": Preset(simulations=1, images=18),
    "paper": Preset(simulations=200, images=18),
}


@dataclass(frozen=True)
class Settings:
    """All that decides the outcome of a run besides its protocols, models and tasks.

    Attributes
    ----------
    config : Config
        The protocol's settings.
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
        """All settings in one level, as the manifest and the units' keys have them."""
        others = {"weights": self.weights, "device": self.device, "precision": self.precision}
        return asdict(self.config) | others


def resolve_preset(name: str, simulations: int | None, images: int | None) -> Preset:
    """A preset, or what is given instead of its numbers."""
    if name not in PRESETS:
        raise Usage(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    preset = PRESETS[name]
    return Preset(simulations or preset.simulations, images or preset.images)


def resolve_root(option: str | Path | None) -> Path:
    """The data folder: the option, else ``SEGBENCH_DATA``, else the user's cache."""
    if option or os.environ.get("SEGBENCH_DATA"):
        return Path(option or os.environ["SEGBENCH_DATA"]).expanduser().resolve()
    import platformdirs

    return platformdirs.user_cache_path("segbench") / "data"


def resolve_settings(
    config: Config, simulations: int, weights: str | Path, device: str, precision: str
) -> Settings:
    """Settings with ``auto`` replaced by what this machine has."""
    device = resolve_device(device)
    return Settings(config, simulations, str(weights), device, resolve_precision(precision, device))


def resolve_device(option: str) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU where there is one.

    Raises
    ------
    Failure
        If a GPU is asked for and there is none.
    """
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
