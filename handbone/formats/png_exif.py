"""The EXIF block of a PNG file, which Pillow gives only once it has decoded the image."""

from typing import IO

from PIL import Image


def exif_of_png(file: IO[bytes]) -> Image.Exif:
    """What the chunk eXIf says, wherever it stands among the others; nothing without one. Leaves the file's place."""
    exif, before = Image.Exif(), file.tell()
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            exif.load(file.read(length))
            break
        file.seek(length + 4, 1)  # with its checksum
    file.seek(before)
    return exif
