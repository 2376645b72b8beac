"""What is segmented: tasks, splits, preprocessing and the data sources."""

from segbench.datasets.registry import installed, load, source
from segbench.datasets.task import DataError, Task, TaskData
from segbench.short_names import alias

__all__ = ["DataError", "Task", "TaskData", "installed", "load", "source"]

alias(__name__)
