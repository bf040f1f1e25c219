"""Evaluation of masks: the contest's Dice, boundary metrics, and tables over bones, groups and poses."""

from typing import Any

__all__ = ["score_images", "summarise"]


def __getattr__(name: str) -> Any:
    # Late, as pandas takes longer than all else that is needed to know which metrics there are.
    if name in __all__:
        from handbone.evaluation import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
