"""False alarms and power of ``check``.

Usage: python tests/performance/honest_repetitions.py [--repetitions 200] [--models NAMES] [--datasets NAMES]

False alarms: the sequential protocols with other seeds, each repetition checked against the first.
Power: the same records with interactions added, checked against the first repetition and, as with the
baseline's seed, against themselves; also the bundled baseline with one model made worse. Settings are
those of the bundled baseline: at most 6 interactions, float32, CPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from segbench.benchmark.regression.baseline import read
from segbench.benchmark.regression.checking import BUNDLED
from segbench.datasets.registry import find_source
from segbench.models import create_model
from segbench.protocols.cache import forget
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS
from segbench.results.regression import MEASURES, differences, with_verdicts
from segbench.results.schema import IMAGES, typed

NAMES = [measure.name for measure in MEASURES]
ADDED = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5)  # interactions of an image, on average
SEED_MODEL = "scribbleprompt"
ONE = ("multiverseg", "center-clicks")


def repetitions(count: int, models: list[str], datasets: list[str], images: int) -> Iterator[pd.DataFrame]:
    """The records of the protocols under one seed after another."""
    adapters = {name: create_model(name) for name in models}
    seeding = create_model(SEED_MODEL)
    root = Path()  # for what is made up no folder is needed
    sources = [find_source(name, root) for name in datasets]
    data = [each.load(task, root) for each in sources for task in each.tasks(root)]
    for seed in range(count):
        config = Config(seed=seed, images=images, max_steps=6)
        rows: list[dict] = []
        for protocol in map(PROTOCOLS.get, ("center-clicks", "centerline-scribbles")):
            for task in data:
                for name, adapter in adapters.items():
                    rows += protocol.run(task, adapter, [0], config, seeding, name).images
        forget()  # what was segmented alone is remembered for other models only
        yield typed(rows, IMAGES)


def alarms(old: list[pd.DataFrame], new: list[pd.DataFrame]) -> float:
    """The share of pairs of tables, each checked on its own, that raise an alarm.

    All are compared in one call, as a data set each, since that is faster.
    """
    tables = [
        pd.concat(each.assign(dataset=f"{number}") for number, each in enumerate(found))
        for found in (old, new)
    ]
    table = differences(*tables, NAMES)
    return float(
        np.mean([(with_verdicts(rows).verdict == "regression").any() for _, rows in table.groupby("dataset")])
    )


def worse(
    tables: list[pd.DataFrame], added: float, rng: np.random.Generator, only: tuple[str, str] | None = None
) -> list[pd.DataFrame]:
    """Tables with so many interactions more on average, drawn for each image; maybe of one model only."""
    found = []
    for table in tables:
        more = rng.poisson(added, len(table))
        if only is not None:
            more *= ((table.model == only[0]) & (table.protocol == only[1])).to_numpy()
        found.append(table.assign(interactions=table.interactions + more))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--models", default="scribbleprompt")
    parser.add_argument("--datasets", default="phantoms")
    parser.add_argument("--images", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    played = repetitions(
        given.repetitions + 1, given.models.split(","), given.datasets.split(","), given.images
    )
    first, *others = played
    means = first.groupby(["protocol", "model"], observed=True).interactions.mean()
    print(f"mean interactions:\n{means.to_string()}")
    baseline = [first] * len(others)
    print(f"alarms: {alarms(baseline, others):.1%} of {len(others)} repetitions")
    bundled = [read(BUNDLED).images] * len(others)
    rng = np.random.default_rng(0)
    for added in ADDED:
        same, other = alarms(others, worse(others, added, rng)), alarms(baseline, worse(others, added, rng))
        print(f"{added} interactions more: found in {same:.0%} with the same seed, {other:.0%} with another")
        smoke = alarms(bundled, worse(bundled, added, rng, ONE))
        print(f"  in the bundled baseline, {' in '.join(ONE)} only: {smoke:.0%}", flush=True)


if __name__ == "__main__":
    main()
