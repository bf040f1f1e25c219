"""Images of any kind to overlays, masks in one table, and a record of how each came about; in constant memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from handbone.core.progress import console
from handbone.formats.image_files import MAX_PIXELS, Invert
from handbone.formats.image_search import InputImage
from handbone.method.several_hands import MOST_HANDS
from handbone.method.two_stage import TwoStage
from handbone.workflows.one_by_one import ERRORS, make_each
from handbone.workflows.outline_task import OutlineTask, Stemmed
from handbone.workflows.outlining import Hands, names_of_hands
from handbone.workflows.outputs import LINES_FILE, OVERLAYS, PAGE_FILE, RECORD_FILE, TABLE_FILE, file_stems
from handbone.workflows.prediction_join import Extras, Predicted, Summary, join, only_failures
from handbone.workflows.results import Results
from handbone.workflows.shards import Shard
from handbone.workflows.stored_results import StoredResults, record_file
from handbone.workflows.tasks import Crew, here


def prediction_results(folder: Path) -> Results:
    """The output folder of `predict_images`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "predictions", resumable=True)


def stems_of(images: Iterable[InputImage], shard: Shard | None = None) -> dict[str, str]:
    """By key, what files made from an image are called; of a shard as in the whole."""
    stems = file_stems(image.key for image in images)
    return stems if shard is None else {key: stem for key, stem in stems.items() if key in shard}


def written_names(stems: Mapping[str, str], hands: Hands = "one", *, page: bool = False) -> Iterator[str]:
    """The files that may be written for images, by `stems_of`; those of `--write` and images of the page apart."""
    yield from (TABLE_FILE, RECORD_FILE, LINES_FILE, *([PAGE_FILE] if page else []))
    for name, stem in possible_results(stems, hands):
        yield f"{OVERLAYS}/{stem}.png"
        yield record_file(name)


def possible_results(stems: Mapping[str, str], hands: Hands) -> Iterator[tuple[str, str]]:
    """Name of each result that may come of images, and what files made from it are called."""
    for key, stem in stems.items():
        yield key, stem
        if hands == "all":
            yield from zip(names_of_hands(key, MOST_HANDS), names_of_hands(stem, MOST_HANDS), strict=True)


def predict_images(
    images: Sequence[InputImage],
    load: Callable[[], TwoStage],
    results: Results,
    *,
    fingerprint: str,
    head: Mapping[str, Any],
    extras: Extras = Extras(),
    invert: Invert = "auto",
    max_pixels: int = MAX_PIXELS,
    hands: Hands = "one",
    overwrite: bool = False,
    earlier: Sequence[Path] = (),
    shard: Shard | None = None,
    crew: Crew = here,
) -> Summary:
    """Outline the bones of images and write the output folder, whole or not at all.

    Each image's result is kept as soon as it is there, in a folder beside the output's, and nowhere in memory. After
    an interruption the same call goes on where it was. An image that fails, in whatever way, is left out and listed.
    Where all fail for reasons that are known, nothing is written.

    Parameters
    ----------
    images: in the order in which they are written.
    load: gives the trained networks; their threshold makes the masks.
    results: gets `overlays/STEM.png`, `records/KEY.json`, `predictions.csv`, `predictions.json`,
        `predictions.jsonl` and, for failures that nobody foresaw, `errors/STEM.txt`.
    fingerprint: of the method and its settings, see `prediction_fingerprint`.
    head: what `predictions.json` says beside the images, see `predictions_head`.
    extras: what is written beside the table and the record.
    invert: whether images are turned round, see `read_image`.
    max_pixels: images with more, by their headers, fail before they are decoded.
    hands: "all" gives each hand of an image a result of its own, KEY#1 and so on.
    overwrite: whether earlier predictions may go.
    earlier: folders of earlier predictions, whose results need not be made again where their fingerprint is the same.
    shard: the part of the images that is outlined, if not all; its folder is written whatever becomes of them.
    crew: who does the work; with other processes `load` is copied to them.

    Raises
    ------
    HandboneError: another process is at work on the same folder, or it holds what must not go.
    """
    stems = stems_of(images, shard)
    images = [image for image in images if image.key in stems]
    with results.fill(overwrite=overwrite, names=written_names(stems, hands, page=extras.page)) as work:
        kept = StoredResults(work, fingerprint, page=extras.page)
        kept.clean(possible_results(stems, hands))
        task = OutlineTask(load, work, fingerprint, tuple(earlier), invert, max_pixels, hands, extras.page)
        items = (Stemmed(image, stems[image.key]) for image in images)
        predicted = Predicted(images, kept, stems)
        made = make_each(task, items, title="Outlining bones", total=len(images), done="outlined", crew=crew)
        # The place is ours until the last process has ended.
        with closing(made):
            for outcome in made:
                predicted.add(outcome)
                if outcome.unread:
                    console.print(f"Skipped: {outcome.error}", markup=False, highlight=False, soft_wrap=True)
        if shard is not None or predicted.any_made or (work / ERRORS).exists():
            return join(predicted, extras, head)
        return only_failures(predicted)
