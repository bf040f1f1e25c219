"""Figures as short text: as many digits as mean something, and a true minus sign."""

import math

from handbone.evaluation.bootstrap import Interval

#: Of a figure that has no value.
NOTHING = "–"


def title_of(figure: str) -> str:
    """A figure's column name for people: "NSD 2 px" for nsd_2px."""
    if figure.startswith("nsd_"):
        return f"NSD {figure.removeprefix('nsd_').removesuffix('px')} px"
    return {"dice": "Dice", "hd95_px": "HD95 px", "boundary_iou": "Boundary IoU"}.get(figure, figure)


def lower_is_better(figure: str) -> bool:
    """Whether a figure that every run has is a distance; of further ones their metric says it."""
    return figure == "hd95_px"


def digits_of(figure: str) -> int:
    """Digits after the point: hundredths of a pixel, thousandths of a share."""
    return 2 if figure.endswith("_px") else 3


def value_text(figure: str, value: float) -> str:
    """ "0.912", or a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.{digits_of(figure)}f}"


def change_text(figure: str, value: float) -> str:
    """ "+0.012", "−0.003", "0", or a dash for NaN."""
    if math.isnan(value):
        return NOTHING
    digits = digits_of(figure)
    return f"{value:+.{digits}f}".replace("-", "−") if abs(value) >= 0.5 * 10**-digits else "0"


def range_text(figure: str, interval: Interval) -> str:
    """ "0.901 to 0.923", empty where there is no interval."""
    if math.isnan(interval.low):
        return ""
    return f"{value_text(figure, interval.low)} to {value_text(figure, interval.high)}"


def change_range_text(figure: str, interval: Interval) -> str:
    """ "+0.004 to +0.016", empty where there is no interval."""
    if math.isnan(interval.low):
        return ""
    return f"{change_text(figure, interval.low)} to {change_text(figure, interval.high)}"


def verdict(change: Interval, *, lower_is_better: bool) -> str:
    """ "up" for a change that is a gain in the whole interval, "down" for a loss, else empty."""
    better, worse = (change.high < 0, change.low > 0) if lower_is_better else (change.low > 0, change.high < 0)
    return "up" if better else "down" if worse else ""
