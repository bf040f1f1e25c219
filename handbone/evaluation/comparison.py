"""Comparison of recipes on the same images: metrics of the carpals by pose, with intervals over patients and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from handbone.anatomy import GROUPS
from handbone.evaluation.bootstrap import Interval, PatientBootstrap
from handbone.evaluation.headlines import grid, images_of
from handbone.evaluation.tables import POSES, metrics_of

BONES = GROUPS["carpals"]
#: A second stage made a bone worse where it lost more Dice than this.
WORSE = 0.005


@dataclass(frozen=True, eq=False)
class Score:
    """The results of one run of one recipe.

    Parameters
    ----------
    rows: its metrics table with `patient_id`; stages in the order of the method, of which the last one counts.
    seen: number of training images of its networks, including repetitions.
    megapixels: the same in pixels, which for networks of one kind measures the cost of training.
    minutes: training time.
    seconds: time to predict an image.
    """

    rows: pd.DataFrame
    seen: int
    megapixels: float
    minutes: float
    seconds: float


@dataclass(frozen=True)
class Cell:
    """One metric of a row in one pose.

    Parameters
    ----------
    mean: over images and then over bones, of the mean over seeds; the interval is over patients.
    seeds: each seed's own mean.
    change: against the first line, patients paired; None in the first line.
    """

    mean: Interval
    seeds: tuple[float, ...]
    change: Interval | None = None

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds; NaN with one."""
        return float(np.std(self.seeds, ddof=1)) if len(self.seeds) > 1 else float("nan")


@dataclass(frozen=True)
class Line:
    """One recipe with all its seeds: a cell for each pose and metric, and means of its runs' facts.

    `worse` is the share of (image, carpal) pairs that the last stage made worse than the first by more than `WORSE`
    Dice, NaN with one stage; `errors` say which of its runs failed, and why. Without any that succeeded `cells` is
    empty and the facts are NaN.
    """

    name: str
    errors: tuple[str, ...] = ()
    cells: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    seen: float = float("nan")
    megapixels: float = float("nan")
    minutes: float = float("nan")
    seconds: float = float("nan")
    worse: float = float("nan")


@dataclass(frozen=True)
class Comparison:
    """All lines, in order; `poses` holds the number of images and of patients by pose."""

    lines: tuple[Line, ...]
    poses: Mapping[str, tuple[int, int]]
    metrics: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """One row per line, with a column for every number."""
        return pd.DataFrame([self._flat(line) for line in self.lines])

    def _flat(self, line: Line) -> dict[str, object]:
        flat: dict[str, object] = {"recipe": line.name, "error": "; ".join(line.errors) or None}
        for pose, cells in line.cells.items():
            for metric, cell in cells.items():
                name = f"{pose}_{metric}"
                flat |= {name: cell.mean.mean, f"{name}_low": cell.mean.low, f"{name}_high": cell.mean.high}
                flat |= {f"{name}_seeds": len(cell.seeds), f"{name}_spread": cell.spread}
                if cell.change is not None:
                    change = cell.change
                    flat |= {f"{name}_change": change.mean, f"{name}_change_low": change.low}
                    flat |= {f"{name}_change_high": change.high}
        facts = {"images_seen": line.seen, "megapixels_seen": line.megapixels, "training_minutes": line.minutes}
        facts |= {"seconds_per_image": line.seconds}
        return flat | facts | {"made_worse": line.worse}


def compare_scores(
    scores: Mapping[str, Sequence[Score]], errors: Mapping[str, Sequence[str]] | None = None
) -> Comparison:
    """The metrics of every line, and the changes against the first one that has any.

    Parameters
    ----------
    scores: line to its runs, which differ in their seed; a line whose runs all failed has none. All have scored the
        same images, see `same_images`.
    errors: line to what happened to its runs.
    """
    told = errors or {}
    first = next((runs for runs in scores.values() if runs), None)
    if first is None:
        return Comparison(tuple(Line(name, tuple(told.get(name, ()))) for name in scores), {}, ())
    rows = first[0].rows
    # Recipes may ask for extra metrics, and only what all of them have can be compared.
    tables = [set(run.rows.columns) for runs in scores.values() for run in runs]
    metrics = tuple(metric for metric in metrics_of(rows) if all(metric in columns for columns in tables))
    poses = {pose: images_of(rows[rows["pose"] == pose]) for pose in POSES if (rows["pose"] == pose).any()}
    bootstraps = {pose: PatientBootstrap(patients) for pose, (_, patients) in poses.items()}
    values = {name: _values(runs, poses, metrics) for name, runs in scores.items() if runs}
    base = next(iter(values))
    lines = []
    for name, runs in scores.items():
        cells: dict[str, dict[str, Cell]] = {}
        for pose, bootstrap in bootstraps.items() if runs else ():
            for metric in metrics:
                seeds, reference = values[name][pose, metric], values[base][pose, metric]
                change = None if name == base else bootstrap.difference(_mean(reference), _mean(seeds))
                means = tuple(bootstrap.mean(seed).mean for seed in seeds)
                cells.setdefault(pose, {})[metric] = Cell(bootstrap.mean(_mean(seeds)), means, change)
        lines.append(Line(name, tuple(told.get(name, ())), cells, **_facts(runs)))
    counts = {pose: (len(names), len(set(patients))) for pose, (names, patients) in poses.items()}
    return Comparison(tuple(lines), counts, metrics)


def same_images(rows: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether two metrics tables are of the same images with the same true bones."""
    one, other = (
        table.drop_duplicates(["image_name", "bone"])
        .set_index(["image_name", "bone"])["ground_truth_area"]
        .sort_index()
        for table in (rows, others)
    )
    return one.equals(other)


def _values(runs: Sequence[Score], poses: Mapping, metrics: Sequence[str]) -> dict[tuple[str, str], list[np.ndarray]]:
    """(pose, metric) to each run's (images, bones), of its last stage."""
    last = [run.rows[run.rows["stage"] == run.rows["stage"].iloc[-1]] for run in runs]
    return {
        (pose, metric): [grid(rows, metric, names, BONES) for rows in last]
        for pose, (names, _) in poses.items()
        for metric in metrics
    }


def _mean(seeds: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over seeds of each image and bone, NaN left out."""
    stack = np.stack(seeds)
    known = (~np.isnan(stack)).sum(0)
    return np.divide(np.nansum(stack, 0), known, out=np.full(known.shape, np.nan), where=known > 0)


def _facts(runs: Sequence[Score]) -> dict[str, float]:
    if not runs:
        return {}
    return {
        "seen": float(np.mean([run.seen for run in runs])),
        "megapixels": float(np.mean([run.megapixels for run in runs])),
        "minutes": float(np.mean([run.minutes for run in runs])),
        "seconds": float(np.mean([run.seconds for run in runs])),
        "worse": float(np.mean([made_worse(run.rows) for run in runs])),
    }


def made_worse(rows: pd.DataFrame) -> float:
    """Share of (image, carpal) pairs whose Dice the last stage lowered by more than `WORSE`; NaN with one stage."""
    stages = list(dict.fromkeys(rows["stage"]))
    if len(stages) < 2:
        return float("nan")
    dice = rows[rows["bone"].isin(BONES)].pivot(index=["image_name", "bone"], columns="stage", values="dice")
    change = (dice[stages[-1]] - dice[stages[0]]).dropna()
    return float((change < -WORSE).mean())
