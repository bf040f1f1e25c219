"""DICOM for handbone: a reader of radiographs. Importing this imports no pydicom."""

from handbone.plugins import NoSettings, ReaderSpec, hookimpl

_MAGIC = b"DICM"  # after a preamble of 128 bytes
# Class UIDs, or how they begin, of files that hold no picture but lie beside them on disks from an archive.
_NO_PICTURES = (
    b"1.2.840.10008.1.3.10",  # the directory of a disk
    b"1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    b"1.2.840.10008.5.1.4.1.1.66",  # segmentations and registrations
    b"1.2.840.10008.5.1.4.1.1.88.",  # reports
    b"1.2.840.10008.5.1.4.1.1.104.",  # documents
)


def recognises(head: bytes) -> bool:
    """Whether a file's first bytes are those of a DICOM that may hold a radiograph; many have no extension."""
    return head[128:132] == _MAGIC and not any(uid in head for uid in _NO_PICTURES)


def _build_reader(settings: NoSettings):
    from handbone_dicom.reading import read_radiograph

    return read_radiograph


@hookimpl
def handbone_readers() -> list[ReaderSpec]:
    """dicom."""
    return [
        ReaderSpec(
            name="dicom",
            summary="DICOM radiographs: window or VOI LUT, MONOCHROME1, spacing",
            extensions=(".dcm", ".dicom"),
            recognises=recognises,
            build=_build_reader,
        )
    ]
