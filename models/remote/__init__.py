"""Models in environments of their own: an adapter whose predictions are made by a worker process.

`segbench_worker` is the worker and the format of its messages, `connection` the benchmark's end of it, and
`adapter` the class that a run sees.
"""

from __future__ import annotations

from segbench.models.remote.adapter import RemoteModel, forget, remote_model
from segbench.models.remote.connection import WorkerError, is_remote

__all__ = ["RemoteModel", "WorkerError", "forget", "is_remote", "remote_model"]
