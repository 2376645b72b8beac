"""What is measured: the simulated annotator, the protocol engines and the metrics."""

from __future__ import annotations

from segbench.short_names import alias

alias(__name__)
