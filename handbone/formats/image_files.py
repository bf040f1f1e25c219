"""Radiographs from files, whatever their format, as grey in [0, 1]."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from handbone.core.errors import HandboneError
from handbone.core.radiograph import MAX_FRAMES, ImageHeader, Radiograph
from handbone.formats import readers

#: Whether a radiograph shows bones dark and is turned round: as its own test says, or as a user knows.
Invert = Literal["auto", "yes", "no"]
#: Images of more pixels are refused before they are decoded, unless a user gives another limit.
MAX_PIXELS = 200_000_000
_FRAME = re.compile(r"(.+)#([1-9][0-9]{0,5})", re.DOTALL)


def is_image(path: Path) -> bool:
    """Whether a path is a file that a reader knows by its extension or, where it has none of theirs, by its content.

    `NAME#2`, the second image of a file that holds several, is one, too.
    """
    file, _ = split_frame(path)
    return file.is_file() and bool(readers.candidates(file))


def split_frame(path: str | Path) -> tuple[Path, int]:
    """A file and the number of the image in it that a path means: `scan.tif#2` is the second one of `scan.tif`.

    A file whose own name ends so means itself.
    """
    path = Path(path)
    match = _FRAME.fullmatch(path.name)
    if match and not path.exists():
        return path.with_name(match[1]), int(match[2])
    return path, 1


def frames_of(path: str | Path) -> Iterator[Path]:
    """The images that a file holds, as paths that `read_image` and the others take, from its header alone.

    One image is the file's own path; several are `NAME#1`, `NAME#2` and so on.

    Raises
    ------
    HandboneError: as `header_of`.
    """
    path = Path(path)
    frames = _count(path)
    yield from [path] if frames == 1 else (path.with_name(f"{path.name}#{number}") for number in range(1, frames + 1))


def _count(path: Path) -> int:
    if readers.is_builtin(readers.provider_of(path)) and split_frame(path) == (path, 1):
        from handbone.formats.raster import raster_frames

        return raster_frames(path)
    return header_of(path).frames


def header_of(path: str | Path) -> ImageHeader:
    """Size and number of images of a file, without decoding it where its reader can tell.

    Raises
    ------
    HandboneError: the file does not exist, is no image, or claims to hold more than `MAX_FRAMES`; names the file.
    """
    file, frame = split_frame(path)
    provider = readers.provider_of(file)
    if readers.is_builtin(provider):
        from handbone.formats.raster import raster_header

        header = raster_header(file, frame)
    else:
        told = readers.header_by(provider, file)
        header = told or ImageHeader(readers.built(provider.spec)(file).size_hw)
    if header.frames > MAX_FRAMES:
        what = f"it holds more than {MAX_FRAMES} images"
        raise HandboneError(what, where=file, remedy="split it, or leave it out")
    return header


def size_of(path: str | Path) -> tuple[int, int]:
    """Height and width of an image as shown, from its header where its reader can tell.

    Raises
    ------
    HandboneError: as `header_of`.
    """
    return header_of(path).size_hw


def check_pixels(path: str | Path, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image of too many pixels before it takes memory.

    Raises
    ------
    HandboneError: it is too large, or as `header_of`.
    """
    height, width = size_of(path)
    if height * width > max_pixels:
        what = f"it has {width} x {height} pixels, and at most {max_pixels / 1e6:g} million are read"
        raise HandboneError(what, where=path, remedy="make it smaller, or give a larger --max-pixels")


def read_image(path: str | Path, *, invert: Invert = "auto", max_pixels: int = MAX_PIXELS) -> Radiograph:
    """Decode a radiograph with the reader that is registered for its kind of file.

    A file that no reader knows is tried by the built-in one, which tells what it is by its content.

    Parameters
    ----------
    path: of a file, or `NAME#2` for the second image of one that holds several.
    invert: whether the file's values are turned round; "auto": where `is_inverted` says so. What the file itself says
        of its values (a DICOM's photometric interpretation) has been heeded before.
    max_pixels: an image of more is refused before it is decoded.

    Raises
    ------
    HandboneError: the file does not exist, is cut, is too large, or is no image; names the file. Or two packages can
        read it.
    """
    file, frame = split_frame(path)
    provider = readers.provider_of(file)
    if readers.is_builtin(provider) or readers.header_by(provider, file) is not None:
        check_pixels(path, max_pixels)
    read = readers.built(provider.spec)
    return with_invert(read(file) if frame == 1 else read(file, frame), invert)


def with_invert(radiograph: Radiograph, invert: Invert) -> Radiograph:
    """A radiograph read as a user says; "auto" leaves it as it is."""
    return radiograph if invert == "auto" else radiograph.as_inverted(invert == "yes")


def stem_of(name: str | Path) -> str:
    """An image's base name without its extension; the whole of one that ends in none, such as a DICOM's 1.2.840.1.

    >>> stem_of("hands/scan.tif#2")
    'scan#2'
    """
    path = Path(name)
    match = _FRAME.fullmatch(path.name)
    if match and Path(match[1]).suffix.lower() in readers.extensions():
        return f"{Path(match[1]).stem}#{match[2]}"
    return path.stem if path.suffix.lower() in readers.extensions() else path.name
