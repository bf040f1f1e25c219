"""Images of any kind to overlays, masks in the contest format, and a record of how each came about."""

import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file, write_json, write_text
from handbone.core.progress import console, track
from handbone.core.radiograph import Radiograph
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import Invert, read_image
from handbone.method.confidence import confidence_of
from handbone.method.quality_control import flags
from handbone.method.two_stage import MethodResult, TwoStage
from handbone.plugins import PredictedImage
from handbone.plugins.events import PREDICTION_MADE, notify
from handbone.report.overlay import draw_overlay
from handbone.workflows.outputs import RECORD_FILE, TABLE_FILE, file_stems
from handbone.workflows.records import ImageRecord, predictions_json
from handbone.workflows.stored_results import StoredResults, resumable_folder
from handbone.workflows.writers import Maker, Writers

ERRORS = "errors"


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
    records: dict[str, ImageRecord] = {}
    done = 0
    # Drawing and compressing an overlay takes as long as a network: a second thread does it meanwhile.
    with ThreadPoolExecutor(1) as drawing:
        pending: tuple[Path, Future] | None = None
        for path in track(images, "Outlining bones"):
            name, stem = path.name, stems[path.name]
            try:
                key = kept.key(path)
                known = kept.find(name, stem, key) or (before and kept.copy_from(before, name, stem, key))
                if known:
                    records[name] = ImageRecord(**{**known["record"], "path": str(path)})
                    done += 1
                    continue
                radiograph = read_image(path, invert=invert)
                outcome = method.predict(radiograph.image)
                masks = outcome.final.threshold(method.threshold)
                records[name] = record = _record(path, radiograph, outcome, masks)
            except Exception as error:  # one image must not cost the others
                records[name] = _failed(path, error, kept.folder / ERRORS / f"{stem}.txt")
                continue
            notify(PREDICTION_MADE, image_name=name, masks=masks, confidence=dict(record.confidence))
            if pending is not None:
                _finish(*pending, records, kept, stems)
            pending = path, drawing.submit(_keep, kept, stem, key, radiograph.image, masks, record)
        if pending is not None:
            _finish(*pending, records, kept, stems)
    if done:
        console.print(f"{done} of {len(images)} images were outlined before", highlight=False)
    return records


def _keep(kept: StoredResults, stem: str, key: str, image: np.ndarray, masks: BoneMasks, record: ImageRecord) -> None:
    """Draw an image's overlay and keep its result."""
    doubtful = sorted({INDEX[bone] for flag in record.flags for bone in flag["bones"]})
    _write_overlay(kept.overlay(stem), image, masks, doubtful)
    kept.keep(record.name, stem, key, {"record": asdict(record), "rle": masks.to_rle()})


def _finish(
    path: Path, work: Future, records: dict[str, ImageRecord], kept: StoredResults, stems: Mapping[str, str]
) -> None:
    """Wait until an image's result is kept; an image that cannot be drawn has failed."""
    try:
        work.result()
    except OSError:  # a full disk is not the image's fault
        raise
    except Exception as error:  # one image must not cost the others
        records[path.name] = _failed(path, error, kept.folder / ERRORS / f"{stems[path.name]}.txt")


def _failed(path: Path, error: Exception, trace: Path) -> ImageRecord:
    """The record of an image that failed; what nobody foresaw is kept for a report of the fault."""
    if isinstance(error, HandboneError):
        return ImageRecord(path.name, str(path), error=str(error))
    write_text(trace, "".join(traceback.format_exception(error)))
    first = (str(error).strip().splitlines() or [""])[0]
    what = f"{path}: {type(error).__name__}: {first}; {ERRORS}/{trace.name} has the whole message"
    return ImageRecord(path.name, str(path), error=what)


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
