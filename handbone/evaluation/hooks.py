"""The built-in extra metrics by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handbone.plugins import MetricSpec, hookimpl

if TYPE_CHECKING:
    from handbone.evaluation.tables import Metric


def _build(name: str) -> "Callable[[Any], Metric]":
    def build(settings: Any) -> "Metric":
        from handbone.evaluation import metrics

        return getattr(metrics, name)

    return build


@hookimpl
def handbone_metrics() -> list[MetricSpec]:
    """iou, assd_px."""
    return [
        MetricSpec(name="iou", summary="Intersection over union", build=_build("iou")),
        MetricSpec(
            name="assd_px",
            summary="Average symmetric surface distance, in pixels",
            build=_build("assd"),
            higher_is_better=False,
        ),
    ]
