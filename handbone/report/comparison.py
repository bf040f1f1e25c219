"""Writes a comparison of recipes as CSV, Markdown and a chart."""

import math
from collections.abc import Sequence
from pathlib import Path

from handbone.core.files import atomic_file, write_text
from handbone.evaluation.comparison import WORSE, Cell, Comparison, Line
from handbone.report import numbers

TABLE_FILE, MARKDOWN_FILE, CHART_FILE = "compare.csv", "compare.md", "compare.png"
_POSES = {"straight": "#0b7d8c", "bent": "#c2410c", "unknown": "#59626e"}


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write compare.csv, compare.md and, where any recipe has metrics, compare.png."""
    with atomic_file(folder / TABLE_FILE) as temporary:
        comparison.table().to_csv(temporary, index=False, float_format="%.6g")
    write_text(folder / MARKDOWN_FILE, to_markdown(comparison))
    (folder / CHART_FILE).unlink(missing_ok=True)
    if comparison.metrics:
        draw_chart(comparison, folder / CHART_FILE)


def metric_columns(comparison: Comparison) -> list[str]:
    """The columns of the table of metrics."""
    return ["recipe", "hands", *(numbers.title_of(metric) for metric in comparison.metrics)]


def metric_rows(comparison: Comparison, line: Line) -> list[list[list[str]]]:
    """One recipe's rows of the table of metrics, one per pose; a cell is a list of short texts, see `cell_texts`."""
    if not line.cells:
        return [[[line.name], ["failed"], *([numbers.NOTHING] for _ in comparison.metrics)]]
    return [
        [[line.name if number == 0 else ""], [pose], *(cell_texts(f, cells[f]) for f in comparison.metrics)]
        for number, (pose, cells) in enumerate(line.cells.items())
    ]


def cell_texts(metric: str, cell: Cell) -> list[str]:
    """ "0.912 ±0.002", "0.901 to 0.923", and but in the first line "+0.010", "+0.004 to +0.016"."""
    spread = f" ±{numbers.value_text(metric, cell.spread)}" if len(cell.seeds) > 1 else ""
    texts = [numbers.value_text(metric, cell.mean.mean) + spread, numbers.range_text(metric, cell.mean)]
    if cell.change is not None:
        texts += [numbers.change_text(metric, cell.change.mean), numbers.change_range_text(metric, cell.change)]
    return [text for text in texts if text]


#: The columns of the table of what each recipe took.
COST_COLUMNS = ("recipe", "images seen", "megapixels", "training", "an image", "made worse")


def cost_row(line: Line) -> list[str]:
    """A line of that table."""
    if not line.cells:
        return [line.name, *[numbers.NOTHING] * (len(COST_COLUMNS) - 1)]
    worse = numbers.NOTHING if math.isnan(line.worse) else f"{100 * line.worse:.1f} %"
    cost = [f"{line.seen:.0f}", f"{line.megapixels:.0f}", f"{line.minutes:.1f} min", f"{line.seconds:.2f} s"]
    return [line.name, *cost, worse]


def explanation(comparison: Comparison) -> str:
    """Sentences that explain the tables' numbers."""
    counts = "; ".join(
        f"{pose}: {images} image{'s' * (images != 1)} of {patients} patient{'s' * (patients != 1)}"
        for pose, (images, patients) in comparison.poses.items()
    )
    cells = [cell for line in comparison.lines for found in line.cells.values() for cell in found.values()]
    spread = (
        " ± is the standard deviation over seeds, of which the mean is shown."
        if any(c.spread >= 0 for c in cells)
        else ""
    )
    return (
        f"Carpals, mean over images and then over bones ({counts}).{spread} Below a mean stands its 95 % interval, "
        "patients drawn again and again; then the difference to the first recipe on the same images and its interval. "
        f"Made worse: share of the images' carpals that lost more than {WORSE:g} Dice in the second stage."
    )


def to_markdown(comparison: Comparison) -> str:
    """Both tables as Markdown, with what their numbers are and what failed below them."""
    metrics = [row for line in comparison.lines for row in metric_rows(comparison, line)]
    parts = [_table(metric_columns(comparison), 2, [["<br>".join(texts) for texts in row] for row in metrics])]
    if comparison.metrics:
        parts += [_table(COST_COLUMNS, 1, [cost_row(line) for line in comparison.lines]), explanation(comparison)]
    parts += [f"{line.name} failed: {error}" for line in comparison.lines for error in line.errors]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], texts: int, rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns after the first `texts` hold numbers."""
    rule = "|" + "---|" * texts + "--:|" * (len(head) - texts)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])


def draw_chart(comparison: Comparison, path: Path) -> None:
    """One panel per metric: each recipe's mean as a dot with its interval over patients, single seeds as small dots."""
    from matplotlib.figure import Figure

    lines = [line for line in comparison.lines if line.cells]
    wide = 2.6 * len(comparison.metrics)
    figure = Figure(figsize=(2.2 + wide, 1.0 + 0.55 * len(lines)), layout="constrained")
    panels = figure.subplots(1, len(comparison.metrics), sharey=True, squeeze=False)[0]
    for name, axes in zip(comparison.metrics, panels, strict=True):
        for place, line in enumerate(lines):
            for number, (pose, cells) in enumerate(line.cells.items()):
                cell, height = cells[name], place + 0.16 * (2 * number - len(line.cells) + 1)
                colour = _POSES[pose]
                axes.hlines(height, cell.mean.low, cell.mean.high, color=colour, linewidth=1.6)
                axes.plot(cell.mean.mean, height, "o", color=colour, markersize=5.5)
                if len(cell.seeds) > 1:
                    axes.plot(cell.seeds, [height] * len(cell.seeds), "|", color=colour, markersize=7, alpha=0.7)
        axes.set_title(numbers.title_of(name), fontsize=10)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_yticks(range(len(lines)), [line.name for line in lines])
        axes.grid(axis="x", color="#dde1e6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9)
        axes.spines[:].set_visible(False)
    for pose in comparison.poses:
        panels[0].plot([], [], "o-", color=_POSES[pose], label=pose)
    figure.legend(loc="outside lower right", ncols=len(comparison.poses), frameon=False, fontsize=9)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
