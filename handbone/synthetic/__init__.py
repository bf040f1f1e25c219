"""Synthetic radiographs of hands, drawn from bone meshes, with exact overlapping masks."""

from handbone.synthetic.hand import SyntheticHand, draw_hand
from handbone.synthetic.write import write_contest_set

__all__ = ["SyntheticHand", "draw_hand", "write_contest_set"]
