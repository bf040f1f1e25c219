"""A DICOM file to an image as a workstation shows it, with nothing of the patient in it."""

from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.formats.inversion import is_inverted
from handbone_dicom.values import shown, stored

# Only these are read: names, dates and the like never come into memory, and so not into an error's text either.
_TAGS = [
    "SOPClassUID",
    "Modality",
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
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "PixelData",
]
_COPY_AGAIN = "copy it again from its source, or leave it out"


def read_radiograph(path: Path) -> Radiograph:
    """Decode a radiograph: its first window or VOI LUT, bones bright, padding black, spacing in millimetres.

    Raises
    ------
    HandboneError: the file cannot be read, is no DICOM, is cut, holds no image or several, or is compressed in a way
        that nothing installed can decode; names the file.
    """
    dataset = _open(path)
    _check_image(dataset, path)
    values = _decode(dataset, path)
    try:
        image = shown(stored(values, dataset), dataset)
    except Exception as error:  # whatever damaged tables lead to
        what = f"its values cannot be shown ({type(error).__name__}: {error})"
        raise HandboneError(what, where=path, remedy=_COPY_AGAIN) from error
    inverted = is_inverted(image)
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    return Radiograph(1 - image if inverted else image, inverted, bits, spacing_mm(dataset))


def spacing_mm(dataset: Dataset) -> tuple[float, float] | None:
    """From row to row and from column to column: calibrated if possible, else at the detector; None where unknown."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            rows, columns = (float(value) for value in dataset.get(name) or ())
        except (TypeError, ValueError):
            continue
        if 0 < rows < np.inf and 0 < columns < np.inf:
            return rows, columns
    return None


def _open(path: Path) -> Dataset:
    try:
        # Older files lack the preamble, and forced reading takes anything: what was read is looked at afterwards.
        dataset = dcmread(path, force=True, specific_tags=_TAGS)
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise HandboneError(what, where=path, remedy="check the path and its permissions") from None
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise HandboneError(f"not a whole DICOM file ({error})", where=path, remedy=_COPY_AGAIN) from error
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_image(dataset: Dataset, path: Path) -> None:
    kind = dataset.get("SOPClassUID")
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        what = f"a DICOM file without an image ({kind.name})" if kind else "not a whole DICOM file"
        raise HandboneError(what, where=path, remedy="leave it out, or copy it again from its source")
    if dataset.get("Modality") == "SEG":
        raise HandboneError(f"no radiograph, but masks ({kind.name})", where=path, remedy="leave it out")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        remedy = "save the frame that shows the hand as a file of its own"
        raise HandboneError(f"it holds {frames} images, and a radiograph is one", where=path, remedy=remedy)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        raise HandboneError("it is coloured by a palette, and a radiograph is grey", where=path, remedy="leave it out")


def _decode(dataset: Dataset, path: Path) -> np.ndarray:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and not _decodable(syntax):
        remedy = "pip install 'handbone-dicom[compressed]' (pylibjpeg and its decoders)"
        raise HandboneError(f"nothing that is installed can decode {syntax.name}", where=path, remedy=remedy)
    try:
        return pixel_array(dataset)
    except Exception as error:  # as above; decoders of others add kinds of their own
        what = (
            f"its pixels cannot be decoded as {syntax.name} ({str(error).splitlines()[0] if str(error) else error!r})"
        )
        raise HandboneError(what, where=path, remedy=_COPY_AGAIN) from error


def _decodable(syntax) -> bool:
    try:
        return get_decoder(syntax).is_available
    except (NotImplementedError, InvalidDicomError):
        return False
