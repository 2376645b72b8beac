"""``run``: measure models, resumably."""

from __future__ import annotations

from segbench.benchmark.api import run
from segbench.benchmark.cli.options import IMAGES, SHARE, command_of, options_of, texts_of

command = command_of(
    "run",
    run,
    "Measure models on tasks.\n\nThe same command continues an interrupted run.",
    "python -m benchmark run --protocol center-clicks --datasets phantoms --simulations 20",
    *options_of(
        run,
        texts_of(run),
        images={"type": IMAGES, "metavar": "N|all"},
        tasks={"metavar": "PATTERNS"},
        target_dice={"type": SHARE},
        weights={"metavar": "WEIGHTS"},
        scheduler={"metavar": "ADDRESS"},
        output={"metavar": "DIR|URL"},
    ),
)
