"""Images of any kind to overlays, masks in one table, and a record of how each came about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.progress import console
from handbone.core.radiograph import Radiograph
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import MAX_PIXELS, Invert, check_pixels, read_image
from handbone.formats.image_search import InputImage
from handbone.method.confidence import confidence_of
from handbone.method.quality_control import flags
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.plugins import PredictedImage
from handbone.plugins.events import PREDICTION_MADE, notify
from handbone.report.overlay import draw_overlay
from handbone.workflows.one_by_one import ERRORS, Failure, Job, make_each
from handbone.workflows.outputs import OVERLAYS, RECORD_FILE, TABLE_FILE, file_stems
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


def written_names(images: Sequence[InputImage]) -> list[str]:
    """The files that will be written for images, those of `--write` apart."""
    stems = file_stems(image.key for image in images)
    files = [f"{OVERLAYS}/{stem}.png" for stem in stems.values()]
    return [TABLE_FILE, RECORD_FILE, *files, *map(record_file, stems)]


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
    overwrite: bool = False,
    earlier: Path | None = None,
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
    overwrite: whether earlier predictions may go.
    earlier: a folder of earlier predictions, whose results need not be made again where their fingerprint is the same.

    Returns
    -------
    One record an image; those that failed have an `error`.

    Raises
    ------
    HandboneError: another process is at work on the same folder, or it holds what must not go.
    """
    stems = file_stems(image.key for image in images)
    with results.fill(overwrite=overwrite, names=written_names(images)) as work:
        kept = StoredResults(work, fingerprint)
        kept.clean(stems.items())
        before = StoredResults(earlier, fingerprint) if earlier else None
        read = partial(read_image, invert=invert, max_pixels=max_pixels)
        records = {image.key: record for image in images if (record := _unusable(image, max_pixels))}
        _outline([image for image in images if image.key not in records], method, read, kept, before, stems, records)
        listed = [records[image.key] for image in images]
        if any(record.error is None for record in listed) or (work / ERRORS).exists():
            _join(images, records, kept, writers or {}, stems)
            write_json(
                work / RECORD_FILE, predictions_json(listed, method, {**(facts or {}), "fingerprint": fingerprint})
            )
    return listed


def _unusable(image: InputImage, max_pixels: int) -> ImageRecord | None:
    """The record of an image whose header says that it cannot be read or is too large; that is said before any work."""
    try:
        check_pixels(image.path, max_pixels)
    except HandboneError as error:
        console.print(f"Left out: {error}", markup=False, highlight=False, soft_wrap=True)
        return ImageRecord(image.key, str(image.path), error=str(error))
    return None


def _outline(
    images: Sequence[InputImage],
    method: TwoStage,
    read: partial[Radiograph],
    kept: StoredResults,
    before: StoredResults | None,
    stems: Mapping[str, str],
    records: dict[str, ImageRecord],
) -> None:
    """Add the record of each image by its key; results that are not kept yet are made and kept."""
    jobs = [
        Job(i.key, stems[i.key], str(i.path), partial(kept.key, i.path), partial(_made, i, method, read))
        for i in images
    ]
    results = make_each(jobs, kept, before, title="Outlining bones", total=len(jobs), done="outlined")
    records |= {image.key: _record_of(image, results[image.key]) for image in images}


def _made(
    image: InputImage, method: TwoStage, read: partial[Radiograph]
) -> tuple[dict[str, Any], Callable[[Path], None]]:
    """The result of an image, and what draws its overlay."""
    radiograph = read(image.path)
    outcome = method.predict(radiograph.image)
    masks = outcome.final.threshold(method.threshold)
    record = _record(image, radiograph, outcome, masks)
    notify(PREDICTION_MADE, image_name=image.key, masks=masks, confidence=dict(record.confidence))
    doubtful = sorted({INDEX[bone] for flag in record.flags for bone in flag["bones"]})
    draw = partial(_draw, image=radiograph.image, masks=masks, doubtful=doubtful)
    return {"record": asdict(record), "rle": masks.to_rle()}, draw


def _draw(path: Path, image: np.ndarray, masks: BoneMasks, doubtful: Sequence[int]) -> None:
    write_png(path, draw_overlay(image, masks, doubtful=doubtful))


def _record_of(image: InputImage, result: dict[str, Any] | Failure) -> ImageRecord:
    if isinstance(result, Failure):
        return ImageRecord(image.key, str(image.path), error=result.reason)
    return ImageRecord(**{**result["record"], "path": str(image.path)})


def _join(
    images: Sequence[InputImage],
    records: Mapping[str, ImageRecord],
    kept: StoredResults,
    writers: Mapping[str, Maker],
    stems: Mapping[str, str],
) -> None:
    """Write kept results as one table and in further formats; says in the records what could not be written."""
    done = [image for image in images if records[image.key].error is None]
    with PredictionsWriter(kept.folder / TABLE_FILE, confidence=True) as table:
        opened = Writers(writers, kept.folder)
        for image in done:
            record, cells = records[image.key], kept.read(image.key)["rle"]
            table.write_cells(image.key, cells, [record.confidence.get(name, 0.0) for name in NAMES])
            if writers:
                masks = BoneMasks.from_rle(cells, record.size_hw)
                radiograph = PredictedImage(image.key, image.path, masks, dict(record.confidence), stems[image.key])
                record.unwritten.update(opened.write(radiograph))
    failed = opened.close()
    for image in done:
        records[image.key].unwritten.update(failed)


def _record(image: InputImage, radiograph: Radiograph, outcome: MethodResult, masks: BoneMasks) -> ImageRecord:
    return ImageRecord(
        name=image.key,
        path=str(image.path),
        size_hw=radiograph.size_hw,
        inverted=radiograph.inverted,
        spacing_mm=radiograph.spacing_mm,
        spacing_source=radiograph.spacing_source,
        confidence=confidence_of(outcome, masks),
        location=outcome.location.to_json() if outcome.location else None,
        frames={name: frame.to_json() for name, frame in outcome.frames.items()},
        decisions=[decision.to_json() for decision in outcome.decisions],
        answers=[answer.to_json() for answer in outcome.answers],
        prompt_decisions=[decision.to_json() for decision in outcome.prompt_decisions],
        prior=outcome.prior.to_json() if outcome.prior else None,
        flags=[flag.to_json() for flag in flags(outcome, masks)],
        seconds={step: round(seconds, 4) for step, seconds in outcome.seconds.items()},
    )
