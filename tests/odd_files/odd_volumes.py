"""Odd files of volumes; see `odd.Odd`."""

from __future__ import annotations

from odd import Odd

VOLUMES: list[Odd] = []
