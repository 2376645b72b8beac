"""Computation of units: in this process, in worker processes or on a Dask cluster, resumably."""

from segbench.benchmark.execution.cluster import Backend
from segbench.benchmark.execution.resume import count_finished, resume
from segbench.benchmark.execution.run_units import execute

__all__ = ["Backend", "count_finished", "execute", "resume"]
