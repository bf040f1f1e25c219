"""`handbone adapt`: weights that fit a group's own radiographs, without labels, by self-training."""
