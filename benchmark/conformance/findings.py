"""Findings of the conformance checks; an exception in a plug-in becomes a finding, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from segbench.errors import SegbenchError
from segbench.registry import no_exit

Verdict = Literal["passed", "failed", "note", "skipped"]


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes
    ----------
    check : str
    verdict : {"passed", "failed", "note", "skipped"}
        A note is not an error, but a fact that the author of the model should know.
    detail : str
        One sentence.
    """

    check: str
    verdict: Verdict
    detail: str


class Result(NamedTuple):
    """A verdict with its reason, without the name of the check."""

    verdict: Verdict
    detail: str


passed = partial(Result, "passed")
failed = partial(Result, "failed")
noted = partial(Result, "note")
skipped = partial(Result, "skipped")

MODES = "torch's default type, gradient mode, number of threads or choice of algorithms"


def run_check(check: str, model: str, function: Callable[..., Result], *arguments: Any) -> Finding:
    """Return the finding of a check; an exception is a failure of the model."""
    try:
        with no_exit("it"):
            return Finding(check, *function(*arguments))
    except Exception as error:
        return Finding(check, "failed", f"the model {model} failed in the check {check!r}: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """Return the kind of an exception and its message in one line; the message only of one for people."""
    kind = "" if isinstance(error, SegbenchError) else type(error).__name__
    return ": ".join(filter(None, [kind, " ".join(str(error).split())]))
