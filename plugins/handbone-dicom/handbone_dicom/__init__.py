"""DICOM for handbone: a reader of radiographs and a writer of masks. Importing this imports no pydicom."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from handbone.core.radiograph import ImageHeader
from handbone.plugins import NoSettings, ReaderSpec, Table, WriterSpec, hookimpl

_MAGIC = b"DICM"  # after a preamble of 128 bytes
# Class UIDs, or how they begin, of files that hold no image but lie beside them on disks from an archive.
_NO_IMAGES = (
    b"1.2.840.10008.1.3.10",  # the directory of a disk
    b"1.2.840.10008.5.1.4.3",  # protocols of hanging and colours, of implants
    b"1.2.840.10008.5.1.4.4",
    b"1.2.840.10008.5.1.4.1.1.4.2",  # spectra
    b"1.2.840.10008.5.1.4.1.1.9.",  # curves over time
    b"1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    b"1.2.840.10008.5.1.4.1.1.66",  # segmentations and registrations
    b"1.2.840.10008.5.1.4.1.1.68.",  # surfaces
    b"1.2.840.10008.5.1.4.1.1.88.",  # reports
    b"1.2.840.10008.5.1.4.1.1.104.",  # documents
    *(b"1.2.840.10008.5.1.4.1.1.481.%d" % number for number in (3, 4, 5, 6, 7, 8, 9)),  # plans of a therapy
)


def recognises(head: bytes) -> bool:
    """Whether a file's first bytes are those of a DICOM that may hold a radiograph; many have no extension."""
    return head[128:132] == _MAGIC and not any(uid in head for uid in _NO_IMAGES)


class SegSettings(Table):
    """Settings of DICOM SEG."""

    type: Literal["binary", "fractional"] = Field(
        default="binary", description="binary: one bit per pixel; fractional: a byte, for viewers that know no bits"
    )
    anonymous: bool = Field(
        default=False,
        description="leave name, number, dates and all else of the patient and the study empty; archives then cannot "
        "file the masks with their image",
    )


def _build_reader(settings: NoSettings):
    from handbone_dicom.reading import read_radiograph

    return read_radiograph


def _header(path: Path) -> ImageHeader:
    from handbone_dicom.reading import read_header

    return read_header(path)


@hookimpl
def handbone_readers() -> list[ReaderSpec]:
    """dicom."""
    return [
        ReaderSpec(
            name="dicom",
            summary="DICOM radiographs: window or VOI LUT, MONOCHROME1, shutter, frames, spacing",
            extensions=(".dcm", ".dicom"),
            recognises=recognises,
            build=_build_reader,
            header=_header,
        )
    ]


def _build_writer(settings: SegSettings, *, folder: Path):
    from handbone_dicom.segmentation import SegWriter

    return SegWriter(folder, fractional=settings.type == "fractional", anonymous=settings.anonymous)


@hookimpl
def handbone_writers() -> list[WriterSpec]:
    """dicom_seg."""
    return [
        WriterSpec(
            name="dicom_seg",
            summary="DICOM SEG, one per image; carries the patient's data of its source unless anonymous = true",
            build=_build_writer,
            settings=SegSettings,
        )
    ]
