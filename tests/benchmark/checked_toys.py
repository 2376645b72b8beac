"""What the tests of `check` and `compare` measure: toys with enough subjects for a verdict."""

from __future__ import annotations

from toys import COUNTS, Toys


class Plenty(Toys):
    """The toys with twenty test subjects."""

    name = "plenty"
    counts = COUNTS | {"test": 20}
