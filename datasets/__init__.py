"""What is segmented: tasks, splits, preprocessing and the data sources."""

from datasets.registry import installed, load, source
from datasets.task import DataError, Task, TaskData

__all__ = ["DataError", "Task", "TaskData", "installed", "load", "source"]
