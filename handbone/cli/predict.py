"""`handbone predict`: outline the bones of any radiographs with trained weights."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from handbone.cli import predict_options as options
from handbone.cli.ending import finish, resumable
from handbone.cli.options import AsJson, Cluster, JoinShards, Output, RuntimeOption, ShardWord, Workers
from handbone.cli.output import echo_json_entries, say_passed_over
from handbone.cli.predict_show import show
from handbone.cli.sharding import part_of
from handbone.core.collection import no_collection

if TYPE_CHECKING:
    from handbone.workflows.tasks import Crew


def command(
    paths: options.Paths = None,
    from_file: options.FromFile = None,
    output: Output = Path("predictions"),
    weights: options.Weights = "zero_shot",
    runtime: RuntimeOption = "auto",
    threshold: options.Threshold = None,
    flip_tta: options.FlipTta = None,
    tta: options.Tta = False,
    invert: options.Invert = None,
    hands: options.HandsOption = "one",
    views: options.Views = None,
    write: options.Write = None,
    settings: options.Settings = None,
    measure: options.Measure = False,
    mm_per_px: options.MmPerPx = None,
    max_pixels: options.MaxPixels = 200_000_000,
    page: options.PageOption = True,
    workers: Workers = 1,
    cluster: Cluster = None,
    shard: ShardWord = None,
    join: JoinShards = False,
    overwrite: options.Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Outline the 29 bones of radiographs: PNG, JPEG or TIFF of any size, 8 or 16 bit, grey or colour.

    Plugins add formats, such as handbone-dicom. Folders are searched recursively, and files that are not read are
    listed. OUT mirrors the folders, with one overlay (contours of doubtful bones are dashed) and one record per image.
    predictions.csv holds run lengths in each image's own pixels and a confidence per bone; predictions.json holds
    everything. OUT/index.html shows all images, doubtful ones first, and records your verdicts. --measure adds
    measurements.csv, measurements.json and a drawing per hand. Images that fail, or that cannot be written as --write
    asks, are listed, and the exit code is 1. It is also 1 if no image shows a hand. Running the same command again
    continues where it stopped, and tries failed images again. Not a medical device.
    """
    if mm_per_px is not None and not measure:
        raise typer.BadParameter("give --measure, too", param_hint="--mm-per-px")
    with no_collection():
        from functools import partial

        from handbone.cli.settings import nested_settings
        from handbone.formats.image_search import find_images
        from handbone.formats.path_list import read_path_list
        from handbone.method.settings import read_settings
        from handbone.method.two_stage import TwoStage
        from handbone.weights import find_weights
        from handbone.workflows.crews import crew_of
        from handbone.workflows.predict import predict_images, prediction_results, stems_of, written_names
        from handbone.workflows.prediction_join import Extras
        from handbone.workflows.records import IMAGES, predictions_head
        from handbone.workflows.shard_join import join_shards, joined_head
        from handbone.workflows.shards import finished_shards
        from handbone.workflows.stored_results import is_unfinished, prediction_fingerprint
        from handbone.workflows.writers import writer_factories

    if from_file is None and not paths and not join:
        raise typer.BadParameter("give image files or folders, or a list of them with --from-file", param_hint="PATH")
    part, crew = part_of(shard, join=join), crew_of(workers, cluster)
    given = [*(paths or []), *(read_path_list(from_file) if from_file else [])]
    used = read_settings(weights).but(
        threshold=threshold, flip_tta=flip_tta, views=_views(views, tta=tta), invert=invert
    )
    fingerprint = prediction_fingerprint(weights, settings=used.model_dump(mode="json"), hands=hands, runtime=runtime)
    writers = writer_factories(write or [], nested_settings(settings or []))
    place = part.folder(output) if part else output
    results = prediction_results(place)
    measured = {"source": [path.name for path in given], "rois": [], "weights": weights}
    measuring, tables = _measuring(mm_per_px, measured, crew) if measure else (None, [])
    goes_on = results.put_right() or (not overwrite and is_unfinished(place, fingerprint))
    found = find_images(given) if given else None
    if found is None or join:
        shards = finished_shards(output, fingerprint)
        head = joined_head(shards)
        work = partial(join_shards, shards, results, expected=found.images if found else None)
    else:
        names = written_names(stems_of(found.images, part), hands, page=page)
        results.check(overwrite=overwrite or goes_on, names=[*names, *tables])
        say_passed_over(found.passed_over)
        facts = {
            "weights": weights,
            "invert": used.invert,
            "hands": hands,
            "second_stage": find_weights(weights)[1] is not None,
            "passed_over": [each.to_json() for each in found.passed_over],
            "shard": shard,
            "fingerprint": fingerprint,
        }
        head = predictions_head(used, facts)
        work = partial(
            predict_images,
            found.images,
            partial(TwoStage.from_path, weights, settings=used, runtime=runtime),
            results,
            invert=used.invert,
            max_pixels=max_pixels,
            earlier=[place] if goes_on else [],
            shard=part,
            crew=crew,
        )
    extras = Extras(writers, page, measuring)
    with resumable():
        summary = work(fingerprint=fingerprint, head=head, extras=extras, hands=hands, overwrite=overwrite or goes_on)
    finish(
        as_json,
        lambda: echo_json_entries(head, IMAGES, (record.to_json() for record in summary.records(place))),
        partial(show, summary, place, used.invert),
        # A shard may well have no image, or none with a hand.
        failed=summary.failed or summary.unwritten or not (part or summary.outcomes["outlined"]),
    )


def _measuring(
    mm_per_px: float | None, facts: dict[str, Any], crew: "Crew"
) -> tuple[Callable[[Path], Mapping[str, str]], list[str]]:
    """What measures a folder of predictions, and the tables that it adds."""
    # Late, as few ask for it.
    from functools import partial

    from handbone.workflows import measure

    work = partial(measure.measure_predictions, mm_per_px=mm_per_px, facts=facts, crew=crew)
    return work, [measure.TABLE_FILE, measure.RECORD_FILE]


def _views(names: list[str] | None, *, tta: bool) -> list[str] | None:
    """What was asked for; None: as the weights say."""
    if names is None and not tta:
        return None
    return [name for name in names or [] if name != "none"] + ["turned"] * tta
