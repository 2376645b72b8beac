"""Tasks, their splits and preprocessing, and the data sets that they come from."""

from segbench.datasets.registry import Dataset, installed_datasets, load_dataset, open_dataset
from segbench.datasets.task import DataError, Task, TaskData
from segbench.short_names import alias

__all__ = ["DataError", "Dataset", "Task", "TaskData", "installed_datasets", "load_dataset", "open_dataset"]

alias(__name__)
