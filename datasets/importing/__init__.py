"""Import of data sets: files are read once into a compact store, from which tasks are loaded quickly."""

from segbench.datasets.importing.formats import FORMATS, ImportOptions, find_reader
from segbench.datasets.importing.imported import ImportedDataset, PublicDataset, SecondReader
from segbench.datasets.importing.importer import import_dataset, read_split

__all__ = [
    "FORMATS",
    "ImportOptions",
    "ImportedDataset",
    "PublicDataset",
    "SecondReader",
    "find_reader",
    "import_dataset",
    "read_split",
]
