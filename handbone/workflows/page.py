"""The page of a prediction folder: radiographs of any number to look through, made from what is kept of each."""

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from handbone.anatomy import INDEX, NAMES, SHORT_NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.escaping import cell, portable, printable
from handbone.core.frame import Frame
from handbone.core.progress import track
from handbone.formats.image_files import read_image
from handbone.measure import MEASURES
from handbone.report.cases import bone_paths, fit_view
from handbone.report.gallery import BoneShape, Card, Listed, write_gallery, write_list
from handbone.report.measurements import number_text
from handbone.report.templates import Kind
from handbone.workflows.measure import TABLE_FILE as MEASUREMENTS
from handbone.workflows.outputs import PAGE_FILE
from handbone.workflows.page_image import PAGE_PX, write_page_image
from handbone.workflows.records import ImageRecord, flag_text
from handbone.workflows.stored_results import StoredResults

#: Radiographs on one page; more make several pages.
PER_PAGE = 500
_ORDER: tuple[Kind, ...] = ("doubtful", "no_hand", "failed", "fine")
_FILE_NAMES = re.compile(rf"\b({'|'.join(sorted(NAMES, key=len, reverse=True))})\b")
#: A measure, of what, its value and a note; of each image by name.
MeasuredRow = tuple[str, str, str, str]
Measured = Mapping[str, tuple[MeasuredRow, ...]]
_FEW = 4  # measures of more bones or joints than this are left to the table


def write_pages(kept: StoredResults, records: Sequence[ImageRecord], stems: Mapping[str, str], weights: str) -> None:
    """Write `index.html`, `index-2.html` and so on into a prediction folder; one image is in memory at a time.

    Images that the page needs and that are not kept are read again. Measurements are taken from `measurements.csv`,
    where the folder has it.

    Parameters
    ----------
    kept: results of all records that have no error. records: each is asked for twice, and none is held.
    stems: name to what an image's files are called.
    weights: what made the predictions, for the page.
    """
    ranked = sorted((_rank(record), place, _listed(kept, record)) for place, record in enumerate(records))
    listed = [each for *_, each in ranked]
    counts = {kind: sum(each.kind == kind for each in listed) for kind in _ORDER}
    measured = read_measurements(kept.folder / MEASUREMENTS)
    starts = range(0, len(listed), PER_PAGE)
    pages = [PAGE_FILE, *(PAGE_FILE.replace(".", f"-{number}.") for number in range(2, len(starts) + 1))]

    if len(pages) > 1:
        write_list(kept.folder, listed)
    for number, start in enumerate(starts):
        page = listed[start : start + PER_PAGE]
        cards = make_cards(kept, _at(records, ranked[start : start + PER_PAGE]), stems, measured)
        drawn = track(cards, "Writing the page", total=len(page))
        write_gallery(
            kept.folder / pages[number],
            drawn,
            page=page,
            counts=counts,
            pages=pages,
            number=number,
            weights=printable(weights),
        )


def _at(records: Sequence[ImageRecord], ranked: Iterable[tuple[Any, int, Any]]) -> Iterator[ImageRecord]:
    return (records[place] for _, place, _ in ranked)


def _listed(kept: StoredResults, record: ImageRecord) -> Listed:
    return Listed(str(cell(portable(record.name))), _key(kept, record), _kind(record))


def make_cards(
    kept: StoredResults, records: Iterable[ImageRecord], stems: Mapping[str, str], measured: Measured
) -> Iterator[Card]:
    """The card of each record, in their order; parameters as in `write_pages`."""
    for record in records:
        yield _card(kept, record, stems.get(record.name, ""), measured.get(record.name, ()))


def _kind(record: ImageRecord) -> Kind:
    if record.outcome != "outlined":
        return record.outcome
    return "doubtful" if record.flags else "fine"


def _rank(record: ImageRecord) -> tuple[float, ...]:
    """Doubtful radiographs first, those with the most doubtful bones before others; then by confidence."""
    bones = {bone for flag in record.flags for bone in flag["bones"]}
    return _ORDER.index(_kind(record)), -len(bones), -len(record.flags), min(record.confidence.values(), default=0.0)


def _key(kept: StoredResults, record: ImageRecord) -> str:
    """What a verdict belongs to: the image's name and exactly these masks."""
    about = record.error if record.error is not None else kept.read(record.name)["rle"]
    return hashlib.sha256(json.dumps([record.name, about]).encode()).hexdigest()[:16]


def _card(
    kept: StoredResults,
    record: ImageRecord,
    stem: str,
    measurements: tuple[MeasuredRow, ...],
) -> Card:
    key, kind = _key(kept, record), _kind(record)
    name, flags = printable(record.name), tuple(printable(_in_words(flag)) for flag in record.flags)
    if record.error is not None or record.size_hw is None:
        why = str(record.error).removeprefix(f"{record.path}: ")
        return Card(name, key, kind, printable(record.path), (printable(why),))
    unwritten = tuple(f"not written as {printable(f)}: {printable(why)}" for f, why in record.unwritten.items())
    view = fit_view(record.size_hw, PAGE_PX)
    return Card(
        name,
        key,
        kind,
        _facts(record),
        flags + unwritten,
        size_hw=view.size_hw,
        image=_address(kept, kept.page_image(stem)) if _has_image(kept, record, stem) else "",
        overlay=_address(kept, kept.overlay(stem)),
        bones=_bones(BoneMasks.from_rle(kept.read(record.name)["rle"], record.size_hw), record, view),
        measurements=measurements,
    )


def _in_words(flag: dict[str, Any]) -> str:
    """A flag with the bones' short names, as the page calls them, each bone named once."""
    named = any(name in flag["message"] for name in flag["bones"])
    text = flag["message"] if named else flag_text(flag)
    return _FILE_NAMES.sub(lambda name: SHORT_NAMES[INDEX[name[0]]], text)


def _has_image(kept: StoredResults, record: ImageRecord, stem: str) -> bool:
    """Whether the page can show the image, which is read again where its JPEG is not kept."""
    path = kept.page_image(stem)
    if not path.is_file():
        try:
            radiograph = read_image(Path(record.path), invert="yes" if record.inverted else "no")
        except HandboneError:
            return False
        write_page_image(path, radiograph.image)
    return True


def _bones(masks: BoneMasks, record: ImageRecord, view: Frame) -> tuple[BoneShape, ...]:
    doubtful = {INDEX[bone] for flag in record.flags for bone in flag["bones"]}
    return tuple(
        BoneShape(bone, d, record.confidence.get(NAMES[bone], 0.0), bone in doubtful)
        for bone, d in bone_paths(masks, view)
    )


def _facts(record: ImageRecord) -> str:
    """What is said beside the name: size, scale, and what was done to the brightness."""
    assert record.size_hw is not None  # it was read
    height, width = record.size_hw
    facts = [f"{width} × {height} pixels"]
    if record.spacing_mm:
        facts.append(f"{record.spacing_mm[0]:.3g} mm a pixel")
    if record.inverted:
        facts.append("inverted, as bones looked dark")
    return ", ".join(facts)


def read_measurements(table: Path) -> Measured:
    """Of each image by name, its measurements: (measure, of what, value, note) each; empty without the table."""
    if not table.is_file():
        return {}
    few = {name: measure for name, measure in MEASURES.items() if len(measure.targets) <= _FEW}
    found: dict[str, tuple[MeasuredRow, ...]] = {}
    with open(table, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (measure := few.get(row["measure"])) is not None:
                value = number_text(float(row["value"]) if row["value"] else None, row["unit"], measure.kind)
                line = (measure.title, row["bone_or_joint"], value, row["reason"])
                found[row["image"]] = (*found.get(row["image"], ()), line)
    return found


def _address(kept: StoredResults, path: Path) -> str:
    """A file's address in a page of the folder, whatever bytes its name has."""
    return quote_from_bytes(os.fsencode(path.relative_to(kept.folder).as_posix()))
