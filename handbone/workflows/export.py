"""Masks of a run, of `handbone predict` or of anyone's contest CSV in another format."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.folders import remove_empty_folders
from handbone.core.progress import track
from handbone.formats.working_copies import numbered
from handbone.workflows.doubt import ORDER_FILE, doubt_of, write_order
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.results import Results
from handbone.workflows.writers import Maker, make_parent

RECORD_FILE = "export.json"
SCHEMA = "handbone.export/1"
#: In which order images are written: by name, or the most doubtful first.
Order = Literal["name", "doubt"]


def _in_order(source: TableMasks, order: Order) -> list[str]:
    if order == "name":
        return sorted(source.names)
    if not source.recorded:
        what = "nothing is known of how certain these masks are"
        remedy = "give a folder that 'handbone predict' wrote, or leave out --order"
        raise HandboneError(what, where=source.path, remedy=remedy)
    return sorted(sorted(source.names), key=lambda name: -doubt_of(source.recorded.get(name, {})))


def export_results(folder: Path) -> Results:
    """The output folder of `export_masks`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "exported masks")


def export_masks(
    source: TableMasks,
    make: Maker,
    results: Results,
    *,
    facts: dict[str, Any],
    order: Order = "name",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write every image of a source to a folder in one format; gives `export.json`'s content.

    Images whose masks cannot be read are left out and stand in its `failed`, each with its reason.

    Parameters
    ----------
    facts: further entries for `export.json`.
    order: "doubt" writes the most doubtful image first, numbers files by that order, and adds `order.csv`.
    overwrite: whether earlier exported masks may go.

    Raises
    ------
    HandboneError: no masks at all, an image that the format cannot take, or a folder that holds what must not go.
    """
    written = bones = 0
    failed: dict[str, str] = {}
    names = _in_order(source, order)
    with results.fill(overwrite=overwrite, names=[RECORD_FILE]) as work:
        writer = make(work)
        for number, name in enumerate(track(names, "Writing masks"), start=1):
            try:
                image = source.image(name)
            except HandboneError as error:  # one image must not cost the others
                failed[name] = str(error)
                continue
            if order == "doubt":
                image = replace(image, stem=numbered(image.stem, number))
            make_parent(work, image)
            writer.write(image)
            written += 1
            bones += int(image.masks.present().sum())
        if not bones:
            why = f": {next(iter(failed.values()))}" if failed else ""
            remedy = "choose predictions with masks"
            raise HandboneError(f"there are no masks{why}", where=source.path, remedy=remedy)
        writer.close()
        remove_empty_folders(work)  # a format may keep its files elsewhere
        if order == "doubt":
            write_order(work / ORDER_FILE, names, source.recorded)
        record = {
            "schema": SCHEMA,
            "handbone": __version__,
            **facts,
            "images": written,
            "failed": failed,
            "masks": bones,
            "not_a_medical_device": True,
        }
        write_json(work / RECORD_FILE, record)
    return record
