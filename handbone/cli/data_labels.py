"""`handbone data diff` and `handbone data merge`: what people corrected, and labels to train on."""

from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbone.cli.ending import finish
from handbone.cli.options import ClassMapWords, class_map_of
from handbone.cli.output import echo_json, headed_table
from handbone.cli.output import results as results_console
from handbone.core.escaping import cell, markup

if TYPE_CHECKING:
    from handbone.workflows.label_diff import LabelDiff

_SHOWN = 10
_MASKS = "A run, a folder of predictions, a CSV in the contest format, or labels in any layout"
Images = Annotated[
    Path | None, typer.Option("--images", metavar="DIR", help="Folder of the radiographs, if they have moved.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help=f"{_MASKS}, as they were.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The same, as they are now.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="CSV", help="Write a CSV with a row a changed bone.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the CSV if it exists.")] = False,
    images: Images = None,
    class_map: ClassMapWords = None,
    as_json: AsJson = False,
) -> None:
    """Say what people changed, bone by bone: pixels, Dice, and bones that were drawn, removed or renamed.

    Radiographs that only one side has are listed. Radiographs that cannot be compared are listed, too; the exit code
    is then 1.
    """
    from handbone.core.errors import HandboneError
    from handbone.workflows.label_diff import diff_labels
    from handbone.workflows.masks.opening import open_masks

    if output and output.exists() and not overwrite:
        raise HandboneError(
            "the file exists", where=output, remedy="choose another one, or replace it with --overwrite"
        )
    opened = partial(open_masks, images=images, class_map=class_map_of(class_map), radiographs=True)
    found = diff_labels(opened(old), opened(new))
    if output:
        _write_csv(found, output)
    said = {"old": str(old), "new": str(new), "csv": output and str(output), **found.to_json()}
    finish(as_json, partial(echo_json, said, "data.diff/1"), partial(_show, found, output), failed=found.failed)


def merge(
    corrected: Annotated[Path, typer.Argument(metavar="CORRECTED", help="Corrected labels, in any layout.")],
    over: Annotated[Path, typer.Option("--over", metavar="PREDICTION", help=f"{_MASKS} that hold elsewhere.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the data set.")],
    images: Images = None,
    class_map: ClassMapWords = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace labels that 'data merge' has written to OUT, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put corrected labels over predicted ones: OUT is a COCO data set with its radiographs, ready to train on.

    CORRECTED and PREDICTION stay as they are. Radiographs that cannot be merged are listed; the exit code is then 1.
    """
    from handbone.workflows.label_merge import RECORD_FILE, merge_labels, merge_results
    from handbone.workflows.masks.opening import open_masks

    results = merge_results(output)
    overwrite = results.put_right() or overwrite
    results.check(overwrite=overwrite, names=[RECORD_FILE])
    opened = partial(open_masks, images=images, class_map=class_map_of(class_map), radiographs=True)
    record = merge_labels(opened(corrected), opened(over), results, overwrite=overwrite)
    tell = partial(echo_json, {**record, "path": str(output)})
    finish(as_json, tell, partial(_show_merged, record, output), failed=record["failed"])


def _show_merged(record: dict[str, Any], output: Path) -> None:
    console = results_console()
    for error in list(record["failed"].values())[:_SHOWN]:
        console.print(f"[yellow]left out[/yellow] {markup(error)}", soft_wrap=True)
    if record["without_bones"]:
        console.print(f"{len(record['without_bones'])} left out, as no bone is outlined: see merge.json")
    counts = f"{len(record['corrected'])} corrected and {len(record['predicted'])} predicted radiographs"
    console.print(f"{counts} in {markup(output)}", soft_wrap=True)
    command = f"handbone run correct --set data.path={quote(str(output))}"
    console.print(f"To train on them: {markup(command)}", soft_wrap=True, highlight=False)


def _write_csv(found: "LabelDiff", path: Path) -> None:
    import pandas as pd

    from handbone.core.files import atomic_file
    from handbone.workflows.label_diff import COLUMNS

    table = pd.DataFrame(found.to_json()["changes"], columns=COLUMNS)
    with atomic_file(path) as temporary:
        table.map(cell).to_csv(temporary, index=False)


def _show(found: "LabelDiff", output: Path | None) -> None:
    from handbone.workflows.label_diff import by_bone

    console, content = results_console(), found.to_json()
    if found.changes:
        table = headed_table("bone", "changed", "drawn", "removed", "renamed", "px added", "px removed", "mean Dice")
        for row in by_bone(found.changes):
            table.add_row(*_cells(row))
        console.print(table)
    for change in [one for one in found.changes if one.bone_before][:_SHOWN]:
        console.print(
            f"{markup(change.image)}: {change.bone} has the mask that {change.bone_before} had", soft_wrap=True
        )
    for error in list(found.failed.values())[:_SHOWN]:
        console.print(f"[yellow]not compared[/yellow] {markup(error)}", soft_wrap=True)
    for names, side in ((found.only_old, "OLD"), (found.only_new, "NEW")):
        if names:
            more = ", ..." if len(names) > _SHOWN else ""
            console.print(f"{len(names)} only in {side}: {markup(', '.join(names[:_SHOWN]))}{more}", soft_wrap=True)
    changed = len(content["changed_images"])
    console.print(f"{len(found.changes)} bones changed in {changed} of {len(found.images)} radiographs", soft_wrap=True)
    if output:
        console.print(f"Table: {markup(output)}", soft_wrap=True)


def _cells(row: dict[str, Any]) -> list[str]:
    counts = [str(row[kind]) if row[kind] else "" for kind in ("changed", "drawn", "removed", "renamed")]
    return [row["bone"], *counts, str(row["added_px"]), str(row["removed_px"]), f"{row['dice']:.3f}"]
