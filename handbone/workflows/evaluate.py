"""Anyone's masks against anyone's labels: metrics, intervals over patients, and a paired comparison of two predictions.

>>> from handbone.workflows.evaluate import evaluate
>>> found = evaluate("theirs.csv", "hands", against="ours.csv")  # doctest: +SKIP
>>> found.dice("carpals"), found.summary  # doctest: +SKIP
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from handbone import anatomy
from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.data.pose import bend_degrees, pose
from handbone.evaluation.classes import ScoredClass, scored_classes
from handbone.evaluation.scoring import Scoring
from handbone.formats.image_files import Invert
from handbone.measure import Scale
from handbone.recipe.class_map import ClassMap
from handbone.workflows.evaluation.measured import MeasuredPair, measure_pair
from handbone.workflows.evaluation.pairs import AGAINST, PREDICTION, Pair, Pairs
from handbone.workflows.evaluation.result import Evaluation
from handbone.workflows.evaluation.truth import open_labels
from handbone.workflows.masks.opening import open_masks
from handbone.workflows.results import Results
from handbone.workflows.tasks import Crew, Failed, each_in_order, here, in_reach


def evaluate(
    predictions: str | Path,
    truth: str | Path,
    *,
    against: str | Path | None = None,
    class_map: ClassMap | str | Path | None = None,
    classes: str = "all",
    tolerances: Sequence[str] = (),
    images: str | Path | None = None,
    mm_per_px: float | None = None,
    measures: bool = False,
    invert: Invert = "auto",
    rle: Sequence[str] = (),
    layout: str = "auto",
    annotations: str | None = None,
    truth_rle: Sequence[str] = (),
    crew: Crew = here,
) -> Evaluation:
    """Compare masks with labels of the same images, which are joined by name.

    Parameters
    ----------
    predictions: a CSV in the contest format, a COCO file, a folder of `handbone predict` or of NAME/BONE.png, a run, or
        a data set.
    truth: a data set's folder as `handbone data check` takes it, or a CSV or COCO file.
    against: other predictions of the same images, to compare the first ones with, image by image.
    class_map: of the labels, and of predictions whose classes are not called as bones are: a `ClassMap`, its name
        ("ram_h1200"), or a TOML file. Classes that merge bones are compared with the union of these.
    classes: bones and groups to score, such as "carpals,Radius".
    tolerances: of the NSD, such as "2px" and "0.5mm"; 1 and 2 pixels by default.
    images: folder of the radiographs, where labels are a file. mm_per_px: size of a pixel; what the files say by
        default.
    measures: whether lengths, ratios and angles of both masks are compared, too.
    invert: how radiographs are read, see `read_image`.
    rle, truth_rle: how run lengths of CSV files are meant, see `RleReading.parse`.
    layout, annotations: of the data set, see `handbone.recipe.schema.Data`. crew: who does the work.

    Returns
    -------
    Metrics of every image and bone, and their means. Images that fail are in its `failed`.

    Raises
    ------
    HandboneError: nothing to read at a path, no image in common, or not one that can be compared.
    """
    chosen = class_map if isinstance(class_map, ClassMap) or class_map is None else ClassMap.load(class_map)
    scoring, wanted = Scoring.parse(tolerances), scored_classes(chosen, classes)
    places = ({AGAINST: Path(against)} if against is not None else {}) | {PREDICTION: Path(predictions)}
    settings = {"layout": layout, "annotations": annotations, "rle": ",".join(truth_rle) or None, "invert": invert}
    again = partial(
        _open_pairs,
        places,
        Path(truth),
        None if images is None else Path(images),
        chosen,
        wanted,
        RleReading.parse(rle),
        settings,
    )
    layout, pairs = again()
    tables: list[pd.DataFrame] = []
    scales: dict[str, Scale] = {}
    failed: dict[str, str] = {}
    problems: dict[str, list[str]] = {}
    measured: list[MeasuredPair] = []
    prepare = partial(
        _comparing,
        in_reach(crew, (layout, pairs), again),
        scoring,
        mm_per_px=mm_per_px,
        measures=measures,
        invert=invert,
    )
    for name, found in each_in_order(prepare, [image.name for image in pairs.images], title="Evaluating", crew=crew):
        if isinstance(found, Failed):
            failed[name] = found.error
            continue
        tables.append(found.rows)
        scales[name] = found.scale
        if found.measured is not None:
            measured.append(found.measured)
        if found.problems:
            problems[name] = found.problems
    if not tables:
        first = next(iter(failed.values()))
        raise HandboneError(f"none of {len(failed)} images could be compared; the first error: {first}")
    facts: dict[str, Any] = {
        "predictions": str(predictions),
        "truth": str(truth),
        "against": None if against is None else str(against),
        "layout": layout,
        "class_map": chosen and chosen.name,
    }
    return Evaluation(
        pd.concat(tables, ignore_index=True), pairs, scoring, facts, failed, problems, scales, tuple(measured), invert
    )


def evaluation_results(folder: Path) -> Results:
    """The output folder of `handbone evaluate`.

    Raises
    ------
    HandboneError: there is something else than a folder.
    """
    return Results.at(folder, "an evaluation")


def _open_pairs(
    places: Mapping[str, Path],
    truth: Path,
    images: Path | None,
    class_map: ClassMap | None,
    wanted: tuple[ScoredClass, ...],
    reading: RleReading | None,
    settings: Mapping[str, Any],
) -> tuple[str, Pairs]:
    """What labels were read as, and the images that have labels and predictions."""
    sources = {stage: open_masks(path, class_map=class_map, reading=reading) for stage, path in places.items()}
    labels = open_labels(truth, images=images, class_map=class_map, settings=settings)
    return labels.layout, Pairs.join(labels, sources, wanted)


@dataclass(frozen=True, eq=False)
class _Compared:
    """What was found of one image: its part of the metrics table, and what is wrong with its labels."""

    rows: pd.DataFrame
    scale: Scale
    problems: list[str]
    measured: MeasuredPair | None


def _comparing(
    open_pairs: Callable[[], tuple[str, Pairs]],
    scoring: Scoring,
    *,
    mm_per_px: float | None,
    measures: bool,
    invert: Invert,
) -> Callable[[str], _Compared]:
    """What compares one image by its name."""
    _, pairs = open_pairs()
    images = {image.name: image for image in pairs.images}
    needs_scale = measures or scoring.tolerances_mm

    def compare(name: str) -> _Compared:
        image = images[name]
        pair = pairs.read(image)
        scale = pairs.scale(image, mm_per_px, invert) if needs_scale else Scale()
        rows = _rows(pairs, pair, scoring, scale)
        measured = measure_pair(pair, scale, pairs.classes, invert) if measures else None
        return _Compared(rows, scale, image.problems(), measured)

    return compare


def _rows(pairs: Pairs, pair: Pair, scoring: Scoring, scale: Scale) -> pd.DataFrame:
    """One image's part of the metrics table: the classes' first bones, by stage."""
    truth = pairs.scored(pair.ground_truth)
    bend = bend_degrees(pair.ground_truth.centroids_xy())
    kept = [each.bones[0] for each in pairs.classes]
    facts = {
        "image_name": pair.image.name,
        "patient_id": pair.image.patient_id,
        "side": pair.image.side or "",
        "bone": anatomy.NAMES,
    }
    frames = []
    for stage, masks in pair.stages.items():
        columns = scoring.columns(truth, pairs.scored(masks), scale.spacing_mm)
        table = pd.DataFrame({**facts, "stage": stage, **columns, "bend_degrees": bend, "pose": pose(bend)})
        frames.append(table.iloc[kept])
    return pd.concat(frames, ignore_index=True)
