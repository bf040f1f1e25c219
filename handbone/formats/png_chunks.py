"""The chunks of a PNG file: its EXIF block, which Pillow gives only late, and whether all rows of its image are there.

Decoders fill what is missing with black, and neither OpenCV nor Pillow says so.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from PIL import Image

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PALETTE = 3
# First column and row, and the steps between them, of each pass of Adam7 (PNG specification, section 8.2).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 16


def exif_of_png(file: IO[bytes]) -> Image.Exif:
    """What the chunk eXIf says, wherever it stands among the others; nothing without one. Leaves the file's place."""
    return next((exif_in(file.read(length)) for kind, length in _chunks(file) if kind == b"eXIf"), Image.Exif())


def exif_in(block: bytes) -> Image.Exif:
    """What an EXIF block says; nothing of a damaged one."""
    exif = Image.Exif()
    with suppress(Exception):  # Pillow's parser raises many kinds
        exif.load(block)
    return exif


def missing_of_png(file: IO[bytes]) -> str | None:
    """What a PNG file lacks of its image, as a clause; None where it is all there. Leaves the file's place.

    The rows are counted without being kept, as their unpacked bytes (PNG specification, sections 7 and 8).
    """
    wanted = found = 0
    colour, has_palette = 0, False
    inflate = zlib.decompressobj()
    for kind, length in _chunks(file):
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", file.read(13))
            wanted = _bytes_of_rows(width, height, depth * _CHANNELS.get(colour, 0), interlaced=bool(interlaced))
        elif kind == b"PLTE":
            has_palette = True
        elif kind == b"IDAT" and found < wanted:
            found += sum(_unpacked(inflate, file, length))
    if colour == _PALETTE and not has_palette:
        return "its palette is missing"
    return "its last rows are missing" if found < wanted else None


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Name and length of each chunk, at whose content the file then stands; at last its place is as it was."""
    before, at = file.tell(), 8
    try:
        file.seek(at)
        while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
            length = int.from_bytes(head[:4], "big")
            yield head[4:], length
            at += 12 + length  # with its name, length and checksum
            file.seek(at)
    finally:
        file.seek(before)


def _bytes_of_rows(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """Unpacked bytes of an image: each row of each pass has one more, which says how it is filtered."""
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total


def _unpacked(inflate: "zlib._Decompress", file: IO[bytes], length: int) -> Iterator[int]:
    """How many bytes come of a chunk's content, piece by piece."""
    left = length
    while left > 0 and not inflate.eof and (data := file.read(min(left, _PIECE))):
        left -= len(data)
        yield len(inflate.decompress(data))
