"""Odd files of pictures; see `odd.Odd`."""

from __future__ import annotations

from odd import Odd

PICTURES: list[Odd] = []
