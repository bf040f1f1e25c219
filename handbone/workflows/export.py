"""Masks of a run, of `handbone predict` or of anyone's contest CSV in another format."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.folders import remove_empty_folders
from handbone.formats.working_copies import numbered
from handbone.plugins import SplitWriter
from handbone.workflows.doubt import ORDER_FILE, doubt_of, write_order
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.results import Results
from handbone.workflows.tasks import Crew, Failed, each_in_order, here, in_reach
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
    crew: Crew = here,
) -> dict[str, Any]:
    """Write every image of a source to a folder in one format; gives `export.json`'s content.

    Images whose masks cannot be read are left out and stand in its `failed`, each with its reason.

    Parameters
    ----------
    facts: further entries for `export.json`.
    order: "doubt" writes the most doubtful image first, numbers files by that order, and adds `order.csv`.
    overwrite: whether earlier exported masks may go.
    crew: who reads masks and makes what is of one image; files that hold several images are put together here.

    Raises
    ------
    HandboneError: no masks at all, an image that the format cannot take, or a folder that holds what must not go.
    """
    written = bones = 0
    failed: dict[str, str] = {}
    names, doubtful = _in_order(source, order), order == "doubt"
    asked = [_Asked(name, number if doubtful else None) for number, name in enumerate(names, start=1)]
    with results.fill(overwrite=overwrite, names=[RECORD_FILE]) as work:
        writer = make(work)
        split = writer if isinstance(writer, SplitWriter) else None
        prepare = partial(_exporting, in_reach(crew, source, source.again), work, make if split else None)
        for each, found in each_in_order(prepare, asked, title="Writing masks", crew=crew):
            if isinstance(found, Failed):
                failed[each.name] = found.error
                continue
            if found.refused is not None:
                raise found.refused
            if split is not None:
                split.add(found.part)
            else:
                writer.write(found.part)
            written += 1
            bones += found.masks
        if not bones:
            why = f": {next(iter(failed.values()))}" if failed else ""
            remedy = "choose predictions with masks"
            raise HandboneError(f"there are no masks{why}", where=source.path, remedy=remedy)
        writer.close()
        remove_empty_folders(work)  # a format may keep its files elsewhere
        if doubtful:
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


@dataclass(frozen=True)
class _Asked:
    """An image to export, and its number where files are numbered."""

    name: str
    number: int | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class _Exported:
    """What is left to write of an image: for a `SplitWriter` its part, else the image; or why the format refuses it."""

    part: Any
    masks: int
    refused: HandboneError | None = None


def _exporting(
    open_source: Callable[[], TableMasks], folder: Path, make: Maker | None
) -> Callable[[_Asked], _Exported]:
    """What reads an image, and makes the part of a split writer; `make` gives that, or None for other writers."""
    source = open_source()
    writer = make(folder) if make is not None else None

    def export(asked: _Asked) -> _Exported:
        image = source.image(asked.name)
        if asked.number is not None:
            image = replace(image, stem=numbered(image.stem, asked.number))
        masks = int(image.masks.present().sum())
        make_parent(folder, image)
        if not isinstance(writer, SplitWriter):
            return _Exported(image, masks)
        try:
            return _Exported(writer.part(image), masks)
        except HandboneError as error:
            return _Exported(None, masks, refused=error)

    return export
