"""The built-in losses and their weighted sums."""
