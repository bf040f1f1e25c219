"""`handbone bench`: how fast this machine predicts."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbone.cli.ending import finish
from handbone.cli.options import AsJson
from handbone.cli.output import echo_json, headed_table
from handbone.cli.output import results as results_console
from handbone.core.escaping import markup, printable

if TYPE_CHECKING:
    from handbone.workflows.bench import Bench


def command(
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="[IMAGE]", help="A radiograph.  [default: a synthetic one of 2048 x 2048]", show_default=False
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option("--weights", "-w", metavar="NAME_OR_RUN", help="Weights, or networks of handbone export-model."),
    ] = "zero_shot",
    threads: Annotated[
        list[int] | None,
        typer.Option("--threads", min=1, help="Number of threads; can be repeated.  [default: one, and one a core]"),
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How often each is measured.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Measure how long a radiograph takes on this machine, by runtime, precision and threads, and say what to use.

    Weights are exported for each runtime that is installed, and each way is measured in a process of its own. Other
    work on the machine disturbs the figures.
    """
    from handbone.workflows.bench import bench

    found = bench(weights, image, threads=threads or (), repeats=repeats)
    failed = any(case.error for case in found.cases)
    finish(as_json, lambda: echo_json(found.to_json(), "bench/1"), partial(_show, found), failed=failed)


def _show(found: "Bench") -> None:
    console = results_console()
    cores = f"{found.cores} core{'s' * (found.cores != 1)}"
    told = f"{found.machine}, {cores}; {found.image}; weights {found.weights}"
    console.print(printable(told), markup=False, soft_wrap=True)
    headings = ("precision", "threads", "s a radiograph", "s a pass", "in a batch of 4", "s to the first", "MB")
    table = headed_table("runtime", *headings)
    for case in found.cases:
        if case.error is None:
            passes = case.pass_seconds or {}
            figures = [f"{case.image_seconds:.2f}", *(f"{seconds:.3f}" for seconds in passes.values())]
            table.add_row(
                case.runtime,
                case.precision,
                str(case.threads),
                *figures,
                f"{case.start_seconds:.1f}",
                f"{case.memory_mb:.0f}",
            )
    console.print(table)
    for case in found.cases:
        if case.error is not None:
            console.print(f"[red]failed[/red] {case.runtime} {case.precision}: {markup(case.error)}", soft_wrap=True)
    console.print(f"Use {markup(found.recommendation)}", soft_wrap=True)
    for command in found.commands:
        console.print(f"  {printable(command)}", markup=False, highlight=False, soft_wrap=True)
