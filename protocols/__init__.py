"""What is measured: the simulated annotator, the protocol engines and the metrics."""
