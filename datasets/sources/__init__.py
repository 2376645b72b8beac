"""One module per public data set; each reads the layout in which its authors released it."""
