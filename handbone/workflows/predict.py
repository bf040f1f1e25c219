"""Images of any kind to overlays, masks in the contest format, and a record of how each came about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.files import atomic_file, write_json
from handbone.core.radiograph import Radiograph
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import Invert, read_image
from handbone.method.confidence import confidence_of
from handbone.method.quality_control import flags
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.plugins import PredictedImage
from handbone.plugins.events import PREDICTION_MADE, notify
from handbone.report.overlay import draw_overlay
from handbone.workflows.one_by_one import Failure, Job, make_each
from handbone.workflows.outputs import RECORD_FILE, TABLE_FILE, file_stems
from handbone.workflows.records import ImageRecord, predictions_json
from handbone.workflows.stored_results import StoredResults, resumable_folder
from handbone.workflows.writers import Maker, Writers


def predict_images(
    images: Sequence[Path],
    method: TwoStage,
    folder: Path,
    *,
    fingerprint: str,
    facts: dict[str, Any] | None = None,
    writers: Mapping[str, Maker] | None = None,
    invert: Invert = "auto",
    earlier: Path | None = None,
) -> list[ImageRecord]:
    """Outline the bones of images and write the output folder, whole or not at all.

    Each image's result is kept as soon as it is there, in a folder beside the output's. After an interruption the
    same call goes on where it was. An image that fails, in whatever way, is left out and listed.

    Parameters
    ----------
    images: files with different base names, in the order in which they are written.
    method: the trained networks; its threshold makes the masks.
    folder: gets `overlays/STEM.png`, `images/NAME.json`, `predictions.csv`, `predictions.json` and, for failures that
        nobody foresaw, `errors/STEM.txt`; replaced if it exists.
    fingerprint: of the method and its settings, see `prediction_fingerprint`.
    facts: further entries for `predictions.json`.
    writers: name of each further format, which gets a folder of that name, to what makes its writer.
    invert: whether images are turned round, see `read_image`.
    earlier: a folder of earlier predictions, whose results need not be made again where they are of the same mark.

    Returns
    -------
    One record an image; those that failed have an `error`.

    Raises
    ------
    HandboneError: another process is at work on the same folder.
    """
    stems = file_stems(images)
    with resumable_folder(folder) as workdir:
        kept = StoredResults(workdir, fingerprint)
        kept.clean(stems.items())
        before = StoredResults(earlier, fingerprint) if earlier else None
        records = _outline(images, method, invert, kept, before, stems)
        _join(images, records, kept, writers or {}, stems)
        listed = [records[path.name] for path in images]
        write_json(
            workdir / RECORD_FILE, predictions_json(listed, method, {**(facts or {}), "fingerprint": fingerprint})
        )
    return listed


def _outline(
    images: Sequence[Path],
    method: TwoStage,
    invert: Invert,
    kept: StoredResults,
    before: StoredResults | None,
    stems: Mapping[str, str],
) -> dict[str, ImageRecord]:
    """The record of each image by its name; results that are not kept yet are made and kept."""
    jobs = [
        Job(path.name, stems[path.name], str(path), partial(kept.key, path), partial(_made, path, method, invert))
        for path in images
    ]
    results = make_each(jobs, kept, before, title="Outlining bones", total=len(jobs), done="outlined")
    return {path.name: _record_of(path, results[path.name]) for path in images}


def _made(path: Path, method: TwoStage, invert: Invert) -> tuple[dict[str, Any], Callable[[Path], None]]:
    """The result of an image, and what draws its overlay."""
    radiograph = read_image(path, invert=invert)
    outcome = method.predict(radiograph.image)
    masks = outcome.final.threshold(method.threshold)
    record = _record(path, radiograph, outcome, masks)
    notify(PREDICTION_MADE, image_name=path.name, masks=masks, confidence=dict(record.confidence))
    doubtful = sorted({INDEX[bone] for flag in record.flags for bone in flag["bones"]})
    draw = partial(_write_overlay, image=radiograph.image, masks=masks, doubtful=doubtful)
    return {"record": asdict(record), "rle": masks.to_rle()}, draw


def _record_of(path: Path, result: dict[str, Any] | Failure) -> ImageRecord:
    if isinstance(result, Failure):
        return ImageRecord(path.name, str(path), error=result.reason)
    return ImageRecord(**{**result["record"], "path": str(path)})


def _join(
    images: Sequence[Path],
    records: Mapping[str, ImageRecord],
    kept: StoredResults,
    writers: Mapping[str, Maker],
    stems: Mapping[str, str],
) -> None:
    """Write kept results as one table and in further formats; says in the records what could not be written."""
    done = [path for path in images if records[path.name].error is None]
    with PredictionsWriter(kept.folder / TABLE_FILE, confidence=True) as table:
        opened = Writers(writers, kept.folder)
        for path in done:
            record, cells = records[path.name], kept.read(path.name)["rle"]
            table.write_cells(path.name, cells, [record.confidence.get(name, 0.0) for name in NAMES])
            if writers:
                masks = BoneMasks.from_rle(cells, record.size_hw)
                radiograph = PredictedImage(path.name, path, masks, dict(record.confidence), stems[path.name])
                record.unwritten.update(opened.write(radiograph))
    failed = opened.close()
    for path in done:
        records[path.name].unwritten.update(failed)


def _record(path: Path, radiograph: Radiograph, outcome: MethodResult, masks: BoneMasks) -> ImageRecord:
    return ImageRecord(
        name=path.name,
        path=str(path),
        size_hw=radiograph.size_hw,
        inverted=radiograph.inverted,
        spacing_mm=radiograph.spacing_mm,
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


def _write_overlay(path: Path, image: np.ndarray, masks: BoneMasks, doubtful: Sequence[int]) -> None:
    overlay = draw_overlay(image, masks, doubtful=doubtful)
    done, data = cv2.imencode(".png", overlay[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])
    assert done
    with atomic_file(path) as temporary:
        temporary.write_bytes(data.tobytes())
