"""A run's plan and result, as tables for users or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from handbone.cli.output import echo_json
from handbone.core.escaping import markup
from handbone.runs.plan import PlannedStep, Result

if TYPE_CHECKING:
    from handbone.runs.engine import Run

_STATES = {
    "new": "to do",
    "reused": "[green]reused[/green]",
    "continued": "[yellow]continues where it stopped[/yellow]",
    "redone": "[yellow]runs again: settings or inputs changed[/yellow]",
    "damaged": "[yellow]runs again: one of its files is damaged[/yellow]",
}


def plan_json(run: "Run", plan: Sequence[PlannedStep], memory: dict[str, float] | None) -> dict[str, Any]:
    """A run's plan as JSON values."""
    steps = [{"name": p.step.name, "state": p.state, "sizes": p.step.sizes(run.recipe)} for p in plan]
    return {"run": str(run.folder.path), "synthetic": run.synthetic, "steps": steps, "memory_gb": memory}


def show_plan(
    run: "Run", plan: Sequence[PlannedStep], *, as_json: bool, memory: dict[str, float] | None = None
) -> None:
    """Print the steps and their sizes; `memory` adds the gigabytes that each training is expected to need."""
    if as_json:
        echo_json(plan_json(run, plan, memory), "run.plan/1")
        return
    table = Table(title=markup(f"{run.recipe.name} → {run.folder.path}"), title_justify="left")
    table.add_column("step", style="bold")
    table.add_column("what it does")
    table.add_column("size")
    table.add_column("state")
    if memory is not None:
        table.add_column("memory", justify="right")
    for p in plan:
        row = [p.step.name, markup(p.step.summary), markup(p.step.sizes(run.recipe)), _STATES[p.state]]
        if memory is not None:
            row.append(f"{memory[p.step.name]:.1f} GB" if p.step.name in memory else "")
        table.add_row(*row)
    Console(stderr=memory is None).print(table)


def show_result(result: Result, *, as_json: bool) -> None:
    """Print Dice before and after refinement, the images that could not be used, and where the results are."""
    if as_json:
        echo_json({**asdict(result), "folder": str(result.folder)}, "run/1")
        return
    out = Console()
    table = Table(title="Mean Dice", title_justify="left")
    table.add_column("bones", style="bold")
    stages = list(dict.fromkeys(stage for group in result.metrics.values() for stage in group))
    for stage in stages:
        table.add_column(stage, justify="right")
    for group, metrics in result.metrics.items():
        table.add_row(group, *(f"{metrics[stage]:.4f}" if stage in metrics else "" for stage in stages))
    if result.metrics:
        out.print(table)
    for problem in result.problems:
        told = markup(f"{problem['file']}: {problem['message']}")
        out.print(f"[yellow]left out[/yellow] {told}", highlight=False, soft_wrap=True)
    minutes = sum(result.seconds.values()) / 60
    memory = "" if result.peak_memory_gb is None else f", at most {result.peak_memory_gb:.1f} GB"
    out.print(
        f"{minutes:.1f} min{memory}. "
        f"Open [bold]{markup(result.folder / 'report.html')}[/bold]; "
        f"masks are in {markup(result.folder / 'predictions.csv')}.",
        highlight=False,
        soft_wrap=True,
    )
    weights = quote(str(result.folder))
    out.print(f"To use its weights: handbone predict IMAGES -w {markup(weights)}", highlight=False, soft_wrap=True)
    out.print("[dim]A research tool, not a medical device.[/dim]")
