"""`handbone run`: run a recipe and write everything to the run's folder."""

from pathlib import Path
from typing import Annotated

import typer

from handbone.cli import complete
from handbone.cli.ending import fail_if, resumable
from handbone.cli.options import AsJson
from handbone.cli.output import Told
from handbone.core.progress import console


def command(
    recipe: Annotated[
        str,
        typer.Argument(help="A TOML file, or the name of a built-in recipe.", autocompletion=complete.recipes),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as --set coarse.train.epochs=3."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run's folder.  [default: runs/NAME]", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show steps, sizes, memory and what would be reused.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read every file again to see whether it changed, whatever its times say."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe: train, predict, refine, merge, evaluate and report.

    Running the same command again continues where it stopped, and repeats only the steps whose inputs changed.
    """
    from handbone.cli.run_show import show_plan, show_result
    from handbone.core.digests import forget_digests
    from handbone.runs.engine import open_run
    from handbone.runs.ranks import is_first_process

    first = is_first_process()
    # Users and programs read what the first process says; of another one only why it ended, see `handbone.cli.main`.
    console.quiet = Told.json = not first
    if verify:
        forget_digests()
    run = open_run(recipe, overrides or [], output)
    if not first:
        run.follow(run.plan())
        return
    if dry_run:
        show_plan(run, run.plan(), as_json=as_json, memory=run.estimate_memory())
        return
    with resumable():
        result = run.execute(lambda plan: None if as_json else show_plan(run, plan, as_json=False))
    show_result(result, as_json=as_json)
    fail_if(result.problems)
