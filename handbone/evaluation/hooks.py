"""The built-in extra metrics by name."""

from typing import Any

from handbone.plugins import MetricSpec, hookimpl


def _build(name: str):
    def build(settings: Any):
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
