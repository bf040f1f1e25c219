"""Work of which each shard keeps its results as JSON, so that a join writes what one command would have written."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from handbone import __version__
from handbone.core.errors import HandboneError
from handbone.core.files import copy_file, sha256_of, write_json
from handbone.core.json_stream import write_json_entries
from handbone.core.progress import track
from handbone.core.written import Written
from handbone.plugins import registry
from handbone.plugins.provenance import provenance
from handbone.runs.fingerprints import fingerprint_of
from handbone.workflows.outputs import RECORD_FILE as PREDICTIONS_FILE
from handbone.workflows.outputs import RECORDS, TABLE_FILE
from handbone.workflows.records import IMAGES
from handbone.workflows.results import Results
from handbone.workflows.shards import Shard, entries_of, refuse_lacking
from handbone.workflows.stored_results import record_file
from handbone.workflows.tasks import Crew, Failed, Item, Result, each_in_order, here

#: Of a shard that is no output folder of its own.
SHARD_FILE, SCHEMA = "shard.json", "handbone.shard/1"


@dataclass(frozen=True)
class Work(Generic[Item, Result]):
    """A command's work on images, before any of it is done.

    Parameters
    ----------
    prepare: see `each_in_order`. items: the images; the text of each is the image's name.
    title: of the progress bar.
    to_json: gives a result as JSON values. from_json: gives the same result of these.
    """

    prepare: Callable[[], Callable[[Item], Result]]
    items: Sequence[Item]
    title: str
    to_json: Callable[[Result], Any]
    from_json: Callable[[Any], Result]

    def results(self, crew: Crew = here, shards: Sequence[Path] = ()) -> Iterator[tuple[Item, Result | Failed]]:
        """Every item in order with its result; of finished shards where these are given, else made by the crew.

        Raises
        ------
        HandboneError: shards of which something is gone, or that have other images.
        """
        if shards:
            return self._kept(shards)
        return each_in_order(self.prepare, self.items, title=self.title, crew=crew)

    def _kept(self, folders: Sequence[Path]) -> Iterator[tuple[Item, Result | Failed]]:
        refuse_lacking(_images_of(folders), [str(item) for item in self.items])
        for item in track(self.items, "Joining shards", total=len(self.items)):
            shard = folders[Shard.of_key(str(item), len(folders)).number - 1]
            result, error = _read(shard, str(item))
            yield item, self.from_json(result) if error is None else Failed(error)


def shard_results(output: Path, shard: Shard) -> Results:
    """The output folder of `keep_shard`, if the whole is to lie in `output`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(shard.folder(output), "a finished shard")


def keep_shard(
    make: Callable[[Path], Work[Any, Any]],
    shard: Shard,
    results: Results,
    *,
    command: str,
    fingerprint: str,
    overwrite: bool,
    crew: Crew = here,
) -> dict[str, Any]:
    """Do a shard of the work and keep its results, for `Work.results` of all shards; gives `shard.json`'s content.

    Parameters
    ----------
    make: gives the work on all images, for the folder that its files go to. results: where the shard lies.
    command: its name. fingerprint: see `work_fingerprint`. overwrite: whether an earlier shard may go.

    Raises
    ------
    HandboneError: the folder holds what must not go, or another process is at work there.
    """
    images: list[dict[str, Any]] = []
    with results.fill(overwrite=overwrite, names=[SHARD_FILE]) as folder:
        work = make(folder)
        items = [item for item in work.items if str(item) in shard]
        with closing(each_in_order(work.prepare, items, title=work.title, crew=crew)) as made:
            for item, found in made:
                error = found.error if isinstance(found, Failed) else None
                result = None if isinstance(found, Failed) else work.to_json(found)
                write_json(folder / record_file(str(item)), {"error": error, "result": result})
                images.append({"name": str(item), "error": error})
        head = {
            "schema": SCHEMA,
            "handbone": __version__,
            "command": command,
            "shard": str(shard),
            "fingerprint": fingerprint,
            "not_a_medical_device": True,
        }
        write_json_entries(folder / SHARD_FILE, head, IMAGES, images)
    return {**head, IMAGES: images}


def take_files(shards: Sequence[Path], folder: Path) -> None:
    """Let the files that shards have made of images be in the whole, too; linked where the disk allows it.

    Raises
    ------
    HandboneError: one is gone, or was changed.
    """
    for shard in shards:
        written = Written.read(shard)
        if written is None:
            raise _gone(shard, "its list of files")
        for name in written.files:
            if name == SHARD_FILE or name.startswith(f"{RECORDS}/"):
                continue
            if not written.is_own(shard, name):
                raise _gone(shard, name)
            copy_file(shard / name, folder / name)


def work_fingerprint(command: str, paths: Iterable[Path], settings: Mapping[str, Any]) -> str:
    """The fingerprint of what all shards of a command have in common.

    Parameters
    ----------
    paths: what is worked on; of a file or a folder of predictions the bytes count, of others where they are.
    settings: JSON values.
    """
    sources = [_digests(path) or [str(path.resolve())] for path in paths]
    return fingerprint_of([__version__, provenance(registry()), command, sources, settings])


def _digests(path: Path) -> list[str]:
    files = [path, path / TABLE_FILE, path / PREDICTIONS_FILE]
    return [sha256_of(file) for file in files if file.is_file()]


def _images_of(shards: Iterable[Path]) -> set[str]:
    return {entry["name"] for shard in shards for entry in entries_of(shard, SHARD_FILE)}


def _read(shard: Path, name: str) -> tuple[Any, str | None]:
    """What a shard has of an image, and why it failed."""
    try:
        kept = json.loads((shard / record_file(name)).read_text(encoding="utf-8"))
        return kept["result"], kept["error"]
    except (OSError, ValueError, TypeError, KeyError):
        raise _gone(shard, f"the result of {name}") from None


def _gone(shard: Path, what: str) -> HandboneError:
    return HandboneError(f"{what} is gone, or was changed", where=shard, remedy="run this shard again with --overwrite")
