"""Unpacking a .zip from anywhere: known kinds of files, one folder deep, nothing outside the target."""

import lzma
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from handbone.core.errors import HandboneError
from handbone.weights.download import MOST_BYTES

KINDS = (".safetensors", ".json", ".md")

_MOST_MEMBERS = 32
_REMEDY = "zip a folder that 'handbone weights pack' wrote, and nothing else"


def unpack(archive: Path, folder: Path, *, where: str) -> None:
    """Write the files of a .zip side by side into a folder.

    Parameters
    ----------
    where: what errors call the archive.

    Raises
    ------
    HandboneError: it is damaged, encrypted or too large, or holds other files than a set of weights does.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            for name, member in _members(file, where).items():
                with file.open(member) as source, open(folder / name, "xb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise HandboneError(f"is not a readable .zip file ({error})", where=where, remedy=_REMEDY) from error


def _members(file: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """What to unpack: name in the target folder to member."""
    found: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for member in file.infolist():
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
            raise HandboneError(
                f"its member {member.filename!r} points outside of the archive", where=where, remedy=_REMEDY
            )
        if member.is_dir():
            continue
        if path.suffix not in KINDS or path.name.startswith("."):
            what = f"its member {member.filename!r} is not one of {', '.join(KINDS)}"
            raise HandboneError(what, where=where, remedy=_REMEDY)
        if path.name in found:
            raise HandboneError(f"contains {path.name} twice", where=where, remedy=_REMEDY)
        found[path.name] = member
        folders.add(path.parent)
    if len(folders) > 1 or any(len(folder.parts) > 1 for folder in folders):
        raise HandboneError("contains more than one folder", where=where, remedy=_REMEDY)
    # Reading stops at the size that a member states, so that what is stated is what can come.
    if len(found) > _MOST_MEMBERS or sum(member.file_size for member in found.values()) > MOST_BYTES:
        what = f"contains more than {_MOST_MEMBERS} files or {MOST_BYTES / 1e9:g} GB"
        raise HandboneError(what, where=where, remedy=_REMEDY)
    return found
