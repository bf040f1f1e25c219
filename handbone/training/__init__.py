"""One engine for every network: training, weights files, and inference."""
