"""`handbone adapt`: adapt weights to a group's own radiographs, without labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbone.cli.ending import fail_if, resumable
from handbone.cli.options import AsJson
from handbone.cli.output import echo_json, facts_table, headed_table, results, say_passed_over
from handbone.core.errors import HandboneError
from handbone.core.escaping import printable
from handbone.core.progress import console

if TYPE_CHECKING:
    from rich.table import Table

    from handbone.workflows.adapt.adaptation import Adaptation


def command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Radiographs without labels, or folders of them.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="WEIGHTS", help="Folder for the adapted weights; its name becomes theirs."
        ),
    ],
    weights: Annotated[
        str,
        typer.Option("--weights", "-w", metavar="NAME_OR_RUN", help="Weights to adapt: a name, a run or a file."),
    ] = "zero_shot",
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FOLDER", help="Folder for the report page.  [default: WEIGHTS_report]"),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, help="Training steps.", show_default="300 for up to 100 radiographs, at most 1500"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing set in WEIGHTS.")] = False,
    as_json: AsJson = False,
) -> None:
    """Adapt weights to your own radiographs, without labels.

    50 to 5,000 radiographs are a good number. The network learns from its own masks where eight views agree and anatomy
    allows them. Every step also includes a synthetic hand. The report page shows what changed; it contains your
    radiographs, the weights do not. Weights that lose more than .003 Dice on synthetic hands, or raise the number of
    flags, are not written, and the exit code is 1. After an interruption, run the same command to continue. Use the
    result with handbone predict --weights WEIGHTS.
    """
    from handbone.formats.image_search import find_images
    from handbone.workflows.adapt.run import adapt
    from handbone.workflows.adapt.settings import AdaptSettings

    found = find_images(paths)
    say_passed_over(found.passed_over)
    images = [image.path for image in found.images]
    with resumable():
        result = adapt(
            images, output, weights=weights, report=report, settings=AdaptSettings(steps=steps), overwrite=overwrite
        )
    if as_json:
        echo_json({**result.to_json(), "passed_over": [each.to_json() for each in found.passed_over]}, "adapt/1")
    else:
        _show(result)
    for sentence in result.unread:
        console.print(f"skipped {printable(sentence)}", markup=False, highlight=False, soft_wrap=True)
    if result.refused:
        raise HandboneError(
            f"the weights were not written: {'; '.join(result.refused)}",
            where=output,
            remedy=f"see {result.page}, and try more or other radiographs, or fewer --steps",
        )
    fail_if(result.unread)


def _show(result: "Adaptation") -> None:
    from handbone.workflows.adapt.run import facts_of

    out = results()
    out.print(_table(result))
    out.print(facts_table(facts_of(result) | {"Page": str(result.page), "Weights": str(result.weights or "")}))


def _table(result: "Adaptation") -> "Table":
    table = headed_table("Bone", "Changed", "Area", "Found", "Flags")
    for each in result.changes.bones:
        told = each.to_json()
        table.add_row(
            each.bone,
            "" if told["changed"] is None else f"{each.changed:.1%}",
            "" if told["area_ratio"] is None else f"x {each.area_ratio:.3f}",
            f"{each.found_before} -> {each.found_after}",
            f"{each.flags_before} -> {each.flags_after}",
        )
    return table
