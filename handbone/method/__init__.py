"""The method: `coarse`, `crop`, `refine` and `merge` are its steps, in this order; `two_stage` joins them."""
