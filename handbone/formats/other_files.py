"""Kinds of files that lie beside radiographs: what they are called, and what would read them."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from handbone.formats import readers
from handbone.formats.own_png import is_own_png

_HEAD_BYTES = 512
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found"}
_SYSTEM |= {"@eadir", "#recycle", "#snapshot", "@recycle", "@tmp"}  # of Synology and QNAP: thumbnails and waste
_SYSTEM |= {"~snapshot", "@recently-snapshot", "network trash folder", "temporary items"}  # of NetApp, QNAP and Macs
_SYSTEM |= {"ehthumbs.db", "zbthumbnail.info", "icon\r"}
_BEGINS = (".", "~$")  # the second is what Office leaves beside an open file


@dataclass(frozen=True)
class Kind:
    """A kind of file that is no input.

    one, many: what one is called, and several.
    remedy: how its files become input; None where that makes no sense.
    """

    one: str
    many: str
    remedy: str | None = None


HIDDEN = Kind("hidden or system file", "hidden or system files")
OWN = Kind("result of handbone", "results of handbone")
SPECIAL = Kind("special file such as a pipe", "special files such as pipes")
BROKEN_LINKS = Kind("link to nothing", "links to nothing")
KNOWN_FOLDERS = Kind("link to a folder that was searched already", "links to folders that were searched already")
CLOSED_FOLDERS = Kind("folder that cannot be opened", "folders that cannot be opened", "ask its owner for access")
UNREADABLE = Kind("file that cannot be opened", "files that cannot be opened", "ask its owner for access")
DICOM = Kind("DICOM file", "DICOM files", "install the handbone-dicom plugin")
NO_IMAGE = Kind("DICOM file without a radiograph", "DICOM files without a radiograph")
OTHER = Kind("other file", "other files")

_BY_EXTENSION = {
    ("HEIC or AVIF file", "convert to PNG"): ".heic .heif .hif .avif",
    ("camera raw file", "convert to PNG or TIFF"): ".nef .cr2 .cr3 .arw .dng .raf .orf .rw2 .pef .srw",
    ("NIfTI, NRRD or MetaImage volume", "convert to PNG or DICOM"): ".nii .nii.gz .nrrd .nhdr .mha .mhd",
    ("PDF document", "export its radiographs as PNG"): ".pdf",
    ("archive", "unpack first"): ".zip .tar .gz .tgz .bz2 .xz .7z .rar",
    ("SVG, PSD or OpenEXR file", "convert to PNG"): ".svg .psd .xcf .exr .hdr .ico",
    ("JPEG XL file", "convert to PNG"): ".jxl",
    ("video", "export single frames as PNG"): ".mp4 .mov .avi .mkv .webm",
}
_KINDS = {
    extension: Kind(one, f"{one}s", remedy)
    for (one, remedy), words in _BY_EXTENSION.items()
    for extension in words.split()
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name belongs to a system and not to its user."""
    return name.startswith(_BEGINS) or name.lower() in _SYSTEM


def kind_of(path: Path) -> Kind | None:
    """What a file is that no reader takes, or that handbone made itself; None for one that is read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return SPECIAL
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return UNREADABLE
    if is_own_png(head):
        return OWN
    name = path.name.lower()
    for extension, kind in _KINDS.items():
        if name.endswith(extension) and extension not in readers.extensions():
            return kind
    if readers.candidates(path):
        return None
    if head[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return NO_IMAGE if ".dcm" in readers.extensions() else DICOM
    return OTHER
