"""The figures that a person reads first, with intervals over people: all bones and the carpals, by pose, by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.evaluation.bootstrap import Interval, PersonBootstrap
from handbone.evaluation.tables import POSES, figures_of

GROUPS = ("all", "carpals")


@dataclass(frozen=True)
class Headline:
    """The figures of one group of bones in one pose.

    Parameters
    ----------
    group: name of the bones' group.
    pose: 'straight', 'bent', 'unknown'; None for all pictures.
    pictures, people: how many there are.
    stages: stage to figure (such as 'dice') to its mean over pictures and then over bones.
    change: figure to what the last stage changed against the first; empty where there is one stage.
    """

    group: str
    pose: str | None
    pictures: int
    people: int
    stages: Mapping[str, Mapping[str, Interval]]
    change: Mapping[str, Interval]


def headlines(rows: pd.DataFrame, *, seed: int = 0) -> list[Headline]:
    """Figures with intervals, of `GROUPS` in all pictures and in each pose.

    Parameters
    ----------
    rows: a metrics table with a column `person`; stages come in the order of the method.
    seed: of the bootstrap.
    """
    found = []
    for pose in (None, *POSES):
        part = rows if pose is None else rows[rows["pose"] == pose]
        if part.empty:
            continue
        names, people = pictures_of(part)
        bootstrap = PersonBootstrap(people, seed=seed)
        found += [_headline(part, group, pose, names, bootstrap) for group in GROUPS]
    return sorted(found, key=lambda headline: GROUPS.index(headline.group))


def _headline(
    rows: pd.DataFrame, group: str, pose: str | None, names: Sequence[str], bootstrap: PersonBootstrap
) -> Headline:
    figures, stages = figures_of(rows), list(dict.fromkeys(rows["stage"]))
    bones = anatomy.GROUPS[group]
    values = {
        stage: {figure: grid(rows[rows["stage"] == stage], figure, names, bones) for figure in figures}
        for stage in stages
    }
    first, last = values[stages[0]], values[stages[-1]]
    return Headline(
        group,
        pose,
        pictures=len(names),
        people=len(set(bootstrap.people)),
        stages={stage: {figure: bootstrap.mean(v) for figure, v in held.items()} for stage, held in values.items()},
        change={figure: bootstrap.difference(first[figure], last[figure]) for figure in figures}
        if len(stages) > 1
        else {},
    )


def pictures_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The names of a metrics table's pictures, in order, and whose hand each shows."""
    people = rows.groupby("image_name")["person"].first().sort_index()
    return list(people.index), [str(person) for person in people]


def grid(rows: pd.DataFrame, figure: str, names: Sequence[str], bones: Sequence[str]) -> np.ndarray:
    """One figure of one stage as (pictures, bones), NaN where the table has none."""
    values = rows.pivot(index="image_name", columns="bone", values=figure)
    return values.reindex(index=list(names), columns=list(bones)).to_numpy(float)


def with_intervals(summary: pd.DataFrame, found: Sequence[Headline]) -> pd.DataFrame:
    """The table of `summarise` with further columns, filled in the headlines' lines.

    They are <stage>_<figure>_low and _high, and <figure>_change, _change_low and _change_high, the last stage's gain.
    """
    lines = []
    for headline in found:
        kind, name = ("group", headline.group)
        if headline.pose is not None:
            kind, name = "group and pose", f"{headline.group}, {headline.pose}"
        line: dict[str, object] = {"kind": kind, "name": name, "people": headline.people}
        for stage, figures in headline.stages.items():
            for figure, interval in figures.items():
                line |= {f"{stage}_{figure}_low": interval.low, f"{stage}_{figure}_high": interval.high}
        for figure, interval in headline.change.items():
            line[f"{figure}_change"] = interval.mean
            line |= {f"{figure}_change_low": interval.low, f"{figure}_change_high": interval.high}
        lines.append(line)
    return summary.merge(pd.DataFrame(lines), on=["kind", "name"], how="left") if lines else summary
