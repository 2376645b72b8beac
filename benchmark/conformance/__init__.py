"""Whether an adapter is what the protocols take it for: it is tried on mock tasks, in a minute or less."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from segbench.benchmark.conformance.findings import (
    BREAKS,
    MODES,
    Answer,
    Finding,
    failed,
    passed,
    said,
    tried,
)
from segbench.errors import UsageError

__all__ = ["Finding", "examine"]


def examine(name: str, weights: str = "bundled", device: str = "cpu") -> list[Finding]:
    """Try an adapter: what it says of itself, its answers to all kinds of query, and a run of each protocol.

    Whatever the model does wrong, exceptions included, is a finding; nothing is raised for it. Global random
    generators and torch's modes are afterwards as they were before. On a CPU it takes one thread.

    Parameters
    ----------
    name : str
        A model: a name of `MODELS`, an entry point's, or ``module:Class``.
    weights : str
        ``bundled``, ``official``, a file or a folder, as `create_model` takes them. A model that is trained
        on each task needs those of one task: a folder, or for ``supervised`` a file.
    device : str
        Torch device.

    Returns
    -------
    list of Finding
        In the order of the checks. The model is in order if none has ``failed``.

    Raises
    ------
    UnknownName
        If there is no such model.
    UsageError
        If it is trained on each task, and no weights are named.
    """
    import torch

    from segbench.benchmark.conformance.state import same_modes, seeded

    with seeded(1), same_modes():
        torch.set_num_threads(1)  # as the workers of a run have it on a CPU
        return list(_findings(name, weights, device))


def _findings(name: str, weights: str, device: str) -> Iterator[Finding]:
    from segbench.benchmark.conformance.checks import CHECKS
    from segbench.benchmark.conformance.declared import attributes, capabilities
    from segbench.benchmark.conformance.plays import plays
    from segbench.benchmark.conformance.subject import Subject
    from segbench.models import MODELS, create_model
    from segbench.registry import UnknownName

    try:
        model = MODELS.get(name)
    except UnknownName:
        raise
    except BREAKS as error:
        yield Finding("import", "failed", f"the model {name} cannot be imported: {said(error)}")
        return
    declared = tried("capabilities", name, capabilities, model)
    yield declared
    if declared.verdict == "failed":
        return
    if model.capabilities.needs_training and weights in ("bundled", "official"):
        raise UsageError(
            f"nothing was tried, as {name} is trained on each task; name a file or folder of its weights by "
            "--weights"
        )
    make = partial(create_model, name, weights, device)
    made: list[Any] = []
    yield tried("creation", name, _created, make, made)
    if not made:
        return
    yield (own := tried("attributes", name, attributes, model, made[0]))
    if own.verdict == "failed":
        return
    subject = Subject(name, made[0], make)
    for title, check in CHECKS.items():
        yield tried(title, name, check, subject)
    for title, play in plays(subject):
        yield tried(title, name, play)


def _created(make: Any, made: list[Any]) -> Answer:
    from segbench.benchmark.conformance.state import generators, modes, same_modes, seeded

    before = modes()
    with same_modes():
        made.append(make())
        drawn, changed = generators(), modes() != before
    with seeded(4), same_modes():
        make()
        again = generators()
    # To draw weights is no fault; but a generator that was seeded goes on as if nothing had been before.
    if any(one == other for one, other in zip(drawn, again, strict=True)):
        return failed("the constructor seeds a global random generator; seed one of its own")
    if changed:
        return failed(f"the constructor changes {MODES}, which is the whole process's")
    return passed(f"an instance of {type(made[0]).__qualname__}")
