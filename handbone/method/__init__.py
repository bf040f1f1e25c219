"""The method: `coarse`, `roi`, `refine` and `merge` are its steps, in this order; `two_stage` joins them."""
