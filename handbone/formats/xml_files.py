"""XML files of unknown origin, read within limits."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from handbone.core.errors import HandboneError
from handbone.formats.json_files import read_bytes

_HEAD = 4096


def files_with(root: Path, mark: bytes) -> Iterator[Path]:
    """The XML files below a folder, hidden ones apart, whose first bytes hold a mark."""
    for path in sorted(root.rglob("*.xml")):
        if any(part.startswith(".") for part in path.relative_to(root).parts) or not path.is_file():
            continue
        with path.open("rb") as file:
            if mark in file.read(_HEAD):
                yield path


def parse_xml(path: Path) -> ElementTree.Element:
    """An XML file's outermost element.

    Raises
    ------
    HandboneError: the file cannot be read, is too large, defines entities, or is not XML; says in which line.
    """
    data = read_bytes(path)
    # Entities may grow without end, or read other files; in UTF-16 every other byte is zero.
    if b"<!ENTITY" in (letters := data.replace(b"\0", b"")) or b"<!DOCTYPE" in letters:
        raise HandboneError("has a document type, which no label file needs", where=path, remedy="export it again")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        what = f"not valid XML ({error})"
        raise HandboneError(what, where=path, remedy="export the file again; it may have been cut") from None
