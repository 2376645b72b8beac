"""What happened: tables of records, their store and their statistics."""

from results import statistics
from results.reference import published
from results.store import Results, Run, StoreError, load

__all__ = ["Results", "Run", "StoreError", "load", "published", "statistics"]
