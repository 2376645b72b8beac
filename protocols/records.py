"""What a protocol returns: rows for the two record tables."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Records:
    """Rows whose columns are declared in the results' schema.

    Attributes
    ----------
    steps : one row per prediction
    images : one row per image
    """

    steps: list[dict] = field(default_factory=list)
    images: list[dict] = field(default_factory=list)
