"""Computation of units: in this process, in worker processes or on a Dask cluster, resumably."""

from segbench.benchmark.execution.cluster import Backend
from segbench.benchmark.execution.estimate import estimate_lines
from segbench.benchmark.execution.resume import resume, unfinished
from segbench.benchmark.execution.run_units import execute

__all__ = ["Backend", "estimate_lines", "execute", "resume", "unfinished"]
