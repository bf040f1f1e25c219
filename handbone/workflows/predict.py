"""Images of any kind to overlays, masks in one table, and a record of how each came about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handbone.anatomy import NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.progress import console
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import MAX_PIXELS, Invert, check_pixels, read_image, split_frame
from handbone.formats.image_search import InputImage
from handbone.method.several_hands import MOST_HANDS
from handbone.method.two_stage import TwoStage
from handbone.plugins import PredictedImage
from handbone.report.overlay import draw_overlay
from handbone.workflows.one_by_one import ERRORS, Failure, Find, Job, Made, make_each
from handbone.workflows.outlining import Hands, Outlined, names_of_hands, outline, records_of
from handbone.workflows.outputs import OVERLAYS, PAGE_FILE, RECORD_FILE, TABLE_FILE, file_stems
from handbone.workflows.page import write_page_image, write_pages
from handbone.workflows.png_file import write_png
from handbone.workflows.records import ImageRecord, predictions_json
from handbone.workflows.results import Results
from handbone.workflows.stored_results import StoredResults, record_file
from handbone.workflows.writers import Maker, Writers


def prediction_results(folder: Path) -> Results:
    """The output folder of `predict_images`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "predictions", resumable=True)


def written_names(images: Sequence[InputImage], hands: Hands = "one", *, page: bool = False) -> list[str]:
    """The files that may be written for images, those of `--write` and the images of the page apart."""
    stems = possible_stems(images, hands)
    files = [f"{OVERLAYS}/{stem}.png" for stem in stems.values()]
    return [TABLE_FILE, RECORD_FILE, *([PAGE_FILE] if page else []), *files, *map(record_file, stems)]


def possible_stems(images: Sequence[InputImage], hands: Hands) -> dict[str, str]:
    """Name of each result that may come to what files made from it are called."""
    stems = file_stems(image.key for image in images)
    if hands == "one":
        return stems
    several = {
        name: of_hand
        for key, stem in stems.items()
        for name, of_hand in zip(names_of_hands(key, MOST_HANDS), names_of_hands(stem, MOST_HANDS), strict=True)
    }
    return {**stems, **several}


def predict_images(
    images: Sequence[InputImage],
    method: TwoStage,
    results: Results,
    *,
    fingerprint: str,
    facts: dict[str, Any] | None = None,
    writers: Mapping[str, Maker] | None = None,
    invert: Invert = "auto",
    max_pixels: int = MAX_PIXELS,
    hands: Hands = "one",
    page: bool = False,
    overwrite: bool = False,
    earlier: Path | None = None,
    measure: Callable[[Path], Mapping[str, str]] | None = None,
) -> list[ImageRecord]:
    """Outline the bones of images and write the output folder, whole or not at all.

    Each image's result is kept as soon as it is there, in a folder beside the output's. After an interruption the
    same call goes on where it was. An image that fails, in whatever way, is left out and listed. Where all fail for
    reasons that are known, nothing is written.

    Parameters
    ----------
    images: in the order in which they are written.
    method: the trained networks; its threshold makes the masks.
    results: gets `overlays/STEM.png`, `records/KEY.json`, `predictions.csv`, `predictions.json` and, for failures that
        nobody foresaw, `errors/STEM.txt`.
    fingerprint: of the method and its settings, see `prediction_fingerprint`.
    facts: further entries for `predictions.json`.
    writers: name of each further format, which gets a folder of that name, to what makes its writer.
    invert: whether images are turned round, see `read_image`.
    max_pixels: images with more, by their headers, fail before they are decoded.
    hands: "all" gives each hand of an image a result of its own, KEY#1 and so on.
    page: whether `index.html` is written, with `page/STEM.jpg` for each image.
    overwrite: whether earlier predictions may go.
    earlier: a folder of earlier predictions, whose results need not be made again where their fingerprint is the same.
    measure: adds measurements to the folder once the tables are there; gives the reason of each image without any.

    Returns
    -------
    One record an image, or a hand; those that failed have an `error`.

    Raises
    ------
    HandboneError: another process is at work on the same folder, or it holds what must not go.
    """
    stems = possible_stems(images, hands)
    with results.fill(overwrite=overwrite, names=written_names(images, hands, page=page)) as work:
        kept = StoredResults(work, fingerprint, page=page)
        kept.clean(stems.items())
        before = StoredResults(earlier, fingerprint) if earlier else None

        def outlined(path: Path) -> list[Outlined]:
            radiograph = read_image(path, invert=invert, max_pixels=max_pixels)
            return outline(method, radiograph, invert=invert, hands=hands)

        records = {image.key: record for image in images if (record := _unusable(image, max_pixels))}
        _outline([image for image in images if image.key not in records], outlined, kept, before, stems, records)
        listed = [record for image in images for record in _of_image(image, records)]
        any_done = any(record.error is None for record in listed)
        if any_done or (work / ERRORS).exists():
            _join(listed, kept, writers or {}, stems, str((facts or {}).get("weights", "")))
            all_facts = {**(facts or {}), "fingerprint": fingerprint}
            write_json(work / RECORD_FILE, predictions_json(listed, method, all_facts))
            if measure is not None and any_done and (unmeasured := measure(work)):
                for record in listed:
                    if record.name in unmeasured:
                        record.unwritten["measurements"] = unmeasured[record.name]
                write_json(work / RECORD_FILE, predictions_json(listed, method, all_facts))
            if page:
                write_pages(kept, listed, stems, str((facts or {}).get("weights", "")))
    return listed


def _unusable(image: InputImage, max_pixels: int) -> ImageRecord | None:
    """The record of an image whose header says that it cannot be read or is too large; that is said before any work."""
    try:
        check_pixels(image.path, max_pixels)
    except HandboneError as error:
        console.print(f"Skipped: {error}", markup=False, highlight=False, soft_wrap=True)
        return ImageRecord(image.key, str(image.path), error=str(error))
    return None


def _outline(
    images: Sequence[InputImage],
    outlined: Callable[[Path], list[Outlined]],
    kept: StoredResults,
    before: StoredResults | None,
    stems: Mapping[str, str],
    records: dict[str, ImageRecord],
) -> None:
    """Add the record of each image by its key, or of each hand; results that are not kept yet are made and kept."""
    jobs = [
        Job(
            image.key,
            stems[image.key],
            str(image.path),
            key=partial(kept.key, split_frame(image.path)[0]),
            make=partial(_made, image, outlined, stems, kept),
            known=partial(_known, image, stems),
        )
        for image in images
    ]
    results = make_each(jobs, kept, before, title="Outlining bones", total=len(jobs), done="outlined")
    for image in images:
        found = results[image.key]
        if isinstance(found, Failure):
            records[image.key] = ImageRecord(image.key, str(image.path), error=found.reason)
        else:
            made = [ImageRecord(**{**result["record"], "path": str(image.path)}) for result in found]
            records |= {record.name: record for record in made}


def _made(
    image: InputImage, outlined: Callable[[Path], list[Outlined]], stems: Mapping[str, str], kept: StoredResults
) -> list[Made]:
    """The results of an image, one a hand, and what draws their overlays."""
    found = outlined(image.path)
    made = []
    for one, record in zip(found, records_of(image.key, image.path, found), strict=True):
        shown = kept.page_image(stems[record.name]) if kept.page else None
        draw = partial(_draw, image=one.radiograph.image, masks=one.masks, doubtful=one.doubtful, shown=shown)
        result = {"record": asdict(record), "rle": one.masks.to_rle()}
        made.append(Made(record.name, stems[record.name], result, draw))
    return made


def _draw(path: Path, image: np.ndarray, masks: BoneMasks, doubtful: Sequence[int], shown: Path | None) -> None:
    if shown is not None:
        write_page_image(shown, image)
    write_png(path, draw_overlay(image, masks, doubtful=doubtful))


def _known(image: InputImage, stems: Mapping[str, str], find: Find) -> list[dict[str, Any]]:
    """The kept results of an image, one a hand, if all of them are there; else none."""
    if (only := find(image.key, stems[image.key])) is not None:
        return [only]
    first = f"{image.key}#1"
    result = find(first, stems[first]) if first in stems else None
    if result is None:
        return []
    names = names_of_hands(image.key, result["record"]["hands"])
    found = [find(name, stems[name]) for name in names]
    return [one for one in found if one is not None] if all(found) else []


def _of_image(image: InputImage, records: Mapping[str, ImageRecord]) -> list[ImageRecord]:
    """The records of an image's results, one a hand."""
    if image.key in records:
        return [records[image.key]]
    return [records[name] for name in names_of_hands(image.key, MOST_HANDS) if name in records]


def _join(
    records: Sequence[ImageRecord],
    kept: StoredResults,
    writers: Mapping[str, Maker],
    stems: Mapping[str, str],
    model: str,
) -> None:
    """Write kept results as one table and in further formats; says in the records what could not be written."""
    done = [record for record in records if record.error is None]
    with PredictionsWriter(kept.folder / TABLE_FILE, confidence=True) as table:
        opened = Writers(writers, kept.folder)
        for record in done:
            cells = kept.read(record.name)["rle"]
            assert record.size_hw is not None  # it was read
            confidence = [record.confidence.get(name, 0.0) for name in NAMES]
            table.write_cells(record.name, cells, confidence, size_hw=(record.size_hw[0], record.size_hw[1]))
            if writers:
                masks = BoneMasks.from_rle(cells, record.size_hw)
                path, frame = split_frame(record.path)
                image = PredictedImage(
                    record.name,
                    path,
                    masks,
                    dict(record.confidence),
                    stems[record.name],
                    frame=frame,
                    flags=record.flags,
                    model=model,
                    spacing_mm=record.spacing_mm,
                )
                record.unwritten.update(opened.write(image))
    failed = opened.close()
    for record in done:
        record.unwritten.update(failed)
