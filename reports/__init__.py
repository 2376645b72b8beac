"""What people read: figures, tables and the page, computed from results alone."""

from reports.build import build

__all__ = ["build"]
