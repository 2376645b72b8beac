"""What people read: figures, tables and the page, computed from results alone."""
