"""The built-in reader: PNG, JPEG, TIFF, WebP, BMP, GIF and JPEG 2000, of any depth, grey or colour."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from handbone.core.errors import HandboneError
from handbone.core.orientation import shown_size_hw
from handbone.core.radiograph import ImageHeader, Radiograph
from handbone.formats import tiff_tags
from handbone.formats.arrays import radiograph_of
from handbone.formats.deep_colour import decode_by_opencv, float_tiff_header, is_deep_colour
from handbone.formats.file_kinds import HEAD_BYTES, kind_of
from handbone.formats.grey_values import grey_values
from handbone.formats.jpeg_check import is_complete, layout_of
from handbone.formats.png_chunks import missing_of_png
from handbone.formats.raster_pages import header_of, orientation_of, pages_of

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "JPEG2000", "PPM")
_SAVE_AS = "save it as PNG or as uncompressed TIFF, or leave it out"
_REMEDY = "copy it again from its source, or remove it"
# Pillow's own limit is a variable of its module.
_LOCK = threading.RLock()
# Deflate and its like make a file at most about so many times as small.
_MOST_PACKED = 1100


def read_raster(path: Path, frame: int = 1) -> Radiograph:
    """Decode an image in the orientation in which viewers show it, grey over its own range, bones bright.

    Colour becomes grey (BT.601), transparent parts and values that are no numbers black.

    Parameters
    ----------
    frame: which image of a file that holds several, from 1.

    Raises
    ------
    HandboneError: the file does not exist, is cut, is no image, or its decoder complains; names the file.
    """
    if only_opencv := _only_opencv(path):
        (values, clear), orientation = decode_by_opencv(path), only_opencv[1]
        bits = values.dtype.itemsize * 8
    else:
        with _opened(path) as file:
            values, clear, bits, orientation = _of_frame(file, path, frame)
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        raise HandboneError("none of its values is a number", where=path, remedy="export it again, or leave it out")
    return radiograph_of(values, clear, bits=bits, orientation=orientation)


def raster_header(path: Path, frame: int = 1) -> ImageHeader:
    """Size of one of the images of a file, and their number, from headers alone.

    Parameters
    ----------
    frame: which image, from 1; the first one where there is no such image.

    Raises
    ------
    HandboneError: the file does not exist or is no image.
    """
    if only_opencv := _only_opencv(path):
        return ImageHeader(shown_size_hw(*only_opencv), orientation=only_opencv[1])
    with _opened(path, whole=False) as image:
        return header_of(image, frame)


def raster_frames(path: Path) -> int:
    """Number of images that a file holds; a PNG's chunks are not looked through for it.

    Raises
    ------
    HandboneError: the file does not exist or is no image.
    """
    if _only_opencv(path):
        return 1
    with _opened(path, whole=False) as image:
        return len(pages_of(image))


def _only_opencv(path: Path) -> tuple[tuple[int, int], int] | None:
    """Stored size and orientation of a TIFF that Pillow does not know, and OpenCV does; None of any other file."""
    header = None
    try:
        with _quiet():
            if (header := float_tiff_header(path)) is not None:
                Image.open(path, formats=("TIFF",)).close()
        return None
    except Exception:  # whatever it does not know
        return header


def _of_frame(image: Image.Image, path: Path, frame: int) -> tuple[np.ndarray, np.ndarray | None, int, int]:
    """Values (H, W) as shown, where they are transparent, bits a value, and the orientation in the file."""
    header = header_of(image, frame)
    if not 1 <= frame <= header.frames:
        what = f"it holds {header.frames} image{'s' if header.frames > 1 else ''}, and no image {frame}"
        raise HandboneError(what, where=path, remedy="ask for one that is there")
    _check_length(image, path)
    page, orientation = image.tell(), orientation_of(image)
    if is_deep_colour(image):
        tags: tiff_tags.Tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
        if tiff_tags.is_apart(tags):
            what = "its colours of 16 bits lie in planes of their own, which decoders mix up"
            raise HandboneError(what, where=path, remedy="save it as grey of 16 bits, or with interleaved channels")
        image.load()  # OpenCV hides what libtiff and libpng complain of
        alpha = tiff_tags.has_alpha(tags)
        return *decode_by_opencv(path, page=page, orientation=orientation, alpha=alpha), 16, orientation
    bits = {"1": 1, "F": 32, "I": 32}.get(image.mode, 16 if ";16" in image.mode else 8)
    if isinstance(image, TiffImageFile):
        bits = max(image.tag_v2.get(tiff_tags.BITS, (1,)))
    return *grey_values(image, orientation), bits, orientation


@contextlib.contextmanager
def _opened(path: Path, *, whole: bool = True) -> Iterator[Image.Image]:
    """An image whose header was read; whatever goes wrong with it becomes an error that names the file.

    whole: whether a file that turns out to be cut is refused.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise HandboneError("this is neither a file nor a folder", where=path, remedy="give a file")
        with _quiet(), path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            _check_kind(path, head)
            if head.startswith(b"\xff\xd8"):
                _check_jpeg(path, head + file.read(), whole=whole)
            file.seek(0)
            with Image.open(file, formats=_FORMATS) as image:
                yield image
    except HandboneError:
        raise
    except UnidentifiedImageError:
        raise HandboneError(_unknown_coding(path, head), where=path, remedy=_SAVE_AS) from None
    except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
        what = f"cannot be read: {error.strerror}"
        raise HandboneError(what, where=path, remedy="check the path and its permissions") from None
    except MemoryError:
        what = "it takes more memory than there is"
        raise HandboneError(what, where=path, remedy="make it smaller, or give --max-pixels") from None
    except Exception as error:  # decoders raise many kinds on damaged files
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise HandboneError(f"its pixels cannot be decoded ({said})", where=path, remedy=_REMEDY) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's limit on pixels, which is lower than ours, and without its warnings of odd tags."""
    with _LOCK, warnings.catch_warnings(action="ignore"):
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_kind(path: Path, head: bytes) -> None:
    kind = kind_of(head)
    if not head:
        raise HandboneError("the file is empty", where=path, remedy=_REMEDY)
    if kind is not None and kind.remedy:
        raise HandboneError(f"this is {kind.name}", where=path, remedy=kind.remedy)


def _unknown_coding(path: Path, head: bytes) -> str:
    kind = kind_of(head)
    if kind is None:
        return "this is no image of a kind that is known"
    compression = tiff_tags.first_directory(path).get(tiff_tags.COMPRESSION)
    coded = f"coded by compression {compression}" if compression not in (None, 1) else "coded in a way"
    return f"this is {kind.name} that is damaged, or {coded} that nothing here decodes"


def _check_jpeg(path: Path, data: bytes, *, whole: bool) -> None:
    layout = layout_of(data)
    if layout.lossless or layout.near_lossless or layout.bits > 8:
        how = "JPEG-LS" if layout.near_lossless else f"JPEG of {layout.bits} bits"
        how = "JPEG lossless" if layout.lossless else how
        remedy = "pip install 'handbone-dicom[compressed]' reads it inside a DICOM file; else save it as PNG or TIFF"
        raise HandboneError(f"this is {how}, which common decoders do not know", where=path, remedy=remedy)
    if whole and not is_complete(data, layout):
        raise HandboneError("the JPEG file is truncated or damaged", where=path, remedy=_REMEDY)


def _check_length(image: Image.Image, path: Path) -> None:
    """Refuse a file that is too short for the pixels it claims, before memory is taken for them."""
    pixels, size = image.width * image.height, path.stat().st_size
    if image.format == "PNG" and pixels // 8 > size * _MOST_PACKED:
        what = f"it claims {image.width} x {image.height} pixels in {size} bytes"
        raise HandboneError(what, where=path, remedy=_REMEDY)
    if isinstance(image, TiffImageFile) and tiff_tags.is_sparse(image.tag_v2):
        raise HandboneError("the TIFF file is damaged: some of its strips are missing", where=path, remedy=_REMEDY)
    if isinstance(image, PngImageFile) and image.fp and (missing := missing_of_png(image.fp)):
        raise HandboneError(f"the PNG file is damaged: {missing}", where=path, remedy=_REMEDY)
