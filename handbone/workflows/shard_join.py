"""The results of all shards as one output folder, as one command would have written it; no network is needed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.files import copy_file
from handbone.core.json_stream import read_json_head
from handbone.core.progress import track
from handbone.formats.image_search import InputImage
from handbone.workflows.one_by_one import ERRORS, Outcome
from handbone.workflows.outlining import Hands, names_of_hands
from handbone.workflows.outputs import RECORD_FILE
from handbone.workflows.predict import possible_results, stems_of, written_names
from handbone.workflows.prediction_join import Extras, Predicted, Summary, join, only_failures
from handbone.workflows.records import IMAGES
from handbone.workflows.results import Results
from handbone.workflows.shards import entries_of, refuse_lacking
from handbone.workflows.stored_results import StoredResults


def joined_head(shards: Sequence[Path], record_file: str = RECORD_FILE) -> dict[str, Any]:
    """What the record of the whole says beside the images: what that of a shard says, but for its number."""
    return {**read_json_head(shards[0] / record_file, IMAGES), "shard": None}


def join_shards(
    shards: Sequence[Path],
    results: Results,
    *,
    fingerprint: str,
    head: Mapping[str, Any],
    extras: Extras,
    hands: Hands,
    overwrite: bool,
    expected: Sequence[InputImage] | None = None,
) -> Summary:
    """Write the output folder of all shards; files are linked where the system can.

    Parameters
    ----------
    shards: their folders, from `finished_shards`. head: of the whole, see `joined_head`.
    results, fingerprint, extras, hands, overwrite: as `predict_images` has them.
    expected: the images that there should be; None for those that the shards have.

    Raises
    ------
    HandboneError: images that no shard has, a shard of which something is gone, or a folder that must not be filled.
    """
    found = sorted((each for shard in shards for each in _found(StoredResults(shard, fingerprint))), key=_key)
    images = [each.image for each in found]
    if expected is not None:
        refuse_lacking({image.key for image in images}, [image.key for image in expected])
    stems = stems_of(images)
    with results.fill(overwrite=overwrite, names=written_names(stems, hands, page=extras.page)) as work:
        kept = StoredResults(work, fingerprint, page=extras.page)
        kept.clean(possible_results(stems, hands))
        predicted = Predicted(images, kept, stems)
        for each in track(found, "Joining shards", total=len(found)):
            _take(each, stems[each.image.key], kept)
            predicted.add(each.outcome)
        if predicted.any_made or (work / ERRORS).exists():
            return join(predicted, extras, head)
        return only_failures(predicted)


@dataclass(frozen=True)
class _Found:
    """What became of an image, and the shard that has its results."""

    image: InputImage
    outcome: Outcome
    shard: StoredResults


def _key(found: _Found) -> str:
    return found.image.key


def _found(shard: StoredResults) -> Iterator[_Found]:
    """The images of a shard, in its order."""
    for path, of_image in groupby(entries_of(shard.folder), key=lambda entry: str(entry["path"])):
        names, errors = zip(*((entry["name"], entry["error"]) for entry in of_image), strict=True)
        key = names[0] if len(names) == 1 else names[0].removesuffix("#1")
        outcome = Outcome(key, error=errors[0]) if errors[0] is not None else Outcome(key, names)
        yield _Found(InputImage(key, Path(path)), outcome, shard)


def _take(found: _Found, stem: str, kept: StoredResults) -> None:
    """Let the files of an image be in the whole, too."""
    results = found.outcome.results
    if found.outcome.error is not None:
        take_trace(found.shard, stem, kept)
    for name, stem_of_hand in zip(results, names_of_hands(stem, len(results)) if results else (), strict=True):
        take_result(found.shard, name, stem_of_hand, kept)


def take_trace(shard: StoredResults, stem: str, kept: StoredResults) -> None:
    """Let what is known of an image that failed be in the whole, too, if its shard has anything."""
    trace = f"{ERRORS}/{stem}.txt"
    if (shard.folder / trace).is_file():
        copy_file(shard.folder / trace, kept.folder / trace)


def take_result(shard: StoredResults, name: str, stem: str, kept: StoredResults, *, key: str | None = None) -> None:
    """Let a result with its overlay be in the whole, too.

    key: what it has to be made from; None where nobody looks. Others as `StoredResults.copy_from` has them.

    Raises
    ------
    HandboneError: the shard does not have it as it was written, or made it from something else.
    """
    # What an interrupted join has taken is there already.
    if kept.find(name, stem, key) is None and kept.copy_from(shard, name, stem, key) is None:
        what = f"the result of {name} is gone, or was changed{', or is of other inputs' if key else ''}"
        remedy = "run this shard again with --overwrite"
        raise HandboneError(what, where=shard.folder, remedy=remedy)
