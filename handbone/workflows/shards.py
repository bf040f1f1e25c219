"""Parts of the work for several machines: which images belong to a part, where it lies, and whether all are there."""

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from handbone.core.errors import HandboneError
from handbone.core.folders import Place
from handbone.core.json_stream import read_json_entries, read_json_head
from handbone.workflows.outputs import RECORD_FILE
from handbone.workflows.records import IMAGES

_NAME = re.compile(r"shard-([0-9]+)-of-([0-9]+)")
_MOST = 100_000
_LISTED = 20  # numbers that an error names


@dataclass(frozen=True)
class Shard:
    """One of so many parts, counted from 1.

    >>> str(Shard.parse("3/8")), "hand.png" in Shard(1, 1)
    ('3/8', True)
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `i/n` with 1 <= i <= n.

        Raises
        ------
        HandboneError: anything else.
        """
        match = re.fullmatch("([0-9]{1,6})/([0-9]{1,6})", text)
        if match and 1 <= int(match[1]) <= int(match[2]) <= _MOST:
            return cls(int(match[1]), int(match[2]))
        remedy = "write i/n with i from 1 to n, such as 1/8"
        raise HandboneError(f"{text!r} is no part of the work", where="--shard", remedy=remedy)

    @classmethod
    def of_key(cls, key: str, of: int) -> Self:
        """The one of so many that an image belongs to; by its key alone, so that further images move no other."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        return cls(int.from_bytes(digest[:8], "big") % of + 1, of)

    def __contains__(self, key: str) -> bool:
        return self == self.of_key(key, self.of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def folder(self, output: Path) -> Path:
        """Where its results lie, if the whole is to lie in `output`."""
        return shards_folder(output) / f"shard-{self.number}-of-{self.of}"


def shards_folder(output: Path) -> Path:
    """Where all parts of an output folder lie: beside it, so that it is whole or not there; or in a mount point."""
    place = Place.of(output)
    return place.real.with_name(f"{place.real.name}.shards") if place.whole else place.real / "shards"


def finished_shards(output: Path, fingerprint: str, *, record_file: str = RECORD_FILE) -> list[Path]:
    """The folders of all parts of an output folder, by number.

    record_file: what a finished part says of itself, with its fingerprint.

    Raises
    ------
    HandboneError: there is none, or parts of two divisions; or parts are missing, unfinished, or made by another
        command. All are named.
    """
    folder = shards_folder(output)
    known = sorted(_known(folder), key=lambda shard: shard.number)
    if not known:
        remedy = "first run the command with --shard 1/n to --shard n/n"
        raise HandboneError("there are no shards", where=folder, remedy=remedy)
    divisions = sorted({shard.of for shard in known})
    if len(divisions) > 1:
        told = " and ".join(f"of {count}" for count in divisions)
        raise HandboneError(f"there are shards {told}", where=folder, remedy="remove those of one division")
    shards = [Shard(number, divisions[0]) for number in range(1, divisions[0] + 1)]
    _refuse_unfinished(output, shards, fingerprint, record_file)
    return [shard.folder(output) for shard in shards]


def entries_of(shard: Path, record_file: str = RECORD_FILE) -> Iterator[dict[str, Any]]:
    """What a finished part says of each of its images, in its order.

    Raises
    ------
    HandboneError: its record is damaged.
    """
    try:
        yield from read_json_entries(shard / record_file, IMAGES)
    except (OSError, ValueError):
        remedy = "run this shard again with --overwrite"
        raise HandboneError("its record is damaged", where=shard / record_file, remedy=remedy) from None


def refuse_lacking(there: Collection[str], expected: Collection[str]) -> None:
    """Refuse to join shards that have other images than they should have.

    Raises
    ------
    HandboneError: images that no shard has, or that are not there any more.
    """
    lacking = [key for key in expected if key not in there]
    more = len(there) - (len(expected) - len(lacking))
    if lacking:
        what = f"no shard has {len(lacking)} of {len(expected)} images, such as {lacking[0]}"
        raise HandboneError(what, remedy="run their shards again with --overwrite")
    if more:
        what = f"the shards have {more} images that are not there any more"
        raise HandboneError(what, remedy="give --join no paths, or run the shards again with --overwrite")


def _known(folder: Path) -> Iterator[Shard]:
    """The parts that are finished or begun."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if (match := _NAME.fullmatch(path.name.removeprefix(".").removesuffix(".part"))) and path.is_dir():
            yield Shard(int(match[1]), int(match[2]))


def _refuse_unfinished(output: Path, shards: list[Shard], fingerprint: str, record_file: str) -> None:
    faults: dict[str, list[int]] = {"missing": [], "unfinished": [], "made with other settings or weights": []}
    missing, unfinished, other = faults.values()
    for shard in shards:
        head = _head(shard.folder(output) / record_file)
        if head is None:
            begun = shard.folder(output).with_name(f".{shard.folder(output).name}.part").is_dir()
            (unfinished if begun else missing).append(shard.number)
        elif head.get("fingerprint") != fingerprint:
            other.append(shard.number)
    if any(faults.values()):
        of = shards[0].of
        told = "; ".join(f"{word}: {_numbers(numbers)} of {of}" for word, numbers in faults.items() if numbers)
        what = f"not all shards are there ({told})"
        remedy = "run the same command with --shard for each of them, then --join again"
        raise HandboneError(what, where=shards_folder(output), remedy=remedy)


def _head(path: Path) -> dict[str, Any] | None:
    """What a finished part says of itself; None of one that is not there."""
    try:
        return read_json_head(path, IMAGES)
    except (OSError, ValueError):
        return None


def _numbers(numbers: list[int]) -> str:
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    return ", ".join(map(str, numbers[:_LISTED])) + more
