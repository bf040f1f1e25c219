"""Images of any kind to overlays, masks in the contest format, and a record of how each came about."""

import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.files import atomic_file, write_json, write_text
from handbone.core.progress import console, track
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.image_files import Invert, read_image
from handbone.method.confidence import confidence_of
from handbone.method.several_hands import MOST_HANDS
from handbone.method.two_stage import TwoStage
from handbone.plugins import PredictedImage
from handbone.plugins.events import PREDICTION_MADE, notify
from handbone.report.overlay import draw_overlay
from handbone.workflows.outlining import Hands, Outlined, names_of_hands, outline
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
    hands: Hands = "one",
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
    hands: "all" gives each hand of an image a result of its own, NAME#1 and so on.
    earlier: a folder of earlier predictions, whose results need not be made again where they are of the same mark.

    Returns
    -------
    One record an image, or a hand; those that failed have an `error`.

    Raises
    ------
    HandboneError: another process is at work on the same folder.
    """
    stems = file_stems(images)
    with resumable_folder(folder) as workdir:
        kept = StoredResults(workdir, fingerprint)
        kept.clean((name, stems_of(stems, name)) for path in images for name in _possible_names(path.name, hands))
        before = StoredResults(earlier, fingerprint) if earlier else None
        records = _outline(images, method, invert, hands, kept, before, stems)
        listed = list(records.values())
        _join(listed, kept, writers or {}, stems)
        write_json(
            workdir / RECORD_FILE, predictions_json(listed, method, {**(facts or {}), "fingerprint": fingerprint})
        )
    return listed


def stems_of(stems: Mapping[str, str], name: str) -> str:
    """What files made from a result are called: as those of its image, and by the number of its hand."""
    image, sign, number = name, "", ""
    if name not in stems:
        image, sign, number = name.rpartition("#")
    return f"{stems[image]}{sign}{number}"


def _possible_names(name: str, hands: Hands) -> list[str]:
    return [name] if hands == "one" else [name, *names_of_hands(name, MOST_HANDS)]


def _outline(
    images: Sequence[Path],
    method: TwoStage,
    invert: Invert,
    hands: Hands,
    kept: StoredResults,
    before: StoredResults | None,
    stems: Mapping[str, str],
) -> dict[str, ImageRecord]:
    """The record of each result by its name; results that are not kept yet are made and kept."""
    records: dict[str, ImageRecord] = {}
    done = 0
    # Drawing and compressing an overlay takes as long as a network: a second thread does it meanwhile.
    with ThreadPoolExecutor(1) as drawing:
        pending: list[tuple[ImageRecord, Future]] = []
        for path in track(images, "Outlining bones"):
            try:
                key = kept.key(path)
                known = _known(path.name, key, kept, before, stems)
                if known:
                    records.update({record.name: replace(record, path=str(path)) for record in known})
                    done += 1
                    continue
                found = outline(method, read_image(path, invert=invert), invert=invert, hands=hands)
                names = names_of_hands(path.name, len(found))
                made = [_record(name, path, one, len(found)) for name, one in zip(names, found, strict=True)]
            except Exception as error:  # one image must not cost the others
                records[path.name] = _failed(path, error, kept.folder / ERRORS / f"{stems[path.name]}.txt")
                continue
            _finish(pending, records, kept, stems)
            for record, one in zip(made, found, strict=True):
                records[record.name] = record
                notify(PREDICTION_MADE, image_name=record.name, masks=one.masks, confidence=dict(record.confidence))
                stem = stems_of(stems, record.name)
                work = drawing.submit(_keep, kept, stem, key, one.radiograph.image, one.masks, record)
                pending.append((record, work))
        _finish(pending, records, kept, stems)
    if done:
        console.print(f"{done} of {len(images)} images were outlined before", highlight=False)
    return records


def _known(
    name: str, key: str, kept: StoredResults, before: StoredResults | None, stems: Mapping[str, str]
) -> list[ImageRecord]:
    """The records of an image's results, one a hand, if all of them are kept; else none."""
    for first in (name, f"{name}#1"):
        result = _find(first, key, kept, before, stems)
        if result is None:
            continue
        names = [name] if first == name else names_of_hands(name, result["record"]["hands"])
        found = [_find(each, key, kept, before, stems) for each in names]
        return [ImageRecord(**each["record"]) for each in found if each] if all(found) else []
    return []


def _find(
    name: str, key: str, kept: StoredResults, before: StoredResults | None, stems: Mapping[str, str]
) -> dict[str, Any] | None:
    stem = stems_of(stems, name)
    return kept.find(name, stem, key) or (kept.copy_from(before, name, stem, key) if before else None)


def _keep(kept: StoredResults, stem: str, key: str, image: np.ndarray, masks: BoneMasks, record: ImageRecord) -> None:
    """Draw an image's overlay and keep its result."""
    doubtful = sorted({INDEX[bone] for flag in record.flags for bone in flag["bones"]})
    _write_overlay(kept.overlay(stem), image, masks, doubtful)
    kept.keep(record.name, stem, key, {"record": asdict(record), "rle": masks.to_rle()})


def _finish(
    pending: list[tuple[ImageRecord, Future]],
    records: dict[str, ImageRecord],
    kept: StoredResults,
    stems: Mapping[str, str],
) -> None:
    """Wait until results are kept; one that cannot be drawn has failed."""
    for record, work in pending:
        try:
            work.result()
        except OSError:  # a full disk is not the image's fault
            raise
        except Exception as error:  # one image must not cost the others
            trace = kept.folder / ERRORS / f"{stems_of(stems, record.name)}.txt"
            records[record.name] = replace(_failed(Path(record.path), error, trace), name=record.name)
    pending.clear()


def _failed(path: Path, error: Exception, trace: Path) -> ImageRecord:
    """The record of an image that failed; what nobody foresaw is kept for a report of the fault."""
    if isinstance(error, HandboneError):
        return ImageRecord(path.name, str(path), error=str(error))
    write_text(trace, "".join(traceback.format_exception(error)))
    first = (str(error).strip().splitlines() or [""])[0]
    what = f"{path}: {type(error).__name__}: {first}; {ERRORS}/{trace.name} has the whole message"
    return ImageRecord(path.name, str(path), error=what)


def _join(
    records: Sequence[ImageRecord], kept: StoredResults, writers: Mapping[str, Maker], stems: Mapping[str, str]
) -> None:
    """Write kept results as one table and in further formats; says in the records what could not be written."""
    done = [record for record in records if record.error is None]
    with PredictionsWriter(kept.folder / TABLE_FILE, confidence=True) as table:
        opened = Writers(writers, kept.folder)
        for record in done:
            cells = kept.read(record.name)["rle"]
            table.write_cells(record.name, cells, [record.confidence.get(name, 0.0) for name in NAMES])
            if writers:
                masks = BoneMasks.from_rle(cells, record.size_hw)
                stem, path = stems_of(stems, record.name), Path(record.path)
                image = PredictedImage(record.name, path, masks, dict(record.confidence), stem)
                record.unwritten.update(opened.write(image))
    failed = opened.close()
    for record in done:
        record.unwritten.update(failed)


def _record(name: str, path: Path, one: Outlined, hands: int) -> ImageRecord:
    outcome, radiograph = one.hand.outcome, one.radiograph
    return ImageRecord(
        name=name,
        path=str(path),
        size_hw=radiograph.size_hw,
        inverted=radiograph.inverted,
        spacing_mm=radiograph.spacing_mm,
        spacing_source=radiograph.spacing_source,
        orientation=radiograph.orientation,
        hand=outcome.hand.to_json() if outcome.hand else None,
        hands=max(hands, 1 + one.hand.others) if one.is_hand else 0,
        roi=tuple(one.hand.roi) if one.hand.others else None,
        confidence=confidence_of(outcome, one.masks),
        location=outcome.location.to_json() if outcome.location else None,
        frames={name: frame.to_json() for name, frame in outcome.frames.items()},
        decisions=[decision.to_json() for decision in outcome.decisions],
        answers=[answer.to_json() for answer in outcome.answers],
        prompt_decisions=[decision.to_json() for decision in outcome.prompt_decisions],
        prior=outcome.prior.to_json() if outcome.prior else None,
        flags=[flag.to_json() for flag in one.flags],
        seconds={step: round(seconds, 4) for step, seconds in outcome.seconds.items()},
    )


def _write_overlay(path: Path, image: np.ndarray, masks: BoneMasks, doubtful: Sequence[int]) -> None:
    overlay = draw_overlay(image, masks, doubtful=doubtful)
    done, data = cv2.imencode(".png", overlay[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 2])
    assert done
    with atomic_file(path) as temporary:
        temporary.write_bytes(data.tobytes())
