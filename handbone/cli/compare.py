"""`handbone compare`: compare several recipes on the same images in one table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbone.cli.ending import fail_if, resumable
from handbone.cli.options import AsJson
from handbone.cli.output import echo_json
from handbone.core.escaping import markup

if TYPE_CHECKING:
    from handbone.evaluation.comparison import Comparison
    from handbone.workflows.compare import Entry


def command(
    recipes: Annotated[
        list[str],
        typer.Argument(metavar="RECIPE...", help="TOML files or names of recipes; a folder means all recipes in it."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key in all recipes, such as --set synthetic.test=12."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the table and the runs.")
    ] = Path("runs/compare"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what each recipe would do or reuse.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run recipes in turn and compare their metrics on the same images.

    Writes a folder for each run, compare.csv, compare.md (for a README) and compare.png to OUT. Differences from the
    first recipe are paired by image; intervals are over patients. Recipes whose names differ only in _seed2, _seed3,
    ... share one row. Running the same command again reuses finished work. Exits with 1 if a recipe failed.
    """
    from handbone.workflows.compare import compare, find_recipes, open_entries

    entries = open_entries(find_recipes(recipes), overrides or [], output)
    if dry_run:
        _show_plans(entries, as_json=as_json)
        return
    with resumable():
        comparison = compare(entries, output)
    if as_json:
        table = json.loads(comparison.table().to_json(orient="records", double_precision=6))
        echo_json({"folder": str(output), "recipes": table}, "compare/1")
    else:
        _show(comparison, output)
    fail_if(any(line.errors for line in comparison.lines))


def _show_plans(entries: "list[Entry]", *, as_json: bool) -> None:
    from handbone.cli.run_show import plan_json, show_plan

    runs = [entry.run for entry in entries if entry.run is not None]
    if as_json:
        echo_json([plan_json(run, run.plan(), run.estimate_memory()) for run in runs], "compare.plan/1")
    for run in () if as_json else runs:
        show_plan(run, run.plan(), as_json=False, memory=run.estimate_memory())
    fail_if(any(entry.run is None for entry in entries))


def _show(comparison: "Comparison", output: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from handbone.report.comparison import (
        COST_COLUMNS,
        MARKDOWN_FILE,
        cost_row,
        explanation,
        metric_columns,
        metric_rows,
    )

    out = Console()
    if comparison.metrics:
        metrics, costs = Table(*metric_columns(comparison)), Table(*COST_COLUMNS)
        for column in (*metrics.columns[2:], *costs.columns[1:]):
            column.justify = "right"
        for line in comparison.lines:
            for row in metric_rows(comparison, line):
                metrics.add_row(*("\n".join(map(markup, texts)) for texts in row))
            metrics.add_section()
            costs.add_row(*map(markup, cost_row(line)))
        out.print(metrics, costs)
        out.print(f"[dim]{explanation(comparison)}[/dim]")
    for line in comparison.lines:
        for error in line.errors:
            out.print(f"[red]{markup(line.name)} failed:[/red] {markup(error)}", highlight=False, soft_wrap=True)
    out.print(f"The table is in {markup(output / MARKDOWN_FILE)}; each run's folder has a report.", soft_wrap=True)
