"""The method: `coarse` reads the picture, `crop` places the window, `refine` reads it, `merge` joins; `two_stage` is all."""
