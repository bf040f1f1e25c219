"""What a file is, by its first bytes, and what helps where it is no image that can be read."""

from dataclasses import dataclass

#: As many bytes as the tests below look at.
HEAD_BYTES = 512
_COPY = "copy it again from its source, or leave it out"
_SAVE_AS = "save the image as PNG or TIFF"


@dataclass(frozen=True)
class FileKind:
    """What a file is.

    Parameters
    ----------
    name: as it stands in a message, "a PDF document".
    remedy: what helps; empty where the file is an image that the built-in reader decodes.
    """

    name: str
    remedy: str = ""


_AT_START = (
    (b"\x89PNG\r\n\x1a\n", FileKind("a PNG file")),
    (b"\xff\xd8\xff", FileKind("a JPEG file")),
    (b"II*\0", FileKind("a TIFF file")),
    (b"MM\0*", FileKind("a TIFF file")),
    (b"II+\0", FileKind("a TIFF file")),
    (b"MM\0+", FileKind("a TIFF file")),
    (b"BM", FileKind("a BMP file")),
    *((b"P%d%c" % (number, blank), FileKind("a PNM file")) for number in range(1, 7) for blank in b" \n\r\t"),
    (b"GIF8", FileKind("a GIF file")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", FileKind("a JPEG 2000 file")),
    (b"\xff\x4f\xff\x51", FileKind("a JPEG 2000 file")),
    (b"%PDF", FileKind("a PDF document", f"take the image out of it (pdfimages does) or {_SAVE_AS}")),
    (b"PK\x03\x04", FileKind("a zip archive", "unpack it, and give the images in it")),
    (b"PK\x05\x06", FileKind("an empty zip archive", "unpack the right one, and give the images in it")),
    (b"\x1f\x8b", FileKind("a gzip archive", "unpack it with gunzip first")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", "unpack it, and give the images in it")),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", "unpack it, and give the images in it")),
    (b"BZh", FileKind("a bzip2 archive", "unpack it with bunzip2 first")),
    (b"\xfd7zXZ\0", FileKind("an xz archive", "unpack it with unxz first")),
    (b"\x28\xb5\x2f\xfd", FileKind("a zstd archive", "unpack it with unzstd first")),
    (b"L\0\0\0\x01\x14\x02\0", FileKind("a shortcut of Windows", "give the file that it leads to")),
    (b"book\0\0\0\0mark", FileKind("an alias of a Mac", "give the file that it leads to")),
    (b"FUJIFILMCCD-RAW", FileKind("a camera's raw file", _SAVE_AS)),
    (b"SQLite format 3\0", FileKind("a database", f"{_SAVE_AS} out of it")),
    (b"\x80\x04\x95", FileKind("a Python pickle, which is never opened", _SAVE_AS)),
    (b"%!PS", FileKind("a PostScript drawing", _SAVE_AS)),
    (b"gimp xcf", FileKind("a GIMP file", _SAVE_AS)),
    (b"v/1\x01", FileKind("an OpenEXR image", _SAVE_AS)),
    (b"II\xbc", FileKind("a JPEG XR image", _SAVE_AS)),
    (b"AT&TFORM", FileKind("a DjVu document", _SAVE_AS)),
    (b"\x1aE\xdf\xa3", FileKind("a film", "save single frames as PNG")),
    (b"8BPS", FileKind("a Photoshop file", _SAVE_AS)),
    (b"\x93NUMPY", FileKind("a NumPy array", _SAVE_AS)),
    (b"\x89HDF", FileKind("an HDF5 file", _SAVE_AS)),
    (b"NRRD", FileKind("an NRRD file", _SAVE_AS)),
    (b"\0\0\0\x0cJXL \r\n\x87\n", FileKind("a JPEG XL image", _SAVE_AS)),
    (b"\xff\x0a", FileKind("a JPEG XL image", _SAVE_AS)),
    (b"SIMPLE  =", FileKind("a FITS file", _SAVE_AS)),
    (b"MZ", FileKind("a program", "leave it out")),
    (b"\x7fELF", FileKind("a program", "leave it out")),
    (b"\x00\x05\x16\x07", FileKind("what a Mac keeps beside a file, and no image", "leave it out")),
    (b"\xd0\xcf\x11\xe0", FileKind("an old Office document", f"{_SAVE_AS} out of it")),
    (b"{\\rtf", FileKind("a text document", "leave it out")),
)
_LFS = FileKind("a pointer to a file in Git LFS, not the file", "run 'git lfs pull' where it came from")
_ANNEX = FileKind("a pointer to a file in git-annex, not the file", "run 'git annex get' where it came from")
_HTML = FileKind("a web page, not an image", "download the image itself: the site may have asked for a login")
_DICOM = FileKind("a DICOM file", "pip install handbone-dicom, which reads them")
_DICOMDIR = FileKind("the directory of a DICOM disk, and no image", "give the folder it lies in, or the files it lists")
_WEBP = FileKind("a WebP file")
_TEXT = FileKind("a text file, and no image", "leave it out")
_DICOMDIR_UID = b"1.2.840.10008.1.3.10"


def kind_of(head: bytes) -> FileKind | None:
    """The kind of a file from its first `HEAD_BYTES` bytes; None where nothing is known.

    >>> kind_of(b"%PDF-1.7").name
    'a PDF document'
    """
    if head[128:132] == b"DICM":
        return _DICOMDIR if _DICOMDIR_UID in head else _DICOM
    for magic, kind in _AT_START:
        if head.startswith(magic):
            return kind
    return _container(head) or _text(head)


def _container(head: bytes) -> FileKind | None:
    """Kinds that name themselves some bytes after the start."""
    if head[:4] == b"RIFF":
        return _WEBP if head[8:12] == b"WEBP" else FileKind("a sound or a film", "leave it out")
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
            return FileKind("a HEIC image, as phones take them", "save it as PNG or JPEG first (heif-convert does)")
        if brand in (b"avif", b"avis"):
            return FileKind("an AVIF image", _SAVE_AS)
        return FileKind("a film", _SAVE_AS)
    if head[257:262] == b"ustar":
        return FileKind("a tar archive", "unpack it, and give the images in it")
    if head[:4] == b"\x5c\x01\x00\x00" or head[344:348] in (b"n+1\0", b"ni1\0"):
        return FileKind("a NIfTI file", _SAVE_AS)
    return None


def _text(head: bytes) -> FileKind | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return _LFS
    if start.startswith((b"/annex/objects", b"../.git/annex", b".git/annex")):
        return _ANNEX
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _HTML
    if start.startswith((b"<svg", b"<?xml")) and b"<svg" in start:
        return FileKind("an SVG drawing", _SAVE_AS)
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 or byte >= 128 for byte in head)
    return _TEXT if len(head) > 3 and b"\0" not in head and printable == len(head) and _decodes(head) else None


def _decodes(head: bytes) -> bool:
    for cut in range(4):  # the last letter may be cut
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
