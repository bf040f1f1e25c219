"""What there is to measure: predictions that are there, or radiographs that are outlined now."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.formats.image_files import Invert
from handbone.formats.image_search import find_images
from handbone.workflows.masks.table import TableMasks
from handbone.workflows.measure import MeasuredImage
from handbone.workflows.outputs import TABLE_FILE
from handbone.workflows.tasks import Crew, here


def prediction_source(
    paths: Sequence[Path], images: Path | None, *, reading: RleReading | None = None
) -> TableMasks | None:
    """Predictions to measure; None where the paths are radiographs.

    Parameters
    ----------
    paths: a run, a folder of predictions or a CSV, alone; or radiographs and folders of them.
    images: where the radiographs of predictions are. reading: how a CSV's run lengths are meant, see `TableMasks`.

    Raises
    ------
    HandboneError: predictions beside anything else, or `images` without predictions.
    """
    predictions = [path for path in paths if path.suffix.lower() == ".csv" or (path / TABLE_FILE).is_file()]
    if predictions and len(paths) > 1:
        remedy = "measure each prediction with a command of its own"
        raise HandboneError(
            "only one folder of predictions can be measured at a time", where=predictions[0], remedy=remedy
        )
    if predictions:
        return TableMasks(predictions[0], images, reading=reading)
    if images is not None:
        remedy = "leave --images out, or give a folder of predictions, a run or a CSV"
        raise HandboneError("--images can only be used with predictions", where=paths[0], remedy=remedy)
    return None


def predicted_source(
    paths: Sequence[Path], folder: Path, *, weights: str, invert: Invert | None, crew: Crew = here
) -> tuple[TableMasks, list[MeasuredImage]]:
    """Outline radiographs into a folder; gives what there is to measure, and the radiographs that failed.

    invert: how radiographs are read; by default as the weights say. crew: who outlines them.

    Raises
    ------
    HandboneError: no radiographs or no weights there, or nothing could be outlined.
    """
    found = find_images(paths)
    # Late, as it imports torch.
    from handbone.method.settings import read_settings
    from handbone.method.two_stage import TwoStage
    from handbone.weights import find_weights
    from handbone.workflows.predict import predict_images, prediction_results
    from handbone.workflows.records import predictions_head
    from handbone.workflows.stored_results import prediction_fingerprint

    settings = read_settings(weights).but(invert=invert)
    fingerprint = prediction_fingerprint(weights, settings=settings.model_dump(mode="json"))
    facts = {"weights": weights, "invert": settings.invert, "second_stage": find_weights(weights)[1] is not None}
    summary = predict_images(
        found.images,
        partial(TwoStage.from_path, weights, settings=settings),
        prediction_results(folder),
        fingerprint=fingerprint,
        head=predictions_head(settings, {**facts, "fingerprint": fingerprint}),
        invert=settings.invert,
        crew=crew,
    )
    failed = [MeasuredImage(record.name, error=record.error) for record in summary.failed]
    if len(failed) == summary.total:
        what = f"none of {len(failed)} radiographs could be segmented; the first error: {failed[0].error}"
        raise HandboneError(what)
    return TableMasks(folder), failed
