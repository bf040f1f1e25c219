"""What lies beside radiographs and is no input: hidden files, results, links, and files that no reader takes."""

import os
import stat
from pathlib import Path

from handbone.formats import readers
from handbone.formats.file_kinds import HEAD_BYTES, Kind, counted_as
from handbone.formats.own_png import is_own_png

_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found"}
_SYSTEM |= {"@eadir", "#recycle", "#snapshot", "@recycle", "@tmp"}  # of Synology and QNAP: thumbnails and waste
_SYSTEM |= {"~snapshot", "@recently-snapshot", "network trash folder", "temporary items"}  # of NetApp, QNAP and Macs
_SYSTEM |= {"ehthumbs.db", "zbthumbnail.info", "icon\r"}
_BEGINS = (".", "~$")  # the second is what Office leaves beside an open file


HIDDEN = Kind("hidden or system file", "hidden or system files")
OWN = Kind("result of handbone", "results of handbone")
SPECIAL = Kind("special file such as a pipe", "special files such as pipes")
BROKEN_LINKS = Kind("link to nothing", "links to nothing")
KNOWN_FOLDERS = Kind("link to a folder that was searched already", "links to folders that were searched already")
CLOSED_FOLDERS = Kind("folder that cannot be opened", "folders that cannot be opened", "ask its owner for access")
UNREADABLE = Kind("file that cannot be opened", "files that cannot be opened", "ask its owner for access")
DICOM = Kind("DICOM file", "DICOM files", "install the handbone-dicom plugin")
NO_IMAGE = Kind("DICOM file without a radiograph", "DICOM files without a radiograph")
MASKS = Kind("mask", "masks", "give one as a file, not its folder, to outline it anyway")
OTHER = Kind("other file", "other files")


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name belongs to a system and not to its user."""
    return name.startswith(_BEGINS) or name.lower() in _SYSTEM


def kind_of(path: Path) -> Kind | None:
    """What a file is that no reader takes, or that handbone made itself; None for one that is read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return SPECIAL
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return UNREADABLE
    if is_own_png(head):
        return OWN
    if counted := counted_as(path.name, readers.extensions()):
        return counted
    if readers.candidates(path):
        return None
    if head[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return NO_IMAGE if ".dcm" in readers.extensions() else DICOM
    return OTHER
