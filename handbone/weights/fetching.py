"""Fetching a set of weights: checked against a digest before anything of it is looked at."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.folders import atomic_dir
from handbone.core.locks import hold
from handbone.weights import sets
from handbone.weights.card import CARD_FILE, STAGE_FILES, check_name, is_name, network_of, seal
from handbone.weights.sets import WeightsSet, fetched_root, read_set

_ZIP = b"PK\x03\x04"


def fetch(
    source: str | Path,
    *,
    sha256: str,
    name: str | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> WeightsSet:
    """Bring a set of weights into the user's cache, whole or not at all.

    Parameters
    ----------
    source: an https address or a local path, of a .zip with a set's folder or of one coarse .safetensors file.
    sha256: the hexadecimal digest of the source, as its publisher states it.
    name: what to call it; by default what its card says, or the file's name.
    overwrite: replace what was fetched under that name before.
    progress: whether a bar shows how much has come.

    Raises
    ------
    HandboneError: another digest, a name that is taken, a source that cannot be had, or one that is no set of weights.
    """
    source = str(source)
    wanted = _checked_digest(sha256)
    if name is not None:
        _check_free(name, overwrite)
    root = fetched_root()
    root.mkdir(parents=True, exist_ok=True)
    with hold(root / ".fetch.lock", where=root, remedy="wait for it"):
        for left in root.glob(".fetch-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        found = _fetch(source, wanted, root, name, overwrite, progress)
    return read_set(found)


def _fetch(source: str, wanted: str, root: Path, name: str | None, overwrite: bool, progress: bool) -> Path:
    # Beside its place, so that moving it there is one step; names of sets never begin with a dot.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root) as work:
        file, folder = Path(work) / "source", Path(work) / "set"
        from handbone.weights.download import bring  # late, as few commands wait for what talks with servers

        digest = bring(source, file, progress=progress)
        if digest != wanted:
            what = f"its sha256 is {digest}, not {wanted}, so it was discarded"
            raise HandboneError(what, where=source, remedy="ask the publisher for the correct address and digest")
        folder.mkdir()
        if _starts_with(file, _ZIP):
            _open_zip(file, folder, source)
        else:
            _open_single(file, folder, source, name)
        found = read_set(folder)
        chosen = found.name if name is None else name
        _check_free(chosen, overwrite)
        with atomic_dir(root / chosen) as place:
            for path in folder.iterdir():
                os.replace(path, place / path.name)
    return root / chosen


def _checked_digest(sha256: str) -> str:
    digest = sha256.strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", digest):
        remedy = "give the publisher's 64 hexadecimal digits"
        raise HandboneError(f"{sha256!r} is not a SHA-256 digest", remedy=remedy)
    return digest


def _check_free(name: str, overwrite: bool) -> None:
    check_name(name)
    if (sets.SHIPPED / name / CARD_FILE).is_file():
        raise HandboneError(f"handbone's own weights are named {name!r}", remedy="choose another name with --name")
    if (fetched_root() / name).exists() and not overwrite:
        remedy = "choose another name with --name, or replace them with --overwrite"
        raise HandboneError(f"weights named {name!r} have already been fetched", remedy=remedy)


def _starts_with(file: Path, mark: bytes) -> bool:
    with open(file, "rb") as stream:
        return stream.read(len(mark)) == mark


def _open_zip(file: Path, folder: Path, source: str) -> None:
    """Unpack a set, and make sure that its files are what its card says and what their names say."""
    from handbone.weights.archive import unpack

    unpack(file, folder, where=source)
    if not (folder / CARD_FILE).is_file():
        remedy = "zip a folder that 'handbone weights pack' wrote"
        raise HandboneError(f"contains no {CARD_FILE}", where=source, remedy=remedy)
    try:
        found = read_set(folder)
        found.verify()
        for stage, path in found.files.items():
            network_of(path, stage)
    except HandboneError as error:
        place = Path(error.where).name if error.where else ""
        remedy = "the archive is faulty, so ask its publisher"
        raise HandboneError(f"{place} {error.what}".strip(), where=source, remedy=remedy) from error


def _open_single(file: Path, folder: Path, source: str, name: str | None) -> None:
    """Make a set of one weights file, whose card can say little."""
    from handbone.weights.download import name_of

    stem = Path(name_of(source)).stem
    if name is None and not is_name(stem):
        raise HandboneError(f"{stem!r} is not a valid name for weights", where=source, remedy="choose one with --name")
    path = folder / STAGE_FILES["coarse"]
    os.replace(file, path)
    try:
        seal(
            folder,
            name=name or stem,
            summary=f"fetched as {name_of(source)}",
            limits=("Its data, licence and quality are not stated.",),
        )
    except HandboneError as error:
        remedy = error.remedy or "fetch a weights file of handbone, or a .zip of a set"
        raise HandboneError(error.what, where=source, remedy=remedy) from error
