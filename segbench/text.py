"""Text for people."""

from __future__ import annotations


def printable(text: str) -> str:
    """Spell out all characters that a terminal would obey instead of showing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def count_of(count: int, noun: str) -> str:
    """A number with its noun.

    Examples
    --------
    >>> count_of(1, "task"), count_of(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
