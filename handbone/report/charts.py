"""The report's charts as inline SVG that takes its colours and its font from the page, light or dark."""

import html
import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from handbone.anatomy import GROUPS, INDEX, NAMES
from handbone.report.labels import SHORT_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's own until the SVG is done.
_INK, _LINE, _BAND = "#010203", "#040506", "#0d0e0f"
_STAGES = ("#070809", "#0a0b0c")
_CSS = {
    _INK: "currentColor",
    _LINE: "var(--line)",
    _BAND: "var(--band)",
    _STAGES[0]: "var(--first)",
    _STAGES[1]: "var(--last)",
}


def spread_chart(rows: pd.DataFrame, stages: list[str]) -> str:
    """Dice of the first and the last stage: one row per bone, one dot per image, a bar for the mean."""
    from matplotlib.figure import Figure

    shown = list(dict.fromkeys([stages[0], stages[-1]]))
    floor = _floor(rows["dice"])
    bones = [name for name in NAMES if name in set(rows["bone"])]
    figure = Figure(figsize=(8.6, 0.6 + 0.27 * len(bones)))
    axes = figure.add_axes((0.115, 0.06, 0.875, 0.92))
    scatter = np.random.default_rng(0)
    for place, bone in enumerate(bones):
        if place % 2:
            axes.axhspan(place - 0.5, place + 0.5, color=_BAND, linewidth=0)
        for stage in shown:
            first = stage == shown[0] and len(shown) > 1
            dice = rows.loc[(rows["bone"] == bone) & (rows["stage"] == stage), "dice"].dropna().to_numpy()
            middle = place + (0.0 if len(shown) == 1 else -0.2 if first else 0.2)
            height = middle + scatter.uniform(-0.11, 0.11, len(dice))
            colour = _STAGES[0] if first else _STAGES[1]
            axes.scatter(np.maximum(dice, floor), height, s=9, color=colour, alpha=0.55, linewidth=0)
            if len(dice):
                axes.vlines(max(dice.mean(), floor), middle - 0.2, middle + 0.2, color=colour, linewidth=2)
    axes.set(xlim=(floor - 0.01, 1.004), ylim=(len(bones) - 0.5, -0.5))
    axes.set_yticks(range(len(bones)), [SHORT_NAMES[INDEX[bone]] for bone in bones])
    _plain(axes, grid="x")
    return _inline(figure, "spread", "Dice of every image, by bone")


def learning_chart(name: str, history: pd.DataFrame) -> str:
    """Loss and Dice by epoch, side by side.

    `history` has a column `epoch`; columns with `loss` in their name go to the left, those with `dice` or `score` to
    the right.
    """
    from matplotlib.figure import Figure

    sides = [[c for c in history if "loss" in c], [c for c in history if "dice" in c or "score" in c]]
    sides = [columns for columns in sides if columns]
    figure = Figure(figsize=(8.6, 2.5))
    for place, columns in enumerate(sides):
        wide = 1 / len(sides)
        axes = figure.add_axes((place * wide + 0.06, 0.17, wide - 0.085, 0.72))
        for line, column in enumerate(columns):
            known = history[["epoch", column]].dropna()
            colour = _STAGES[0] if column.startswith("train") and len(columns) > 1 else _STAGES[1]
            axes.text(0.32 * line, 1.06, column.replace("_", " "), transform=axes.transAxes, fontsize=9, color=colour)
            axes.plot(known["epoch"], known[column], color=colour, linewidth=1.8, marker="o", markersize=2.5)
        axes.set_xlabel("epoch", fontsize=8.5, color=_INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _plain(axes, grid="y")
    return _inline(figure, "learning-" + re.sub(r"\W+", "-", name), f"Learning curves: {name}")


def drawable(history: pd.DataFrame) -> bool:
    """Whether a history holds anything that `learning_chart` can draw."""
    words = ("loss", "dice", "score")
    return "epoch" in history and len(history) > 0 and any(word in column for column in history for word in words)


def group_means(rows: pd.DataFrame, value: str = "dice") -> pd.DataFrame:
    """Means by bone group (rows) and stage (columns): over images first, then over the group's bones."""
    by_bone = rows.groupby(["bone", "stage"], sort=False)[value].mean().unstack("stage")
    members: Mapping[str, tuple[str, ...]] = {
        g: GROUPS[g] for g in ("all", "carpals", "metacarpals", "phalanges", "forearm")
    }
    return pd.DataFrame({g: by_bone.reindex(list(names)).mean() for g, names in members.items()}).T


def _floor(dice: pd.Series) -> float:
    """Where the axis starts: below nearly all values; single failures stay at the edge rather than squeeze the rest."""
    low = dice.dropna().quantile(0.01) if dice.notna().any() else 0.0
    return float(np.clip(np.floor(low * 20) / 20, 0, 0.9))


def _plain(axes: "Axes", *, grid: str) -> None:
    axes.grid(axis=grid, color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=_INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.patch.set_visible(False)


def _inline(figure: "Figure", prefix: str, title: str) -> str:
    """A figure as an SVG element for an HTML page: unique ids, no namespaces, no metadata, the page's colours."""
    from matplotlib import rc_context

    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1
    )
    for colour, css in _CSS.items():
        text = text.replace(colour, css)
    return text.replace("<svg", f'<svg class="chart" role="img" aria-label="{html.escape(title)}"', 1)
