"""Words that several commands say."""

from __future__ import annotations


def plain(text: str) -> str:
    """One line as it is, but for what a terminal would obey: that is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def some(count: int, what: str) -> str:
    """A number of things, as ``1 task`` or ``2 tasks``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
