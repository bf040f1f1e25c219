"""A folder on disk to samples: datasets, splits, augmentation, and what networks read of them."""
