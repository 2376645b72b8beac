"""Odd files of commands; see `odd.Odd`."""

from __future__ import annotations

from odd import Odd

COMMANDS: list[Odd] = []
