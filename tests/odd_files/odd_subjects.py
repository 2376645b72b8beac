"""Odd files of subjects; see `odd.Odd`."""

from __future__ import annotations

from odd import Odd

SUBJECTS: list[Odd] = []
