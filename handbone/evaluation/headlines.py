"""The headline metrics with intervals over patients: all bones and the carpals, by pose and stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.evaluation.bootstrap import Interval, PatientBootstrap
from handbone.evaluation.tables import POSES, metrics_of

GROUPS = ("all", "carpals")


@dataclass(frozen=True)
class Headline:
    """The metrics of one group of bones, or of one bone, in one pose.

    Parameters
    ----------
    group: name of the bones' group, or of the bone.
    pose: 'straight', 'bent', 'unknown'; None for all images.
    images, patients: how many there are.
    stages: stage to metric (such as 'dice') to its mean over images and then over bones.
    change: metric to its change from the first to the last stage; empty if there is only one stage.
    """

    group: str
    pose: str | None
    images: int
    patients: int
    stages: Mapping[str, Mapping[str, Interval]]
    change: Mapping[str, Interval]


def headlines(rows: pd.DataFrame, *, seed: int = 0, groups: Sequence[str] = GROUPS) -> list[Headline]:
    """Metrics with intervals, of groups of bones in all images and in each pose.

    Parameters
    ----------
    rows: a metrics table with a column `patient_id`; stages come in the order of the method.
    seed: of the bootstrap. groups: in the order of the result.
    """
    found = []
    for pose in (None, *POSES):
        part = rows if pose is None else rows[rows["pose"] == pose]
        if part.empty:
            continue
        names, patients = images_of(part)
        grids, bootstrap = _grids(part, names), PatientBootstrap(patients, seed=seed)
        found += [_headline(grids, group, anatomy.GROUPS[group], pose, bootstrap) for group in groups]
    return sorted(found, key=lambda headline: groups.index(headline.group))


def bone_headlines(rows: pd.DataFrame, *, seed: int = 0) -> list[Headline]:
    """The same of each bone in all images."""
    names, patients = images_of(rows)
    grids, bootstrap, seen = _grids(rows, names), PatientBootstrap(patients, seed=seed), set(rows["bone"])
    return [_headline(grids, bone, (bone,), None, bootstrap) for bone in anatomy.NAMES if bone in seen]


def _grids(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Stage to metric to (images, 29), in the order of the table's stages."""
    metrics = metrics_of(rows)
    return {
        str(stage): {metric: grid(part, metric, names, anatomy.NAMES) for metric in metrics}
        for stage, part in rows.groupby("stage", sort=False, observed=True)
    }


def _headline(
    grids: Mapping[str, Mapping[str, np.ndarray]],
    group: str,
    bones: Sequence[str],
    pose: str | None,
    bootstrap: PatientBootstrap,
) -> Headline:
    columns = [anatomy.INDEX[bone] for bone in bones]
    values = {stage: {metric: v[:, columns] for metric, v in held.items()} for stage, held in grids.items()}
    stages = list(values.values())
    return Headline(
        group,
        pose,
        images=len(bootstrap.patients),
        patients=len(set(bootstrap.patients)),
        stages={stage: {metric: bootstrap.mean(v) for metric, v in held.items()} for stage, held in values.items()},
        change={metric: bootstrap.difference(v, stages[-1][metric]) for metric, v in stages[0].items()}
        if len(stages) > 1
        else {},
    )


def images_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The names of a metrics table's images, in order, and whose hand each shows."""
    patients = rows.groupby("image_name")["patient_id"].first().sort_index()
    return list(patients.index), [str(patient_id) for patient_id in patients]


def grid(rows: pd.DataFrame, metric: str, names: Sequence[str], bones: Sequence[str]) -> np.ndarray:
    """One metric of one stage as (images, bones), NaN where the table has none."""
    values = rows.pivot(index="image_name", columns="bone", values=metric)
    return values.reindex(index=list(names), columns=list(bones)).to_numpy(float)


def with_intervals(summary: pd.DataFrame, found: Sequence[Headline]) -> pd.DataFrame:
    """The table of `summarise` with further columns, filled in the headlines' lines.

    They are <stage>_<metric>_low and _high, and <metric>_change, _change_low and _change_high, the last stage's gain.
    """
    lines = []
    for headline in found:
        kind, name = ("bone" if headline.group in anatomy.INDEX else "group", headline.group)
        if headline.pose is not None:
            kind, name = "group and pose", f"{headline.group}, {headline.pose}"
        line: dict[str, object] = {"kind": kind, "name": name, "patients": headline.patients}
        for stage, metrics in headline.stages.items():
            for metric, interval in metrics.items():
                line |= {f"{stage}_{metric}_low": interval.low, f"{stage}_{metric}_high": interval.high}
        for metric, interval in headline.change.items():
            line[f"{metric}_change"] = interval.mean
            line |= {f"{metric}_change_low": interval.low, f"{metric}_change_high": interval.high}
        lines.append(line)
    return summary.merge(pd.DataFrame(lines), on=["kind", "name"], how="left") if lines else summary
