"""What happened: tables of records, their store and their statistics."""

from segbench.results import statistics
from segbench.results.reading import Results, load
from segbench.results.reference import published
from segbench.results.store import Run, StoreError
from segbench.short_names import alias

__all__ = ["Results", "Run", "StoreError", "load", "published", "statistics"]

alias(__name__)
