"""Conformance checks: test an adapter on mock tasks, in a minute or less."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from segbench.benchmark.conformance.findings import (
    MODES,
    Finding,
    Result,
    failed,
    passed,
    run_check,
)
from segbench.errors import UsageError
from segbench.registry import PluginError

__all__ = ["Finding", "examine"]


def examine(name: str, weights: str = "bundled", device: str = "cpu") -> list[Finding]:
    """Test an adapter: its metadata, its answers to all kinds of query, and a run of each protocol.

    All errors of the model, exceptions included, become findings. The states of global random generators and
    torch's modes are the same afterwards. On a CPU the checks use one thread.

    Parameters
    ----------
    name : str
        A model: a name of `MODELS`, an entry point's, ``module:Class``, or ``NAME@/path/to/python``.
    weights : str
        ``bundled``, ``official``, a file or a folder, as for `create_model`. A model that is trained on each
        task needs the weights of one task: a folder, or for the protocol ``supervised`` a file.
    device : str
        Torch device.

    Returns
    -------
    list of Finding
        In the order of the checks. The model conforms if none has ``failed``.

    Raises
    ------
    UnknownName
        If there is no such model.
    UsageError
        If the model is trained on each task, and no weights are given.
    """
    import torch

    from segbench.benchmark.conformance.process_state import restored_modes, temporary_seed
    from segbench.models.remote import forget

    forget()  # a model of another environment may have been edited
    with temporary_seed(1), restored_modes():
        torch.set_num_threads(1)  # as in the workers of a run on a CPU
        return list(_findings(name, weights, device))


def _findings(name: str, weights: str, device: str) -> Iterator[Finding]:
    from segbench.benchmark.conformance.checks import CHECKS
    from segbench.benchmark.conformance.metadata import check_attributes, check_capabilities
    from segbench.benchmark.conformance.protocol_runs import protocol_runs
    from segbench.benchmark.conformance.under_test import AdapterUnderTest
    from segbench.models import MODELS, create_model

    try:
        model = MODELS.get(name)
    except PluginError as error:
        yield Finding("import", "failed", str(error))
        return
    capabilities = run_check("capabilities", name, check_capabilities, model)
    yield capabilities
    if capabilities.verdict == "failed":
        return
    if model.capabilities.needs_training and weights in ("bundled", "official"):
        raise UsageError(
            f"{name} is trained on each task and cannot be tested without weights; give a file or folder of "
            "its weights by --weights"
        )
    create = partial(create_model, name, weights, device)
    adapters: list[Any] = []
    yield run_check("creation", name, _check_creation, create, adapters)
    if not adapters:
        return
    attributes = run_check("attributes", name, check_attributes, model, adapters[0])
    yield attributes
    if attributes.verdict == "failed":
        return
    under_test = AdapterUnderTest(name, adapters[0], create)
    for title, check in CHECKS.items():
        yield run_check(title, name, check, under_test)
    for title, check_run in protocol_runs(under_test):
        yield run_check(title, name, check_run)


def _check_creation(create: Any, adapters: list[Any]) -> Result:
    """Create an adapter, which is appended to `adapters`, and compare the state of the process."""
    from segbench.benchmark.conformance.process_state import (
        generator_states,
        modes,
        restored_modes,
        temporary_seed,
    )

    before = modes()
    with restored_modes():
        adapters.append(create())
        first, changed = generator_states(), modes() != before
    with temporary_seed(4), restored_modes():
        create()
        second = generator_states()
    # A constructor may draw weights at random; equal states after different seeds mean that it sets the seed.
    if any(one == other for one, other in zip(first, second, strict=True)):
        return failed("the constructor seeds a global random generator; create a separate generator instead")
    if changed:
        return failed(f"the constructor changes {MODES}, which affects the whole process")
    return passed(f"an instance of {type(adapters[0]).__qualname__}")
