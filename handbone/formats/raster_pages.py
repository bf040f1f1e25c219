"""The images in a file that Pillow has opened: which there are, how large each is, and how viewers turn it."""

import contextlib

from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from handbone.core.errors import HandboneError
from handbone.core.orientation import shown_size_hw
from handbone.core.radiograph import MAX_FRAMES, ImageHeader
from handbone.formats import tiff_tags
from handbone.formats.png_chunks import exif_in, exif_of_png

# Only these hold several images of equal standing: of an animated PNG the first is the image.
_OF_FRAMES = ("TIFF", "GIF", "WEBP")


def header_of(image: Image.Image, frame: int) -> ImageHeader:
    """The header of one of the images, which is opened then."""
    pages = pages_of(image)
    if pages != [0]:
        image.seek(pages[frame - 1 if frame <= len(pages) else 0])
    image.info.pop("xmp", None)  # by which Pillow turns a TIFF, too
    orientation = orientation_of(image)
    return ImageHeader(shown_size_hw(_stored_hw(image), orientation), len(pages), orientation)


def _stored_hw(image: Image.Image) -> tuple[int, int]:
    if isinstance(image, TiffImageFile):  # of these Pillow tells the size as shown
        return int(image.tag_v2[257]), int(image.tag_v2[256])
    return image.height, image.width


def orientation_of(image: Image.Image) -> int:
    """How viewers turn an image: by its EXIF, and by no other notes of its orientation."""
    exif: tiff_tags.Tags = {}
    if isinstance(image, TiffImageFile):
        exif = image.tag_v2
    elif isinstance(image, PngImageFile):
        exif = exif_of_png(image.fp) if image.fp else {}
    else:
        exif = exif_in(image.info.get("exif", b""))
    value = exif.get(tiff_tags.ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def pages_of(image: Image.Image) -> list[int]:
    """Numbers of the images in a file, from 0; a TIFF's reduced copies of an image and its masks are none."""
    if image.format not in _OF_FRAMES:
        return [0]
    if not isinstance(image, TiffImageFile):
        frames = getattr(image, "n_frames", 1)
        _check_frames(frames, image)
        return list(range(frames))
    at, full, page = image.tell(), [], 0
    with contextlib.suppress(EOFError):  # which ends them
        while True:
            image.seek(page)
            if tiff_tags.is_image(image.tag_v2):
                full.append(page)
            page += 1
            _check_frames(page, image)
    image.seek(at)
    return full or [0]


def _check_frames(frames: int, image: Image.Image) -> None:
    """Refuse a file of more images than anyone keeps in one."""
    if frames > MAX_FRAMES:
        what = f"it holds more than {MAX_FRAMES} images"
        raise HandboneError(
            what, where=getattr(getattr(image, "fp", None), "name", None), remedy="split it, or leave it out"
        )
