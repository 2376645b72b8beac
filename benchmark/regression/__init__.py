"""Regression checks: compare a run with a baseline, or two runs with each other."""

from segbench.benchmark.regression.checking import CheckResult, check
from segbench.benchmark.regression.comparison import Comparison, compare

__all__ = ["CheckResult", "Comparison", "check", "compare"]
