"""What a check of an adapter says, and how the failure of a plug-in becomes part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

Verdict = Literal["passed", "failed", "note", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes
    ----------
    check : str
    verdict : {"passed", "failed", "note", "skipped"}
        A note is no mistake, but something that the author of the model should know.
    detail : str
        One sentence.
    """

    check: str
    verdict: Verdict
    detail: str


class Answer(NamedTuple):
    """A verdict with its reason, before it is known of which check."""

    verdict: Verdict
    detail: str


passed = partial(Answer, "passed")
failed = partial(Answer, "failed")
noted = partial(Answer, "note")
skipped = partial(Answer, "skipped")

MODES = "torch's default type, gradient mode, number of threads or choice of algorithms"
BREAKS = (Exception, SystemExit)  # what a plug-in may do instead of answering; Ctrl-C is the user's


def tried(check: str, model: str, function: Callable[..., Answer], *given: Any) -> Finding:
    """The finding of a check; if the model breaks it off, that is a failure of the model."""
    try:
        return Finding(check, *function(*given))
    except BREAKS as error:
        return Finding(check, "failed", f"the model {model} failed in the check {check!r}: {said(error)}")


def said(error: BaseException) -> str:
    """The kind of an exception and its message, in one line."""
    return ": ".join(filter(None, [type(error).__name__, " ".join(str(error).split())]))
