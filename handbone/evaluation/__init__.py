"""How good masks are: Dice as the contest defines it, boundary metrics, and tables over bones, groups and poses."""

from handbone.evaluation.tables import score_pictures, summarise

__all__ = ["score_pictures", "summarise"]
