"""Deflated DICOM files are inflated as a whole by pydicom, however large they become: a limit comes before."""

import zlib
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from handbone.core.errors import HandboneError

# Of a radiograph of 200 million pixels of 16 bits, and of what lies beside it.
_MOST_BYTES = 512 * 2**20
_STEP = 2**20


def check_deflated(path: Path) -> None:
    """Refuse a deflated file that becomes larger than any radiograph.

    Raises
    ------
    HandboneError: it does.
    """
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return
    try:
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
    except Exception:  # what is wrong with it shows when the file is read
        return
    if syntax != DeflatedExplicitVRLittleEndian:
        return
    if _inflated_size(path) > _MOST_BYTES:
        what = f"it is deflated, and becomes larger than {_MOST_BYTES // 2**20} MB"
        raise HandboneError(what, where=path, remedy="leave it out")


def _inflated_size(path: Path) -> int:
    """Bytes after inflating; counting stops beyond the limit. The group of the header before counts, too."""
    data = path.read_bytes()
    # The first group is not deflated; the rest begins where the stream can be inflated.
    length = int.from_bytes(data[140:144], "little") if data[132:136] == b"\x02\0\0\0" else 0
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    rest = data[144 + length :]
    try:
        while rest and total <= _MOST_BYTES and not inflate.eof:
            total += len(inflate.decompress(rest, _STEP))
            rest = inflate.unconsumed_tail
    except zlib.error:
        return total
    return total
