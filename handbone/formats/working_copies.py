"""Copies of radiographs that any annotation tool opens, under names that lead back to the radiograph."""

import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import read_image
from handbone.plugins.writing import PredictedImage

#: The folder of copies for tools that keep images and annotations apart.
IMAGES = "images"
# What every tool and browser opens as it is, if it holds 8 bits a value and is not turned.
_OPENED = (".png", ".jpg", ".jpeg")
_NUMBERED = re.compile(r"q\d{4,}-")


def write_copy(image: PredictedImage, folder: Path) -> str:
    """Copy an image's radiograph to `folder/STEM.EXTENSION`, with its folders; gives the path relative to `folder`.

    An upright PNG or JPEG of 8 bits is copied byte by byte. All others (16 bits, DICOM, TIFF, turned by an EXIF tag)
    become a PNG of 8 bits that shows what handbone has read, upright and with bright bones.

    Raises
    ------
    HandboneError: the radiograph is not at hand, cannot be read, or is not of the masks' size.
    """
    path, radiograph = _radiograph_of(image)
    if radiograph.size_hw != image.masks.size_hw:
        (height, width), (own_height, own_width) = image.masks.size_hw, radiograph.size_hw
        what = f"it has {own_width} x {own_height} pixels, but its masks have {width} x {height}"
        raise HandboneError(what, where=image.name, remedy="give the radiograph from which the masks were made")
    source = path if path is not None and _opens_anywhere(path, radiograph) else None
    name = f"{image.stem}{'.png' if source is None else source.suffix}"
    copy = folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        copy.write_bytes(_png(radiograph.image))
    else:
        shutil.copyfile(source, copy)
    return name


def _radiograph_of(image: PredictedImage) -> tuple[Path | None, Radiograph]:
    """An image's file, or the one image in it that is meant, and what it shows."""
    if image.path is None:
        if image.radiograph is not None:
            return None, image.radiograph
        what = "the radiograph was not found, but an annotation tool has to show it"
        raise HandboneError(what, where=image.name, remedy="give its folder with --images")
    path = image.path if image.frame == 1 else image.path.with_name(f"{image.path.name}#{image.frame}")
    return path, image.radiograph or read_image(path)


def about(image: PredictedImage) -> dict[str, Any]:
    """What is known of an image's masks, as JSON values, for formats that keep what they do not know."""
    return {
        "name": image.name,
        "model": image.model,
        "confidence": dict(image.confidence),
        "flags": [dict(flag) for flag in image.flags],
        "not_a_medical_device": True,
    }


def numbered(stem: str, number: int) -> str:
    """A stem that tools sort by its number: "q0001-p1/hand"."""
    return f"q{number:04d}-{stem}"


def name_before(key: str) -> str:
    """What a radiograph was called before it was copied and `numbered`; any other name as it is.

    >>> name_before("images/q0012-p1/hand.png")
    'p1/hand.png'
    """
    name = key.removeprefix(f"{IMAGES}/")
    match = _NUMBERED.match(name)
    return name[match.end() :] if match else name


def _opens_anywhere(path: Path, radiograph: Radiograph) -> bool:
    return path.suffix.lower() in _OPENED and radiograph.bits <= 8 and radiograph.orientation == 1


def _png(image: np.ndarray) -> bytes:
    # Without the mark of handbone's own images: it is a radiograph.
    done, data = cv2.imencode(".png", np.rint(image * 255).astype(np.uint8))
    assert done
    return data.tobytes()
