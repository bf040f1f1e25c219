"""Bringing a file from an https address or a local path, with its digest taken on the way.

pooch would do most of it. It has no limit for what a server sends beyond the size it states, though, and follows
redirects to addresses that are not https; both would need a downloader of our own, which is this module.
"""

import contextlib
import hashlib
import http.client
import math
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

import handbone
from handbone.core.errors import HandboneError
from handbone.core.files import expanded
from handbone.core.progress import progress_bar

#: Larger sources are refused: both networks of the largest encoders stay below it.
MOST_BYTES = 2_000_000_000

_CHUNK = 1 << 20
_SECONDS = 60.0
# A server that brings less in as many seconds is not waited for.
_LEAST_BYTES = 60_000
_MB = 1e6
_REMEDY = "check the address and the network, or download it yourself and give the file's path"


class HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects as long as nobody on the way can read or change what is sent."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """As in urllib, for https alone."""
        if urlsplit(newurl).scheme != "https":
            raise HandboneError(f"redirects to {newurl}, which is not https", where=req.full_url, remedy=_REMEDY)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def bring(source: str, target: Path, *, progress: bool = True) -> str:
    """Copy a source to a file in pieces. Returns the hexadecimal sha256 of what came.

    Parameters
    ----------
    source: an https address or the path of a local file.
    progress: whether a bar shows how much has come, in megabytes.

    Raises
    ------
    HandboneError: another kind of address, a file that is not there or too large, or a network that fails.
    """
    digest, done = hashlib.sha256(), 0
    with _opened(source) as (stream, total), progress_bar() as bar, open(target, "wb") as file:
        _refuse_large(source, total or 0)
        task = bar.add_task(f"Fetching {name_of(source)}", total=_megabytes(total), note="MB", visible=progress)
        since, before = time.monotonic(), 0
        while piece := _read(stream, source):
            done += len(piece)
            _refuse_large(source, done)
            digest.update(piece)
            file.write(piece)
            bar.update(task, completed=done / _MB)
            if time.monotonic() - since > _SECONDS:
                if done - before < _LEAST_BYTES:
                    what = f"sends less than {_LEAST_BYTES / _SECONDS / 1000:g} kB a second"
                    raise HandboneError(what, where=source, remedy=_REMEDY)
                since, before = time.monotonic(), done
    if total is not None and done < total:
        raise HandboneError(f"the download stopped after {done} of {total} bytes", where=source, remedy="try again")
    return digest.hexdigest()


def name_of(source: str) -> str:
    """The file name in an address or path."""
    return PurePosixPath(urlsplit(source).path).name if "://" in source else Path(source).name


@contextlib.contextmanager
def _opened(source: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """The source's bytes and, where it says so, their number."""
    if "://" not in source:
        path = expanded(source)
        if not path.is_file():
            raise HandboneError("no such file", where=source, remedy="give an https address or the path of a file")
        with open(path, "rb") as file:
            yield file, path.stat().st_size
        return
    if not source.lower().startswith("https://"):
        remedy = "use an https address, or download the file yourself and give its path"
        raise HandboneError("only https addresses are supported", where=source, remedy=remedy)
    try:
        request = urllib.request.Request(source, headers={"User-Agent": f"handbone/{handbone.__version__}"})
        response = urllib.request.build_opener(HttpsOnly()).open(request, timeout=_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(source, error) from error
    with response:
        length = response.headers.get("Content-Length", "")
        yield response, int(length) if length.isdecimal() else None


def _read(stream: Any, source: str) -> bytes:
    try:
        return stream.read1(_CHUNK)  # what has come, without waiting for a whole piece
    except (OSError, http.client.HTTPException) as error:
        raise _failed(source, error) from error


def _failed(source: str, error: Exception) -> HandboneError:
    # An HTTPError says its number only as a whole; other URLErrors say only that they are one.
    reason = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", None) or error
    return HandboneError(f"cannot be downloaded ({reason})", where=source, remedy=_REMEDY)


def _refuse_large(source: str, size: int) -> None:
    if size > MOST_BYTES:
        what = f"is larger than {MOST_BYTES / 1e9:g} GB"
        raise HandboneError(what, where=source, remedy="weights are smaller, so check the address")


def _megabytes(size: int | None) -> int | None:
    return None if size is None else max(1, math.ceil(size / _MB))
