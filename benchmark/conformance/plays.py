"""Short runs of the protocols that take a model, so that what only a whole run shows is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import fmean

from segbench.benchmark.conformance.findings import Answer, passed, skipped
from segbench.benchmark.conformance.mock import scans, scribbled
from segbench.benchmark.conformance.subject import Subject
from segbench.protocols import cache
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS

MAX_STEPS = 2


def plays(subject: Subject) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """A short run of every built-in protocol that takes the model, each under its name."""
    for name in PROTOCOLS.builtin:
        if PROTOCOLS.get(name).unsupported_model(subject.able) is None:
            yield f"run {name}", partial(_play, name, subject)


def _play(name: str, subject: Subject) -> Answer:
    """One simulation on a mock task; it goes on until the model has been given a context."""
    from segbench.models import create_model

    protocol, able = PROTOCOLS.get(name), subject.able
    kind = getattr(protocol, "kind", "tasks")
    if kind == "scans" and not subject.answered:
        return skipped("how many classes the model tells apart is not known, as no query was answered")
    data = {
        "tasks": lambda: subject.data,
        "scribbles": scribbled,
        "scans": lambda: scans(subject.answered[0][1].shape[1]),
    }[kind]()
    config = Config(max_steps=MAX_STEPS, images=able.min_context + 2, eval_images=2, context_sizes=(1, 2))
    cache.forget()  # the model itself shall play, not one that was tried before
    seed = create_model("random-walker") if able.in_context or able.setwise else None
    records = protocol.run(data, subject.adapter, (0,), config, seed, subject.name)
    dice = fmean(row["dice"] for row in records.images)
    return passed(f"{len(records.images)} images, mean Dice {dice:.2f} on a mock task")
