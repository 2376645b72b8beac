"""Where the tool writes unless told otherwise, relative to where one works."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("results/runs")
TRAINING = Path("results/training")  # where `run` also finds models that are trained on each task
