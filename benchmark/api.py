"""The commands as functions, for notebooks and scripts."""

from __future__ import annotations

from segbench.benchmark.cli.report import report
from segbench.benchmark.cli.run import run
from segbench.benchmark.regression.checking import check
from segbench.benchmark.regression.comparison import compare

__all__ = ["check", "compare", "report", "run"]
