"""The kinds of image files that the built-in reader takes: their extensions and how their first bytes look."""

import struct

#: Lower case, with the dot.
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif"),
    *(".jp2", ".j2k", ".pgm", ".ppm", ".pnm"),
)

_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes of the header that follows a BMP file's first 14
_STARTS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"II*\0",  # TIFF
    b"MM\0*",
    b"II+\0",  # BigTIFF
    b"MM\0+",
    b"\0\0\0\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\xffO\xffQ",  # its codestream alone
    b"GIF8",
)


def is_image(head: bytes) -> bool:
    """Whether a file's first bytes, 18 at least, are those of such an image."""
    if head.startswith(_STARTS):
        return True
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    return head.startswith(b"BM") and len(head) >= 18 and struct.unpack("<I", head[14:18])[0] in _BMP_HEADERS
