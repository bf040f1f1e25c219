"""The report page of an evaluation: the worst and the best images with their contours, and every bone's metrics."""

from pathlib import Path

import numpy as np

from handbone.core.errors import HandboneError
from handbone.core.progress import track
from handbone.evaluation.scoring import DISTANCES
from handbone.formats.image_files import read_image
from handbone.report.cases import CaseImage, draw_case
from handbone.report.evaluation import measurement_table
from handbone.report.page import write_report
from handbone.workflows.evaluation.notes import notes
from handbone.workflows.evaluation.pairs import PREDICTION, Pair
from handbone.workflows.evaluation.scores import Scores

_WORST, _BEST = 6, 2


def write_page(evaluation: Scores, path: Path) -> Path:
    """Write the page; images whose radiograph is not at hand are drawn on black."""
    names = list(evaluation.images()["image_name"])
    chosen = list(dict.fromkeys([*names[:_WORST], *names[len(names) - _BEST :]]))
    by_name = {image.name: image for image in evaluation.pairs.images}
    cases = [_case(evaluation, evaluation.pairs.read(by_name[name])) for name in track(chosen, "Drawing the report")]
    facts = evaluation.facts
    errors = evaluation.measurement_summary
    measured = measurement_table(errors[errors["stage"] == PREDICTION]) if evaluation.measured else None
    title = f"{Path(facts['predictions']).name} against the labels of {Path(facts['truth']).name}"
    return write_report(
        path,
        title=title,
        rows=evaluation.rows,
        cases=cases,
        failures=list(evaluation.failed.items()),
        notes=notes(evaluation),
        lower_is_better=DISTANCES,
        measurements=measured,
        environment={key: value for key, value in facts.items() if value is not None},
    )


def _case(evaluation: Scores, pair: Pair) -> CaseImage:
    pairs, size_hw, caption = evaluation.pairs, pair.ground_truth.size_hw, ""
    image = np.zeros(size_hw, np.uint8)
    try:
        if pair.image.image is not None:
            read = read_image(pair.image.image, invert=evaluation.invert).image
            fits = read.shape == size_hw
            image, caption = (read, "") if fits else (image, "The radiograph has another size than the labels.")
    except HandboneError as error:
        caption = f"The radiograph cannot be read: {error}."
    stages = [(stage, pairs.scored(masks)) for stage, masks in pair.stages.items()]
    return draw_case(pair.image.name, image, stages, ground_truth=pairs.scored(pair.ground_truth), caption=caption)
