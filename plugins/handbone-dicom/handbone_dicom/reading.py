"""A DICOM file to images as a workstation shows them, with nothing of the patient in them."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from handbone.core.errors import HandboneError
from handbone.core.radiograph import ImageHeader, Radiograph
from handbone.formats.file_kinds import HEAD_BYTES, kind_of
from handbone.formats.inversion import is_inverted
from handbone_dicom import contradictions, functional_groups, shutter, spacing
from handbone_dicom.compressed import check_decodable, correct_header, is_cut
from handbone_dicom.deflated import check_deflated
from handbone_dicom.functional_groups import of_frame
from handbone_dicom.values import outside_of, shown, stored

_COLOURS = "Red", "Green", "Blue"
# Only these are read: names, dates and the like never come into memory, and so not into an error's text either.
_HEADER_TAGS = [
    "SOPClassUID",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ModalityLUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    *(
        f"{colour}PaletteColorLookupTable{what}"
        for colour in ("Red", "Green", "Blue")
        for what in ("Descriptor", "Data")
    ),
    *contradictions.TAGS,
    *spacing.TAGS,
    *shutter.TAGS,
    *functional_groups.TAGS,
]
_PIXELS = ["FloatPixelData", "DoubleFloatPixelData", "PixelData"]
_TAGS = [*_HEADER_TAGS, "ExtendedOffsetTable", "ExtendedOffsetTableLengths", *_PIXELS]
_COPY_AGAIN = "copy it again from its source, or leave it out"


def read_radiograph(path: Path, frame: int = 1) -> Radiograph:
    """Decode a radiograph: its first usable window or VOI LUT, bones bright, padding black, spacing in millimetres.

    Parameters
    ----------
    frame: which image of a file that holds several, from 1.

    Raises
    ------
    HandboneError: the file cannot be read, is no DICOM, is cut, holds no such image, or is compressed in a way that
        nothing installed can decode; names the file.
    """
    with _elements_of(path):
        return _read(path, frame)


def read_header(path: Path) -> ImageHeader:
    """Size and number of images of a file, without its pixels.

    Raises
    ------
    HandboneError: the file cannot be read, is no DICOM, or its number of images makes no sense; names the file.
    """
    with _elements_of(path):
        return _read_header(path)


@contextlib.contextmanager
def _elements_of(path: Path) -> Iterator[None]:
    """Any element, which pydicom decodes when it is asked for, may be damaged: that becomes an error of the file."""
    # pydicom warns of odd values and quotes them, whosever they are.
    with warnings.catch_warnings(action="ignore"):
        try:
            yield
        except HandboneError:
            raise
        except Exception as error:  # pydicom raises many kinds
            what = f"an element of its header is damaged ({type(error).__name__})"
            raise HandboneError(what, where=path, remedy=_COPY_AGAIN) from error


def _read(path: Path, frame: int) -> Radiograph:
    dataset = _open(path, _TAGS)
    frames = _check_image(dataset, path)
    if not 1 <= frame <= frames:
        what = f"it holds {frames} image{'s' if frames > 1 else ''}, and no image {frame}"
        raise HandboneError(what, where=path, remedy="ask for one that is there")
    values = _decode(dataset, path, frame - 1)
    try:
        packed, dataset = _is_packed(dataset), of_frame(dataset, frame - 1)
        grey = stored(values, dataset, packed=packed)
        image = shown(grey, dataset)
        outside = outside_of(grey, dataset)
    except Exception as error:  # whatever damaged tables lead to
        what = f"its values cannot be shown ({type(error).__name__}: {error})"
        raise HandboneError(what, where=path, remedy=_COPY_AGAIN) from error
    inverted = is_inverted(image)
    if inverted:
        image = 1 - image
        if outside is not None:
            image[outside] = 0
    lengths, source, remarks = spacing.spacing_of(dataset)
    return Radiograph(
        image,
        inverted,
        int(dataset.get("BitsStored") or dataset.BitsAllocated),
        lengths,
        spacing_source=source,
        remarks=contradictions.remarks_of(dataset) + remarks,
        laterality=contradictions.laterality_of(dataset),
    )


def _read_header(path: Path) -> ImageHeader:
    dataset = _open(path, _HEADER_TAGS, pixels=False)
    try:
        size = int(dataset.Rows), int(dataset.Columns)
    except (AttributeError, TypeError, ValueError):
        raise _without_image(dataset, path) from None
    return ImageHeader(size, _frames(dataset, path))


def _open(path: Path, tags: list[str], *, pixels: bool = True) -> Dataset:
    try:
        with path.open("rb") as file:
            _check_kind(path, file.read(HEAD_BYTES))
        check_deflated(path)
        # Older files lack the preamble, and forced reading takes anything: what was read is looked at afterwards.
        dataset = dcmread(path, force=True, specific_tags=tags, stop_before_pixels=not pixels)
    except HandboneError:
        raise
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise HandboneError(what, where=path, remedy="check the path and its permissions") from None
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise HandboneError(f"is not a complete DICOM file ({error})", where=path, remedy=_COPY_AGAIN) from error
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_kind(path: Path, head: bytes) -> None:
    """Refuse a file that is something else, whatever its name, or the directory of a disk."""
    kind = kind_of(head)
    if kind is not None and ((kind.remedy and not head[128:132] == b"DICM") or "directory" in kind.name):
        raise HandboneError(f"this is {kind.name}", where=path, remedy=kind.remedy)
    if kind is not None and head[128:132] != b"DICM":
        remedy = f"give it the extension that fits, in place of {path.suffix or 'none'}"
        raise HandboneError(f"this is {kind.name}, and no DICOM file", where=path, remedy=remedy)


def _check_image(dataset: Dataset, path: Path) -> int:
    """The number of images in a file that holds radiographs, as far as its header says."""
    if not any(name in dataset for name in _PIXELS):
        raise _without_image(dataset, path)
    if dataset.get("Modality") == "SEG":
        raise HandboneError("contains masks instead of a radiograph", where=path, remedy="remove it")
    return _frames(dataset, path)


def _without_image(dataset: Dataset, path: Path) -> HandboneError:
    kind = dataset.get("SOPClassUID")  # several values, or none that is known, in a damaged file
    known = isinstance(kind, UID) and kind.name != kind
    what = f"a DICOM file without an image ({kind.name})" if known else "is not a complete DICOM file"
    return HandboneError(what, where=path, remedy="remove it, or copy it again from its source")


def _frames(dataset: Dataset, path: Path) -> int:
    said = dataset.get("NumberOfFrames")
    try:
        frames = 1 if said in (None, "") else int(said)
    except (TypeError, ValueError):
        frames = 0
    if frames < 1:
        what = f"its header says that it holds {said} images"
        raise HandboneError(what, where=path, remedy=_COPY_AGAIN)
    return frames


def _decode(dataset: Dataset, path: Path, index: int) -> np.ndarray:
    syntax = dataset.file_meta.TransferSyntaxUID
    check_decodable(syntax, path)
    _check_length(dataset, path)
    frames = _frames(dataset, path)
    if is_cut(dataset, index, frames):
        raise HandboneError(f"its pixels, {syntax.name}, are truncated or damaged", where=path, remedy=_COPY_AGAIN)
    try:
        correct_header(dataset, index, frames)
        # pydicom clears the bits above as many as are stored, also where these lie at the top of their words.
        whole_words = {"bits_stored": int(dataset.BitsAllocated)} if _is_packed(dataset) else {}
        # Colour stays as it is coded: of YBR the first channel is what counts.
        return pixel_array(dataset, index=index, raw=True, **whole_words)
    except Exception as error:  # as above; decoders of others add kinds of their own
        said = (str(error).strip().splitlines() or [repr(error)])[0]
        what = f"its pixels cannot be decoded as {syntax.name} ({said})"
        raise HandboneError(what, where=path, remedy=_COPY_AGAIN) from error


def _is_packed(dataset: Dataset) -> bool:
    """Whether values come out of a file as the header lays them out in words, and not from a decoder."""
    syntax = dataset.file_meta.TransferSyntaxUID
    return not syntax.is_compressed or syntax == RLELossless


def _check_length(dataset: Dataset, path: Path) -> None:
    """Refuse uncompressed images, of which the header says that there are more than the pixels are enough for."""
    data = dataset.get("PixelData")
    frames = _frames(dataset, path)
    if frames == 1 or data is None or dataset.file_meta.TransferSyntaxUID.is_compressed:
        return
    size = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
    whole = len(data) * 8 // max(1, size * int(dataset.BitsAllocated))
    if whole < frames:
        what = f"its header says that it holds {frames} images, and its pixels are enough for {whole}"
        raise HandboneError(what, where=path, remedy=_COPY_AGAIN)
