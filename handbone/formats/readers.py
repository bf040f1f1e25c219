"""Which of the registered readers reads a file: by its extension, else by its first bytes."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from handbone.core.errors import HandboneError

if TYPE_CHECKING:
    from handbone.core.radiograph import ImageHeader, Radiograph
    from handbone.plugins import ReaderSpec
    from handbone.plugins.provider import Provided

# Enough for a DICOM's preamble and the element after it that says what the file holds.
_HEAD_BYTES = 512


def provider_of(path: Path) -> "Provided":
    """The one reader of a file; the built-in one where none knows the file.

    Raises
    ------
    HandboneError: two packages can read it.
    """
    found = candidates(path)
    if len(found) > 1:
        from handbone.plugins.manager import ONE_OF_TWO

        packages = " and ".join(provided.package for provided in found)
        raise HandboneError(f"this file can be read by {packages}", where=path, remedy=ONE_OF_TWO)
    return found[0] if found else next(one for one in _readers() if is_builtin(one))


def candidates(path: Path) -> "list[Provided]":
    """The readers that have a file's extension; where none has, or it is wrong, those that recognise its content."""
    extension = path.suffix.lower()
    found = [one for one in _readers() if extension in spec_of(one).extensions]
    if not found:
        return _by_content(path)
    # Without a test of its own a reader is believed to know the files of its extension.
    head = _head(path)
    if head is None or any(spec_of(one).recognises is None or _recognises(one, head) for one in found):
        return found
    return _by_content(path) or found


def is_builtin(provided: "Provided") -> bool:
    """Whether a reader is handbone's own."""
    from handbone.plugins.manager import BUILTIN

    return provided.package == BUILTIN


def spec_of(provided: "Provided") -> "ReaderSpec":
    """What a reader's plugin says of it."""
    return cast("ReaderSpec", provided.spec)


def extensions() -> set[str]:
    """Every extension that a reader has, lower case with the dot."""
    return {extension for one in _readers() for extension in spec_of(one).extensions}


@functools.lru_cache
def built(spec: "ReaderSpec") -> "Callable[..., Radiograph]":
    """A spec's reader with its default settings, built once."""
    assert spec.settings is not None  # a reader without settings has an empty model
    return spec.build(spec.settings())


def header_by(provided: "Provided", path: Path) -> "ImageHeader | None":
    """Size and number of images of a file as a plugin's reader tells them without decoding; None where it cannot.

    Raises
    ------
    HandboneError: the file is not such an image, or the plugin fails.
    """
    if (header := spec_of(provided).header) is None:
        return None
    try:
        return header(path)
    except HandboneError:
        raise
    except Exception as error:  # code of others may fail in any way
        thing = f"the reader {provided.spec.name!r} of {provided.package} {provided.version}"
        what = f"{thing} fails on the file's header ({type(error).__name__}: {error})"
        raise HandboneError(
            what, where=path, remedy=f"report it to the authors of {provided.package}, or disable it"
        ) from error


def _readers() -> "list[Provided]":
    # Late: importing this module must not load the plugins.
    from handbone.plugins import registry

    return registry().provided("reader")


def _by_content(path: Path) -> "list[Provided]":
    able = [one for one in _readers() if spec_of(one).recognises is not None]
    head = _head(path) if able else None
    return [] if head is None else [one for one in able if _recognises(one, head)]


def _head(path: Path) -> bytes | None:
    """A file's first bytes; None where it cannot be read."""
    try:
        if not path.is_file():  # reading a pipe would wait
            return None
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return None


def _recognises(provided: "Provided", head: bytes) -> bool:
    recognises = spec_of(provided).recognises
    try:
        return recognises is not None and bool(recognises(head))
    except Exception as error:  # code of others may fail in any way
        thing = f"the reader {provided.spec.name!r} of {provided.package} {provided.version}"
        what = f"{thing} failed on a file's first bytes ({type(error).__name__}: {error})"
        raise HandboneError(what, remedy=f"report it to the authors of {provided.package}, or disable it") from error
