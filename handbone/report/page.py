"""The report: one self-contained HTML page that works offline."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

import handbone
from handbone.anatomy import INDEX
from handbone.core.files import write_text
from handbone.report import charts, numbers
from handbone.report.cases import CaseImage
from handbone.report.page_metrics import PageMetrics
from handbone.report.templates import template


def write_report(
    path: Path,
    *,
    title: str,
    rows: pd.DataFrame | None = None,
    cases: Sequence[CaseImage] = (),
    histories: Mapping[str, pd.DataFrame] | None = None,
    frames: Sequence[Mapping[str, Any]] = (),
    decisions: Sequence[Mapping[str, Any]] = (),
    failures: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    lower_is_better: Collection[str] = (),
    measurements: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None,
    facts: Mapping[str, str] | None = None,
    recipe: str = "",
    environment: Mapping[str, Any] | None = None,
) -> Path:
    """Write the page atomically; sections without content are omitted.

    Parameters
    ----------
    path: the HTML file.
    title: the run's name.
    rows: the metrics: one row per image_name, bone and stage (see `PageMetrics`).
    cases: images from `draw_case`; the worst is shown first.
    histories: by network, one row per epoch: `epoch` and columns with `loss`, `dice` or `score` in their names.
    frames: one per image: `image_name`, and `fallback`, `reason` and `mirrored` of its frame decision.
    decisions: one per image and bone of the gate: `image_name`, `bone`, `used`, `reason`, `agreement`.
    failures: (image, reason) of each skipped image.
    notes: sentences shown below the result, for example that the images are synthetic hands.
    lower_is_better: extra metrics in `rows` of which this is true.
    measurements: headings and lines of a table of errors of measurements.
    facts: further tiles, label to value, such as {"training": "14 min"}.
    recipe: the resolved recipe as TOML.
    environment: versions, device, seed.
    """
    metrics = PageMetrics(rows, lower_is_better) if rows is not None and len(rows) else None
    names = [case.image_name for case in cases]
    ordered = metrics.order(names) if metrics else names
    by_name = {case.image_name: case for case in cases}
    filters = {"dice": _dice, "signed": _signed, "number": _number}
    page = template("page.html.jinja", filters).render(
        title=title,
        written=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        version=handbone.__version__,
        metrics=metrics,
        tiles=_tiles(metrics, failures, facts or {}),
        table=metrics.table() if metrics else None,
        spread=Markup(charts.spread_chart(metrics.rows, metrics.stages)) if metrics else "",
        cases=[(by_name[name], metrics.case(name) if metrics else None) for name in ordered],
        learning=_learning(histories or {}),
        frames=_frames(frames),
        gate=_gate(decisions),
        measurements=measurements,
        failures=failures,
        notes=notes,
        recipe=recipe,
        environment=environment or {},
        numbers=numbers,
    )
    return write_text(Path(path), page)


def _dice(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.3f}"


def _signed(value: float | None) -> str:
    if value is None or pd.isna(value):
        return "–"
    return "0" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def _number(value: Any, digits: int = 1) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _tiles(metrics: PageMetrics | None, failures: Sequence, facts: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(label, value, small print) each."""
    tiles = []
    if metrics:
        for label, group in (("Dice, all bones", "all"), ("Dice, carpals", "carpals")):
            first, last = (metrics.groups.loc[group, stage] for stage in (metrics.first, metrics.last))
            small = f"{metrics.first} {_dice(first)}, {_signed(last - first)}" if metrics.two_stages else ""
            tiles.append((label, _dice(last), small))
        last_rows = metrics.rows[metrics.rows["stage"] == metrics.last]
        if metrics.nsd_column:
            tolerance = metrics.nsd_column.removeprefix("nsd_").removesuffix("px")
            nsd = charts.group_means(last_rows, metrics.nsd_column).loc["all", metrics.last]
            tiles.append(("NSD", _dice(nsd), f"outline within {tolerance} px"))
        if "hd95_px" in last_rows:
            hd95 = charts.group_means(last_rows, "hd95_px").loc["all", metrics.last]
            tiles.append(("HD95", f"{_number(hd95)} px", "95th percentile of the contour"))
        tiles.append(("Images", str(metrics.images), f"{len(failures)} skipped" if failures else "none skipped"))
    return tiles + [(label, str(value), "") for label, value in facts.items()]


def _learning(histories: Mapping[str, pd.DataFrame]) -> list[tuple[str, Markup]]:
    drawn = [(name, pd.DataFrame(history)) for name, history in histories.items()]
    return [(name, Markup(charts.learning_chart(name, table))) for name, table in drawn if charts.drawable(table)]


def _frames(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if not frames:
        return None
    counts = Counter(frame["fallback"] for frame in frames)
    return {
        "images": len(frames),
        "counts": counts,
        "mirrored": sum(bool(frame.get("mirrored")) for frame in frames),
        "fell_back": [frame for frame in frames if frame["fallback"] != "none"],
    }


def _gate(decisions: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """How often the refined mask was used, by bone, and why not elsewhere."""
    if not decisions:
        return None
    bones: dict[str, Counter] = {}
    for decision in decisions:
        bones.setdefault(decision["bone"], Counter())["used" if decision["used"] else "kept"] += 1
    refused = [decision for decision in decisions if not decision["used"]]
    return {
        "bones": [(bone, bones[bone]["used"], bones[bone].total()) for bone in sorted(bones, key=INDEX.__getitem__)],
        "used": len(decisions) - len(refused),
        "total": len(decisions),
        "reasons": Counter(_kind(decision["reason"]) for decision in refused).most_common(),
        "refused": sorted(refused, key=lambda decision: decision.get("agreement") or 0.0)[:40],
    }


def _kind(reason: str) -> str:
    """A reason without its numbers, so that equal reasons can be counted."""
    words = ("" if any(c.isdigit() for c in word) else word for word in reason.split())
    return " ".join(word for word in words if word) or "no reason given"
