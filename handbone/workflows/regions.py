"""Regions of interest of a hand as PNG files with a manifest."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.files import write_json
from handbone.core.frame import Frame
from handbone.measure import Hand, Refused
from handbone.measure.rois import hand_frame, site_frame, sites, without_background
from handbone.workflows.png_file import write_png

MANIFEST = "manifest.json"
#: Of the manifest; a number is never used for two layouts.
SCHEMA = "handbone.regions/1"


def write_regions(hand: Hand, name: str, folder: Path, *, image_name: str) -> dict[str, Any]:
    """Write the crops of a set, the whole hand without its background, and `manifest.json`; gives the manifest.

    A site whose bones are not to be seen has no file, but a reason in the manifest.

    Parameters
    ----------
    name: of the set, "svdh" or "rus". folder: is made if it is not there.

    Raises
    ------
    HandboneError: the radiograph is not at hand.
    """
    image = hand.image
    if image is None:
        what = "there is no radiograph to crop"
        raise HandboneError(what, where=image_name, remedy="say where the radiographs are with --images")
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_crop(hand, site.kind, site.name, folder, partial(site_frame, hand, site), image) for site in sites(name)]
    rows.append(_whole_hand(hand, folder, image))
    try:
        side = hand.side
    except Refused:
        side = ""
    manifest = {
        "schema": SCHEMA,
        "set": name,
        "image": image_name,
        "side": side,
        "shown_as": "right",
        "mirrored": side == "left",
        "scale_source": hand.scale.source,
        "spacing_mm": hand.scale.spacing_mm,
        "regions": rows,
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def _whole_hand(hand: Hand, folder: Path, image: np.ndarray) -> dict[str, Any]:
    try:
        shown = without_background(hand, image)
    except Refused as refusal:
        return _row("hand", "hand", reason=str(refusal))
    return _crop(hand, "hand", "hand", folder, partial(hand_frame, hand), shown)


def _crop(
    hand: Hand, kind: str, name: str, folder: Path, framed: Callable[[], Frame], image: np.ndarray
) -> dict[str, Any]:
    try:
        frame = framed()
    except Refused as refusal:
        return _row(kind, name, reason=str(refusal))
    file = f"{name}.png" if kind == "hand" else f"{kind}_{name}.png"
    crop = np.round(np.clip(frame.warp(image.astype(np.float32)), 0, 1) * 255).astype(np.uint8)
    write_png(folder / file, crop)
    mm = None if hand.scale.spacing_mm is None else float(np.sqrt(np.prod(hand.pixel_xy)) / frame.scale)
    return _row(kind, name, file=file, frame=frame.to_json(), mm_per_px=mm)


def _row(
    kind: str, name: str, *, file: str = "", frame: Any = None, mm_per_px: float | None = None, reason: str = ""
) -> dict[str, Any]:
    return {"name": name, "kind": kind, "file": file, "mm_per_px": mm_per_px, "frame": frame, "reason": reason}
