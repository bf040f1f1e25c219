"""Corrected masks over predicted ones, as one labelled data set to train on."""

import shutil
from pathlib import Path
from typing import Any

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.progress import track
from handbone.formats.coco_writer import CocoWriter
from handbone.formats.working_copies import IMAGES, write_copy
from handbone.plugins import PredictedImage
from handbone.workflows.masks.source import MaskSource
from handbone.workflows.matched_names import matched
from handbone.workflows.results import Results

RECORD_FILE = "merge.json"
SCHEMA = "handbone.data.merge/1"


def merge_results(folder: Path) -> Results:
    """The output folder of `merge_labels`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "merged labels")


def merge_labels(
    corrected: MaskSource, predicted: MaskSource, results: Results, *, overwrite: bool = False
) -> dict[str, Any]:
    """Write a COCO data set with the radiographs: corrected masks where there are any, else predicted ones.

    Both sources stay as they are. Radiographs are copied from where the predictions had them, at their full depth.

    Parameters
    ----------
    results: gets `annotations.json`, `images/` and `merge.json`. overwrite: whether earlier merged labels may go.

    Returns
    -------
    `merge.json`'s content: whose masks each image has, those left out as they have none, and `failed` with reasons.

    Raises
    ------
    HandboneError: no image at all, or a folder that holds what must not go.
    """
    pairs = {other: name for name, other in matched(corrected.names, predicted.names).items()}
    alone = sorted(set(corrected.names) - set(pairs.values()))
    used: dict[str, list[str]] = {"corrected": [], "predicted": [], "without_bones": []}
    failed: dict[str, str] = {}
    with results.fill(overwrite=overwrite, names=[RECORD_FILE]) as work:
        writer = CocoWriter(work)
        for name in track([*sorted(predicted.names), *alone], "Merging"):
            try:
                image, source = _merged(name, corrected, predicted, pairs, alone)
                if not image.masks.present().any():  # nothing to learn from
                    used["without_bones"].append(name)
                    continue
                copied = _copy_image(image, work / IMAGES)
                writer.write(PredictedImage(f"{IMAGES}/{copied}", image.path, image.masks, image.confidence))
            except HandboneError as error:  # one image must not cost the others
                failed[name] = str(error)
                continue
            used[source].append(name)
        if not used["corrected"] and not used["predicted"]:
            why = next(iter(failed.values()), "no bone is outlined")
            raise HandboneError(f"there is nothing to merge: {why}", where=corrected.path)
        writer.close()
        record = {"schema": SCHEMA, "handbone": __version__, **used, "failed": failed, "not_a_medical_device": True}
        write_json(work / RECORD_FILE, record)
    return record


def _merged(
    name: str, corrected: MaskSource, predicted: MaskSource, pairs: dict[str, str], alone: list[str]
) -> tuple[PredictedImage, str]:
    """An image with the masks that hold, and whose they are."""
    if name in alone:
        return corrected.image(name), "corrected"
    if name not in pairs:
        return predicted.image(name), "predicted"
    own, before = corrected.image(pairs[name]), predicted.image(name)
    if own.masks.size_hw != before.masks.size_hw:
        what = "corrected and predicted masks belong to images of different sizes"
        raise HandboneError(what, where=name, remedy="export the predictions again for this radiograph")
    path, frame = (before.path, before.frame) if before.path else (own.path, own.frame)
    return PredictedImage(name, path, own.masks, stem=before.stem, frame=frame), "corrected"


def _copy_image(image: PredictedImage, folder: Path) -> str:
    """Copy a radiograph as it is, or the one image of a file that holds several; gives its path below `folder`."""
    if image.path is None or image.frame != 1:
        return write_copy(image, folder)
    copy = folder / f"{image.stem}{image.path.suffix}"
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image.path, copy)
    return f"{image.stem}{image.path.suffix}"
