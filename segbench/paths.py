"""Where the package lies, and where runs and trainings go by default."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
"""Holds the six packages: links in a clone, folders of an installed wheel."""

RUNS = Path("results/runs")
TRAINING = Path("results/training")  # `run` looks here for models that are trained on each task
