"""What is segmented: tasks, splits, preprocessing and the data sources."""
