"""What each part of the staged recipe gives MultiverSeg: trainings of equal processor time without one part.

Usage: python tests/performance/ablation.py OUTPUT START [--minutes 8] [--arms full,real,...]
       [--datasets ../shared/data/training] [--data-root ../shared/data]

START is a ScribblePrompt of width 64, with which each training but ``transplant`` begins. A training has the
stages of the preset ``real``, with as many batches as fit into its minutes of one core. Networks are then
compared as by choose.py. The teacher is the bundled ScribblePrompt.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from choose import SETS, measure, printed, summary

from segbench.models.training import presets
from segbench.models.training.checkpointed import run_training
from segbench.models.training.loop import Training
from segbench.models.training.presets import Preset, Stage
from segbench.models.training.real_tasks import TrainingSet, read_training_sets

MODEL = "multiverseg"
SHARES = (0.35, 0.25, 0.4)  # of the time, by stage
TRIED = 6  # batches of each stage whose time is taken


def _stages(preset: Preset, **fields: object) -> Preset:
    return replace(preset, stages=tuple(replace(stage, **fields) for stage in preset.stages))  # type: ignore[arg-type]


def _short(preset: Preset) -> Preset:
    return replace(preset, stages=tuple(replace(stage, steps=min(stage.steps, 2)) for stage in preset.stages))


FULL = presets.PRESETS["real"][MODEL]
ARMS = {
    "full": FULL,
    "real": replace(FULL, real=0.0),
    "transplant": FULL,  # from random weights
    "distillation": _stages(FULL, distillation=0.0),
    "scribbles": replace(FULL, scribbles=False),
    "sequences": _short(FULL),  # of two interactions
    "predictions": _stages(FULL, predicted=0.0),  # in the context
}


def training(preset: Preset, output: Path, sets: list[TrainingSet], start: str | None) -> Training:
    """A training on one core by a preset."""
    presets.PRESETS["ablation"] = {MODEL: preset}
    tasks = [task for one in sets for task in one.tasks]
    credits = [one.credit for one in sets]
    return Training(MODEL, "ablation", output, 0, "cpu", "bfloat16", start, tasks, credits)


def seconds_of(stage: Stage, preset: Preset, sets: list[TrainingSet]) -> float:
    """Processor time of a batch of a stage."""
    with tempfile.TemporaryDirectory() as folder:
        tried = training(
            replace(preset, stages=(replace(stage, batches=TRIED + 1),)), Path(folder), sets, None
        )
        tried.batch(0)
        start = time.process_time()
        for index in range(1, TRIED + 1):
            tried.batch(index)
        return (time.process_time() - start) / TRIED


def fitted(preset: Preset, minutes: float, sets: list[TrainingSet]) -> Preset:
    """The preset with the numbers of batches that take so many minutes."""
    stages = []
    for stage, share in zip(preset.stages, SHARES, strict=True):
        batches = round(60 * minutes * share / seconds_of(stage, preset, sets))
        stages.append(replace(stage, batches=max(1, batches)))
    return replace(preset, stages=tuple(stages))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("start")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--datasets", type=Path, default=Path("../shared/data/training"))
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--simulations", type=int, default=1)
    parser.add_argument("--precision", default="bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = read_training_sets(options.datasets)
    for arm in options.arms.split(","):
        used = sets if ARMS[arm].real else []
        preset = fitted(ARMS[arm], options.minutes, used)
        start = None if arm == "transplant" else options.start
        begun = time.process_time()
        weights = run_training(training(preset, options.output / arm, used, start))
        batches = " + ".join(str(stage.batches) for stage in preset.stages)
        print(f"{arm}: {batches} batches in {(time.process_time() - begun) / 60:.1f} minutes", flush=True)
        for dataset in SETS:
            table = summary(measure(MODEL, str(weights), dataset, options), ["dataset"])
            print(printed(arm, dataset, table.groupby("protocol").mean()), flush=True)


if __name__ == "__main__":
    main()
