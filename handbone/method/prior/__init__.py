"""The anatomical prior: a network that knows what masks of a hand look like, and has never seen a radiograph."""
