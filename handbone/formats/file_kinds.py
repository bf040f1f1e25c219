"""What a file is, by its first bytes or its name, and what helps where it is no image that can be read."""

from collections.abc import Container
from dataclasses import dataclass

#: As many bytes as the tests below look at.
HEAD_BYTES = 512
_SAVE_AS = "save the image as PNG or TIFF"


@dataclass(frozen=True)
class Kind:
    """A kind of file in a folder that is no input.

    one, many: what one is called, and several.
    remedy: how its files become input; None where that makes no sense.
    """

    one: str
    many: str
    remedy: str | None = None


@dataclass(frozen=True)
class FileKind:
    """What a file is.

    Parameters
    ----------
    name: as it stands in a message, "a PDF document".
    remedy: what helps; empty where the file is an image that the built-in reader decodes.
    starts: how its first bytes look. extensions: lower case with the dot, separated by spaces.
    counted: what it is counted as where it lies in a folder under one of these extensions.
    """

    name: str
    remedy: str = ""
    starts: tuple[bytes, ...] = ()
    extensions: str = ""
    counted: Kind | None = None


_PHONE = Kind("HEIC or AVIF file", "HEIC or AVIF files", "convert to PNG")
_VOLUME = Kind("NIfTI, NRRD or MetaImage volume", "NIfTI, NRRD or MetaImage volumes", "convert to PNG or DICOM")
_PDF = Kind("PDF document", "PDF documents", "export its radiographs as PNG")
_RAW = Kind("camera raw file", "camera raw files", "convert to PNG or TIFF")
_ARCHIVE = Kind("archive", "archives", "unpack first")
_DRAWING = Kind("SVG, PSD or OpenEXR file", "SVG, PSD or OpenEXR files", "convert to PNG")
_JPEG_XL = Kind("JPEG XL file", "JPEG XL files", "convert to PNG")
_VIDEO = Kind("video", "videos", "export single frames as PNG")
_OFFICE = Kind("Office document", "Office documents", "export radiographs in them as PNG")
_UNPACK = "unpack it, and give the images in it"

_HEIC = FileKind(
    "a HEIC image, as phones take them",
    "save it as PNG or JPEG first (heif-convert does)",
    extensions=".heic .heif .hif",
    counted=_PHONE,
)
_AVIF = FileKind("an AVIF image", _SAVE_AS, extensions=".avif", counted=_PHONE)
_FILM = FileKind("a film", _SAVE_AS, extensions=".mp4 .mov", counted=_VIDEO)
_RIFF = FileKind("a sound or a film", "leave it out", extensions=".avi", counted=_VIDEO)
_TAR = FileKind("a tar archive", _UNPACK, extensions=".tar", counted=_ARCHIVE)
_NIFTI = FileKind("a NIfTI file", _SAVE_AS, extensions=".nii .nii.gz", counted=_VOLUME)
_SVG = FileKind("an SVG drawing", _SAVE_AS, extensions=".svg", counted=_DRAWING)
_KINDS = (
    FileKind("a PNG file", starts=(b"\x89PNG\r\n\x1a\n",)),
    FileKind("a JPEG file", starts=(b"\xff\xd8\xff",)),
    FileKind("a TIFF file", starts=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    FileKind("a BMP file", starts=(b"BM",)),
    FileKind("a PNM file", starts=tuple(b"P%d%c" % (number, blank) for number in range(1, 7) for blank in b" \n\r\t")),
    FileKind("a GIF file", starts=(b"GIF8",)),
    FileKind("a JPEG 2000 file", starts=(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    FileKind("a PDF document", f"take the image out of it (pdfimages does) or {_SAVE_AS}", (b"%PDF",), ".pdf", _PDF),
    FileKind("a zip archive", _UNPACK, (b"PK\x03\x04",), ".zip", _ARCHIVE),
    FileKind("an empty zip archive", "unpack the right one, and give the images in it", (b"PK\x05\x06",)),
    FileKind("a gzip archive", "unpack it with gunzip first", (b"\x1f\x8b",), ".gz .tgz", _ARCHIVE),
    FileKind("a bzip2 archive", "unpack it with bunzip2 first", (b"BZh",), ".bz2", _ARCHIVE),
    FileKind("an xz archive", "unpack it with unxz first", (b"\xfd7zXZ\0",), ".xz", _ARCHIVE),
    FileKind("a zstd archive", "unpack it with unzstd first", (b"\x28\xb5\x2f\xfd",)),
    FileKind("a 7-Zip archive", _UNPACK, (b"7z\xbc\xaf\x27\x1c",), ".7z", _ARCHIVE),
    FileKind("a RAR archive", _UNPACK, (b"Rar!\x1a\x07",), ".rar", _ARCHIVE),
    _TAR,
    FileKind("a Photoshop file", _SAVE_AS, (b"8BPS",), ".psd", _DRAWING),
    FileKind("a GIMP file", _SAVE_AS, (b"gimp xcf",), ".xcf", _DRAWING),
    FileKind("an OpenEXR image", _SAVE_AS, (b"v/1\x01",), ".exr", _DRAWING),
    FileKind("a Radiance image", _SAVE_AS, (b"#?RADIANCE",), ".hdr", _DRAWING),
    FileKind("a PostScript drawing", _SAVE_AS, (b"%!PS",)),
    FileKind("a JPEG XR image", _SAVE_AS, (b"II\xbc",)),
    FileKind("a DjVu document", _SAVE_AS, (b"AT&TFORM",)),
    FileKind("an icon", _SAVE_AS, extensions=".ico", counted=_DRAWING),
    _SVG,
    FileKind("a NumPy array", _SAVE_AS, (b"\x93NUMPY",)),
    FileKind("an HDF5 file", _SAVE_AS, (b"\x89HDF",)),
    FileKind("an NRRD file", _SAVE_AS, (b"NRRD",), ".nrrd .nhdr", _VOLUME),
    FileKind("a MetaImage file", _SAVE_AS, (b"ObjectType = Image",), ".mha .mhd", _VOLUME),
    _NIFTI,
    FileKind("a JPEG XL image", _SAVE_AS, (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"), ".jxl", _JPEG_XL),
    _HEIC,
    _AVIF,
    FileKind(
        "a camera's raw file",
        _SAVE_AS,
        (b"FUJIFILMCCD-RAW",),
        ".nef .cr2 .cr3 .arw .dng .raf .orf .rw2 .pef .srw",
        _RAW,
    ),
    _FILM,
    _RIFF,
    FileKind("a film", "save single frames as PNG", (b"\x1aE\xdf\xa3",), ".mkv .webm", _VIDEO),
    FileKind("a database", f"{_SAVE_AS} out of it", (b"SQLite format 3\0",)),
    FileKind("a Python pickle, which is never opened", _SAVE_AS, (b"\x80\x04\x95",)),
    FileKind("a shortcut of Windows", "give the file that it leads to", (b"L\0\0\0\x01\x14\x02\0",)),
    FileKind("an alias of a Mac", "give the file that it leads to", (b"book\0\0\0\0mark",)),
    FileKind("a FITS file", _SAVE_AS, (b"SIMPLE  =",)),
    FileKind("a program", "leave it out", (b"MZ", b"\x7fELF")),
    FileKind("what a Mac keeps beside a file, and no image", "leave it out", (b"\x00\x05\x16\x07",)),
    FileKind(
        "an old Office document",
        f"{_SAVE_AS} out of it",
        (b"\xd0\xcf\x11\xe0",),
        ".doc .ppt .xls .docx .pptx .xlsx .odt .odp .ods",
        _OFFICE,
    ),
    FileKind("a text document", "leave it out", (b"{\\rtf",)),
)
_AT_START = tuple((start, kind) for kind in _KINDS for start in kind.starts)
_COUNTED = {extension: kind.counted for kind in _KINDS if kind.counted for extension in kind.extensions.split()}
_DOCUMENT = FileKind("an Office document", f"{_SAVE_AS} out of it")
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
    if head.startswith(b"PK\x03\x04") and head[30:49].startswith((b"[Content_Types].xml", b"mimetypeapplication")):
        return _DOCUMENT
    for magic, kind in _AT_START:
        if head.startswith(magic):
            return kind
    return _container(head) or _text(head)


def counted_as(name: str, readable: Container[str]) -> Kind | None:
    """What a file is counted as by its name alone; None where nothing is known, or an extension is readable.

    >>> counted_as("a.NII.gz", ()).one
    'NIfTI, NRRD or MetaImage volume'
    """
    lower = name.lower()
    fits = [extension for extension in _COUNTED if lower.endswith(extension) and extension not in readable]
    return _COUNTED[max(fits, key=len)] if fits else None


def _container(head: bytes) -> FileKind | None:
    """Kinds that name themselves some bytes after the start."""
    if head[:4] == b"RIFF":
        return _WEBP if head[8:12] == b"WEBP" else _RIFF
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
            return _HEIC
        return _AVIF if brand in (b"avif", b"avis") else _FILM
    if head[257:262] == b"ustar":
        return _TAR
    if head[:4] == b"\x5c\x01\x00\x00" or head[344:348] in (b"n+1\0", b"ni1\0"):
        return _NIFTI
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
        return _SVG
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
