"""Pictures of any kind to overlays, masks in the contest's format, and a record of how each came about."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone import __version__
from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import whole_file, whole_folder, write_json
from handbone.core.progress import track
from handbone.core.radiograph import Radiograph
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import read_picture
from handbone.method.confidence import confidence_of
from handbone.method.quality_control import flags
from handbone.method.two_stage import Outcome, TwoStage
from handbone.plugins import PredictedPicture
from handbone.plugins.events import PREDICTION_MADE, fire
from handbone.report.overlay import draw_overlay
from handbone.workflows.outputs import RECORD_FILE, TABLE_FILE, file_stems
from handbone.workflows.writers import Maker, Writers

OVERLAYS = "overlays"


@dataclass(frozen=True)
class PictureRecord:
    """What became of one picture.

    Parameters
    ----------
    name, path: of the picture.
    error: why it was skipped; None where it was read.
    size_hw: the picture's height and width.
    inverted: whether it showed bones dark and was turned round.
    spacing_mm: from row to row and from column to column, where the file says so.
    confidence: bone name to the chance that its mask is right, where the weights were calibrated for that, else to the
        mean probability inside its mask; bones that were not found have no entry.
    location: where the hand was found and how the picture was turned for that; None where it was not looked for.
    frames: where the second stage looked, by the window's name, with fallback and reason; empty without one.
    decisions: one for each bone that the second stage may change.
    answers: what a prompted network said, one for each bone that it was asked for.
    prompt_decisions: one for each bone that the prompted network may change.
    flags: reasons to look again, see `handbone.method.quality_control`.
    unwritten: name of each writer that could not write it to the reason.
    seconds: time taken by each step.
    """

    name: str
    path: str
    error: str | None = None
    size_hw: tuple[int, int] | None = None
    inverted: bool = False
    spacing_mm: tuple[float, float] | None = None
    confidence: dict[str, float] = field(default_factory=dict)
    location: dict[str, Any] | None = None
    frames: dict[str, Any] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    prompt_decisions: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, Any]] = field(default_factory=list)
    unwritten: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def predict_pictures(
    pictures: Sequence[Path],
    method: TwoStage,
    folder: Path,
    *,
    facts: dict[str, Any] | None = None,
    writers: Mapping[str, Maker] | None = None,
) -> list[PictureRecord]:
    """Outline the bones of pictures and write the output folder, whole or not at all.

    Parameters
    ----------
    pictures: files with different base names, in the order in which they are written.
    method: the trained networks; its threshold makes the masks.
    folder: gets `overlays/NAME.png`, `predictions.csv` and `predictions.json`; replaced if it exists.
    facts: further entries for `predictions.json`.
    writers: name of each further format, which gets a folder of that name, to what makes its writer.

    Returns
    -------
    One record a picture; those that could not be read have an `error`.
    """
    records, stems = [], file_stems(pictures)
    with whole_folder(folder) as temporary, PredictionsWriter(temporary / TABLE_FILE, confidence=True) as table:
        opened = Writers(writers or {}, temporary)
        # Drawing and compressing an overlay takes as long as a network: a second thread does it meanwhile.
        with ThreadPoolExecutor(1) as drawing:
            pending: Future | None = None
            for path in track(pictures, "Outlining bones"):
                try:
                    picture = read_picture(path)
                except HandboneError as error:
                    records.append(PictureRecord(path.name, str(path), error=str(error)))
                    continue
                outcome = method.predict(picture.image)
                masks = outcome.final.threshold(method.threshold)
                record = _record(path, picture, outcome, masks)
                table.write(path.name, masks, [record.confidence.get(name, 0.0) for name in NAMES])
                records.append(record)
                written = PredictedPicture(path.name, path, masks, dict(record.confidence), stems[path.name])
                record.unwritten.update(opened.write(written))
                fire(PREDICTION_MADE, image_name=path.name, masks=masks, confidence=dict(record.confidence))
                if pending is not None:
                    pending.result()
                overlay = temporary / OVERLAYS / f"{stems[path.name]}.png"
                doubtful = sorted({INDEX[bone] for flag in record.flags for bone in flag["bones"]})
                pending = drawing.submit(_write_overlay, overlay, picture.image, masks, doubtful)
            if pending is not None:
                pending.result()
        failed = opened.close()
        for record in records:
            record.unwritten.update({} if record.error else failed)
        write_json(temporary / RECORD_FILE, predictions_json(records, method, facts or {}))
    return records


def predictions_json(records: list[PictureRecord], method: TwoStage, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything known about predictions, as JSON values."""
    return {
        "handbone": __version__,
        **facts,
        "threshold": method.threshold,
        "flip_tta": method.flip,
        "tta": "turned" in method.views,
        "views": list(method.views),
        "not_a_medical_device": True,
        "pictures": [asdict(record) for record in records],
    }


def _record(path: Path, picture: Radiograph, outcome: Outcome, masks: BoneMasks) -> PictureRecord:
    return PictureRecord(
        name=path.name,
        path=str(path),
        size_hw=picture.size_hw,
        inverted=picture.inverted,
        spacing_mm=picture.spacing_mm,
        confidence=confidence_of(outcome, masks),
        location=outcome.location.to_json() if outcome.location else None,
        frames={name: frame.to_json() for name, frame in outcome.frames.items()},
        decisions=[decision.to_json() for decision in outcome.decisions],
        answers=[answer.to_json() for answer in outcome.answers],
        prompt_decisions=[decision.to_json() for decision in outcome.prompt_decisions],
        flags=[flag.to_json() for flag in flags(outcome, masks)],
        seconds={step: round(seconds, 4) for step, seconds in outcome.seconds.items()},
    )


def _write_overlay(path: Path, image: np.ndarray, masks: BoneMasks, doubtful: Sequence[int]) -> None:
    overlay = draw_overlay(image, masks, doubtful=doubtful)
    done, data = cv2.imencode(".png", overlay[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])
    assert done
    with whole_file(path) as temporary:
        temporary.write_bytes(data.tobytes())
