"""What happened: tables of records, their store and their statistics."""

from results import statistics
from results.reading import Results, load
from results.reference import published
from results.store import Run, StoreError

__all__ = ["Results", "Run", "StoreError", "load", "published", "statistics"]
