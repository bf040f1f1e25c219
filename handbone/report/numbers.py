"""Metrics as short text, with significant digits only and a true minus sign."""

import math

from handbone.evaluation.bootstrap import Interval

#: Of a metric that has no value.
NOTHING = "–"
_DISTANCES = ("hd95_px", "hd95_mm", "assd_px", "assd_mm")


def title_of(metric: str) -> str:
    """A metric's column name for users: "NSD 2 px" for nsd_2px, "NSD 0.5 mm" for nsd_0.5mm."""
    if metric.startswith("nsd_"):
        return f"NSD {metric[4:-2]} {metric[-2:]}"
    if metric in _DISTANCES:
        return metric.upper().replace("_", " ").replace(" PX", " px").replace(" MM", " mm")
    return {"dice": "Dice", "boundary_iou": "Boundary IoU"}.get(metric, metric)


def lower_is_better(metric: str) -> bool:
    """Whether a metric that every run has is a distance; of further ones their metric says it."""
    return metric == "hd95_px"


def digits_of(metric: str) -> int:
    """Digits after the point: hundredths of a pixel or millimetre, thousandths of a share."""
    return 2 if metric.endswith(("_px", "_mm")) else 3


def value_text(metric: str, value: float) -> str:
    """ "0.912", or a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.{digits_of(metric)}f}"


def change_text(metric: str, value: float) -> str:
    """ "+0.012", "−0.003", "0", or a dash for NaN."""
    if math.isnan(value):
        return NOTHING
    digits = digits_of(metric)
    return f"{value:+.{digits}f}".replace("-", "−") if abs(value) >= 0.5 * 10**-digits else "0"


def range_text(metric: str, interval: Interval) -> str:
    """ "0.901 to 0.923", empty where there is no interval."""
    if math.isnan(interval.low):
        return ""
    return f"{value_text(metric, interval.low)} to {value_text(metric, interval.high)}"


def change_range_text(metric: str, interval: Interval) -> str:
    """ "+0.004 to +0.016", empty where there is no interval."""
    if math.isnan(interval.low):
        return ""
    return f"{change_text(metric, interval.low)} to {change_text(metric, interval.high)}"


def direction(change: Interval, *, lower_is_better: bool) -> str:
    """ "up" for a change that is a gain in the whole interval, "down" for a loss, else empty."""
    better, worse = (change.high < 0, change.low > 0) if lower_is_better else (change.low > 0, change.high < 0)
    return "up" if better else "down" if worse else ""
