"""Words that several commands say."""

from __future__ import annotations


def some(count: int, what: str) -> str:
    """A number of things, as ``1 task`` or ``2 tasks``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
