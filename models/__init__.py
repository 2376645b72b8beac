"""Who is measured: adapters, networks, weights and training."""
