"""Figures, tables and the report page, computed from results alone."""

from segbench.reports.build import build
from segbench.short_names import alias

__all__ = ["build"]

alias(__name__)
