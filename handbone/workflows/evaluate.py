"""Anyone's masks against anyone's labels: metrics, intervals over patients, and a paired comparison of two predictions.

>>> from handbone.workflows.evaluate import evaluate
>>> found = evaluate("theirs.csv", "hands", against="ours.csv")  # doctest: +SKIP
>>> found.dice("carpals"), found.summary  # doctest: +SKIP
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from handbone.core.errors import HandboneError
from handbone.core.rle_reading import RleReading
from handbone.evaluation.classes import ScoredClass, scored_classes
from handbone.evaluation.scoring import Scoring
from handbone.formats.image_files import Invert
from handbone.recipe.class_map import ClassMap
from handbone.workflows.divided import Work
from handbone.workflows.evaluation.comparing import Compared, comparing
from handbone.workflows.evaluation.pairs import AGAINST, PREDICTION, Pairs
from handbone.workflows.evaluation.result import Evaluation
from handbone.workflows.evaluation.truth import open_labels
from handbone.workflows.masks.opening import open_masks
from handbone.workflows.results import Results
from handbone.workflows.tasks import Crew, Failed, here, in_reach


@dataclass(frozen=True, eq=False)
class Comparison:
    """Masks and labels that are to be compared, image by image.

    Parameters
    ----------
    pairs: the images. again: opens them once more, as for another process, and says what labels are read as.
    scoring, mm_per_px, measures, invert: how they are compared. facts: where all of it lies.
    """

    pairs: Pairs
    again: Callable[[], tuple[str, Pairs]]
    scoring: Scoring
    mm_per_px: float | None
    measures: bool
    invert: Invert
    facts: Mapping[str, Any]

    @classmethod
    def open(
        cls,
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
    ) -> "Comparison":
        """Find what there is to compare; parameters and errors are those of `evaluate`."""
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
        facts: dict[str, Any] = {
            "predictions": str(predictions),
            "truth": str(truth),
            "against": None if against is None else str(against),
            "layout": layout,
            "class_map": chosen and chosen.name,
        }
        return cls(pairs, again, scoring, mm_per_px, measures, invert, facts)

    def work(self, crew: Crew = here) -> Work[str, Compared]:
        """The work that is to be done, for a crew."""
        prepare = partial(
            comparing,
            in_reach(crew, (self.facts["layout"], self.pairs), self.again),
            self.scoring,
            mm_per_px=self.mm_per_px,
            measures=self.measures,
            invert=self.invert,
        )
        names = [image.name for image in self.pairs.images]
        return Work(prepare, names, "Evaluating", Compared.to_json, Compared.from_json)

    def evaluation(self, results: Iterable[tuple[str, Compared | Failed]]) -> Evaluation:
        """What comes of the work's results.

        Raises
        ------
        HandboneError: not one image could be compared.
        """
        compared: dict[str, Compared] = {}
        failed: dict[str, str] = {}
        for name, found in results:
            if isinstance(found, Failed):
                failed[name] = found.error
            else:
                compared[name] = found
        if not compared:
            first = next(iter(failed.values()))
            raise HandboneError(f"none of {len(failed)} images could be compared; the first error: {first}")
        return Evaluation(
            pd.concat([each.rows for each in compared.values()], ignore_index=True),
            self.pairs,
            self.scoring,
            self.facts,
            failed,
            {name: each.problems for name, each in compared.items() if each.problems},
            {name: each.scale for name, each in compared.items()},
            tuple(each.measured for each in compared.values() if each.measured is not None),
            self.invert,
        )


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
    asked = Comparison.open(
        predictions,
        truth,
        against=against,
        class_map=class_map,
        classes=classes,
        tolerances=tolerances,
        images=images,
        mm_per_px=mm_per_px,
        measures=measures,
        invert=invert,
        rle=rle,
        layout=layout,
        annotations=annotations,
        truth_rle=truth_rle,
    )
    return asked.evaluation(asked.work(crew).results(crew))


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
