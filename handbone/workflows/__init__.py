"""What commands other than `run` do: predict, refine, ensemble, export, compare and check labels."""
