"""What is measured: protocols, simulated annotators and metrics."""

from __future__ import annotations

from segbench.short_names import alias

alias(__name__)
