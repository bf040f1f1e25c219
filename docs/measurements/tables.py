"""From measured values to the table of the documentation."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handbone.core.files import write_text
from handbone.measure import MEASURES
from handbone.measure.spec import Aim

_MARKS = "<!-- validation -->", "<!-- /validation -->"
_HEAD = (
    "| measure | aim | exact masks: error (95 %) | shipped weights: error (95 %) | repeats: exact, shipped | given | |"
)


def summary(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Each measure's mean absolute error, its 95th percentile, its bias and its repeatability, in its aim's unit.

    rows: as `validate` gives them.
    """
    return {name: _of_measure(rows[rows["measure"] == name], measure.aim) for name, measure in MEASURES.items()}


def _of_measure(rows: pd.DataFrame, aim: Aim) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in ("exact", "predicted"):
        of = rows[rows["masks"] == kind]
        first = of[(of["variant"] == "") & of["ground_truth"].notna()]
        off = first["value"] - first["ground_truth"]
        error = (100 * off / first["ground_truth"].abs() if aim.relative else off).dropna()
        found[kind] = _rounded(error.abs().mean())
        found[f"{kind}_95"] = _rounded(error.abs().quantile(0.95))
        found[f"{kind}_bias"] = _rounded(error.mean())
        found[f"{kind}_given"] = _rounded(float(first["value"].notna().mean()) if len(first) else np.nan)
        found["repeat" if kind == "exact" else "repeat_predicted"] = _rounded(_repeat(of, aim))
    found["verdict"] = "meets" if max(found["exact"], found["predicted"], found["repeat"]) <= aim.amount else "misses"
    return found


def _repeat(rows: pd.DataFrame, aim: Aim) -> float:
    """Root of the mean variance within hands, over those that were measured in variants."""
    repeated = rows[rows["hand"].isin(rows.loc[rows["variant"] != "", "hand"])]
    groups = repeated.dropna(subset=["value"]).groupby(["hand", "target"])["value"]
    spread, middle = groups.std(), groups.mean().abs()
    relative = 100 * spread / middle if aim.relative else spread
    return float(np.sqrt((relative.dropna() ** 2).mean())) if len(relative) else np.nan


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def write_page(page: Path, record: dict[str, Any]) -> None:
    """Put the table into the page, between its marks."""
    text = page.read_text(encoding="utf-8")
    begin, end = _MARKS
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    write_text(page, pattern.sub(lambda _: f"{begin}\n{table(record)}\n{end}", text))


def table(record: dict[str, Any]) -> str:
    """The table in Markdown."""
    counts = (
        "{hands} hands with exact masks, {predicted} of them with the shipped weights' masks too, {repeats} repeated."
    )
    lines = [counts.format(**record), "", _HEAD, "|" + "---|" * (_HEAD.count("|") - 1)]
    for name, row in record["measures"].items():
        aim = MEASURES[name].aim
        cells = [
            f"`{name}`",
            aim.text,
            f"{row['exact']:.2g} ({row['exact_95']:.2g})",
            f"{row['predicted']:.2g} ({row['predicted_95']:.2g})",
            f"{row['repeat']:.2g}, {row['repeat_predicted']:.2g}",
            f"{100 * row['exact_given']:.0f} %",
            row["verdict"],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
