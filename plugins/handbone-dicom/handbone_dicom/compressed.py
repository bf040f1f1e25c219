"""Compressed pixels, and what decoders do not say of them: that they are cut, or deeper than the header has it."""

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from handbone.core.errors import HandboneError
from handbone.formats.jpeg_check import is_complete, layout_of

_LOSSY = JPEGBaseline8Bit, JPEGExtended12Bit
_OTHERS = JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless
_END = b"\xff\xd9"


def check_decodable(syntax: UID, path: Path) -> None:
    """Refuse a coding that nothing here decodes.

    Raises
    ------
    HandboneError: nobody knows it, it is that of a film, or the package that decodes it is missing.
    """
    if not syntax.is_transfer_syntax:
        remedy = "export the image again, uncompressed"
        raise HandboneError(f"its transfer syntax {str(syntax)[:64]} is not known", where=path, remedy=remedy)
    if not syntax.is_compressed or _is_decodable(syntax):
        return
    if syntax.name.startswith(("MPEG", "HEVC", "SMPTE")):
        raise HandboneError(f"it holds a film ({syntax.name})", where=path, remedy="export single images of it")
    remedy = "pip install 'handbone-dicom[compressed]' (pylibjpeg and its decoders)"
    raise HandboneError(f"no installed package can decode {syntax.name}", where=path, remedy=remedy)


def is_cut(dataset: Dataset, index: int, frames: int) -> bool:
    """Whether the JPEG of a frame, from 0, lacks its end or values before it; frames: as many as there are."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in (*_LOSSY, *_OTHERS):
        return False
    if (data := _codestream(dataset, index, frames)) is None:
        return False
    if syntax in _OTHERS:
        return not data.rstrip(b"\0").endswith(_END)
    layout = layout_of(data)
    return layout.end is None or (layout.bits == 8 and not is_complete(data, layout))


def correct_header(dataset: Dataset, index: int, frames: int) -> None:
    """Let the depth and the sign that a JPEG 2000 stream says of its values count, where the header has others."""
    if dataset.file_meta.TransferSyntaxUID not in JPEG2000TransferSyntaxes:
        return
    told = get_j2k_parameters(_codestream(dataset, index, frames) or b"")
    if told and told["precision"] <= int(dataset.BitsAllocated):
        dataset.BitsStored, dataset.HighBit = told["precision"], told["precision"] - 1
        dataset.PixelRepresentation = int(told["is_signed"])


def _codestream(dataset: Dataset, index: int, frames: int) -> bytes | None:
    """The coded values of a frame; None where they cannot be found, of which decoding tells."""
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    try:
        extended = offsets if all(offsets) else None
        return get_frame(dataset.PixelData, index, number_of_frames=frames, extended_offsets=extended)
    except Exception:  # damaged encapsulation
        return None


def _is_decodable(syntax: UID) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except (NotImplementedError, InvalidDicomError):
        return False
