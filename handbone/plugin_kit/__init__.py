"""For authors of plugins: contracts, pytest fixtures, a new package and its check."""
