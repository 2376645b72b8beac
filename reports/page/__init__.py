"""The HTML page that shows a report as a whole."""
