"""Figures, tables and the report page, computed from results alone."""

from segbench.short_names import alias

alias(__name__)
