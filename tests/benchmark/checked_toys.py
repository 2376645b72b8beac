"""The toy data set with enough subjects for a verdict of `check`."""

from __future__ import annotations

from toys import COUNTS, Toys


class Plenty(Toys):
    """The toy data set with twenty test subjects."""

    name = "plenty"
    counts = COUNTS | {"test": 20}
