"""Short runs of all protocols that can use a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import fmean

from segbench.benchmark.conformance.findings import Result, passed, skipped
from segbench.benchmark.conformance.mock import mock_scans, mock_scribbles
from segbench.benchmark.conformance.under_test import AdapterUnderTest
from segbench.protocols import cache
from segbench.protocols.config import Config
from segbench.protocols.registry import PROTOCOLS

MAX_STEPS = 2


def protocol_runs(under_test: AdapterUnderTest) -> Iterator[tuple[str, Callable[[], Result]]]:
    """Yield a short run of every built-in protocol that can use the model, each with its title.

    Variants of a protocol ask a model nothing new, except for those with boxes.
    """
    for name in PROTOCOLS.builtin:
        protocol = PROTOCOLS.get(name)
        repeats = protocol.variant and "boxes" not in protocol.prompts
        if not repeats and protocol.unsupported_model(under_test.capabilities) is None:
            yield f"run {name}", partial(_run, name, under_test)


def _run(name: str, under_test: AdapterUnderTest) -> Result:
    """Run one simulation on a mock task, long enough for the model to get a context."""
    from segbench.models import create_model

    protocol, capabilities = PROTOCOLS.get(name), under_test.capabilities
    if protocol.data_kind == "scans" and not under_test.answered:
        return skipped("the number of classes is unknown, as no query had a valid answer")
    data = {
        "tasks": lambda: under_test.data,
        "scribbles": mock_scribbles,
        "scans": lambda: mock_scans(classes=under_test.answered[0][1].shape[1]),
    }[protocol.data_kind]()
    images = capabilities.min_context + 2
    config = Config(max_steps=MAX_STEPS, images=images, eval_images=2, context_sizes=(1, 2))
    cache.forget()  # the model itself must predict, not an equal one that was tested before
    seed_model = create_model("random-walker") if capabilities.in_context or capabilities.setwise else None
    records = protocol.run(data, under_test.adapter, (0,), config, seed_model, under_test.name)
    dice = fmean(row["dice"] for row in records.images)
    return passed(f"{len(records.images)} images, mean Dice {dice:.2f} on a mock task")
