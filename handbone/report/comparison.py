"""A comparison of recipes as files: a table for programs, one for a README, and a chart."""

from pathlib import Path

from handbone.evaluation.comparison import WORSE, Cell, Comparison, Line
from handbone.files import whole_file, write_text
from handbone.report import numbers

TABLE_FILE, MARKDOWN_FILE, CHART_FILE = "compare.csv", "compare.md", "compare.png"
_POSES = {"straight": "#0b7d8c", "bent": "#c2410c", "unknown": "#59626e"}


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write compare.csv, compare.md and, where any recipe has figures, compare.png."""
    with whole_file(folder / TABLE_FILE) as temporary:
        comparison.table().to_csv(temporary, index=False, float_format="%.6g")
    write_text(folder / MARKDOWN_FILE, to_markdown(comparison))
    (folder / CHART_FILE).unlink(missing_ok=True)
    if comparison.figures:
        draw_chart(comparison, folder / CHART_FILE)


def columns(comparison: Comparison) -> list[str]:
    """The table's columns for people."""
    figures = [numbers.title_of(figure) for figure in comparison.figures]
    return ["recipe", "hands", *figures, "pictures seen", "training", "a picture", "made worse"]


def rows(comparison: Comparison, line: Line) -> list[list[list[str]]]:
    """A line as table rows, one a pose: cells of one or two texts, value over change. Empty without figures."""
    found = []
    for number, (pose, cells) in enumerate(line.cells.items()):
        told = [[line.name], *_facts(line)] if number == 0 else [[""]] * 5
        found.append(
            [told[0], [pose], *(cell_texts(figure, cells[figure]) for figure in comparison.figures), *told[1:]]
        )
    return found


def cell_texts(figure: str, cell: Cell) -> list[str]:
    """ "0.912 ±0.002 (0.901 to 0.923)" and, but in the first line, "+0.010 (+0.004 to +0.016)"."""
    spread = f" ±{numbers.value_text(figure, cell.spread)}" if len(cell.seeds) > 1 else ""
    texts = [_with_range(numbers.value_text(figure, cell.mean.mean) + spread, numbers.range_text(figure, cell.mean))]
    if cell.change is not None:
        change = numbers.change_text(figure, cell.change.mean)
        texts.append(_with_range(change, numbers.change_range_text(figure, cell.change)))
    return texts


def _with_range(text: str, interval: str) -> str:
    return f"{text} ({interval})" if interval else text


def _facts(line: Line) -> list[list[str]]:
    worse = numbers.NOTHING if line.worse != line.worse else f"{100 * line.worse:.1f} %"
    return [[f"{line.seen:.0f}"], [f"{line.minutes:.1f} min"], [f"{line.seconds:.2f} s"], [worse]]


def explanation(comparison: Comparison) -> str:
    """What the table's numbers are, in sentences."""
    counts = ", ".join(
        f"{pose} {pictures} picture{'s' * (pictures != 1)} of {people} {'person' if people == 1 else 'people'}"
        for pose, (pictures, people) in comparison.poses.items()
    )
    seeds = any(
        len(cell.seeds) > 1 for line in comparison.lines for cells in line.cells.values() for cell in cells.values()
    )
    spread = "; ± is the standard deviation over seeds, whose mean is shown" if seeds else ""
    return (
        f"Carpals, mean over pictures and then over bones ({counts}). In brackets: 95 % intervals, people drawn again "
        f"and again; below: the difference to the first recipe on the same pictures{spread}. Made worse: share of "
        f"pictures' carpals that lost more than {WORSE:g} Dice in the second stage."
    )


def to_markdown(comparison: Comparison) -> str:
    """The table as Markdown, with what its numbers are and what failed below it."""
    head = columns(comparison)
    lines = [f"| {' | '.join(head)} |", "|---|---|" + "--:|" * (len(head) - 2)]
    for line in comparison.lines:
        for cells in rows(comparison, line) or [[[line.name], ["failed"], *[[numbers.NOTHING]] * (len(head) - 2)]]:
            lines.append(f"| {' | '.join('<br>'.join(texts) for texts in cells)} |")
    if comparison.figures:
        lines += ["", explanation(comparison)]
    lines += [f"\n{line.name} failed: {error}" for line in comparison.lines for error in line.errors]
    return "\n".join(lines) + "\n"


def draw_chart(comparison: Comparison, path: Path) -> None:
    """A panel a figure: each recipe's mean as a dot with its interval over people, single seeds as small dots."""
    from matplotlib.figure import Figure

    lines = [line for line in comparison.lines if line.cells]
    wide = 2.6 * len(comparison.figures)
    figure = Figure(figsize=(2.2 + wide, 1.0 + 0.55 * len(lines)), layout="constrained")
    panels = figure.subplots(1, len(comparison.figures), sharey=True, squeeze=False)[0]
    for name, axes in zip(comparison.figures, panels, strict=True):
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
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
