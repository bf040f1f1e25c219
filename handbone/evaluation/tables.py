"""Metrics as tables: one row for each image, bone and stage, and their means over bones, groups and poses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.pose import bend_degrees, pose
from handbone.evaluation.boundaries import BAND_PX, compare_boundaries
from handbone.evaluation.columns import FACTS
from handbone.evaluation.metrics import both_empty, boundary_iou_of, dice_contest, hd95_of, nsd_of

#: An extra metric of each bone, (29,), from true and predicted masks.
Metric = Callable[[BoneMasks, BoneMasks], np.ndarray]
#: What `handbone.data.pose.pose` tells apart.
POSES = ("straight", "bent", "unknown")
# Columns of masks that are empty on one side or on both, of which summaries give the number.
_COUNTS = ("both_empty", "missed", "invented")


def score_images(
    images: Iterable[tuple[str, BoneMasks, Mapping[str, BoneMasks]]],
    *,
    tolerances_px: Sequence[float] = (1.0, 2.0),
    band_px: float = BAND_PX,
    metrics: Mapping[str, Metric] | None = None,
) -> pd.DataFrame:
    """The metrics table: one row for each image, stage and bone.

    Parameters
    ----------
    images: (image name, true masks, {stage: its masks}) of each image, in the order of the method's stages.
    tolerances_px: the tolerances of the NSD columns, in pixels of the image.
    band_px: width in pixels of the bands that boundary IoU compares.
    metrics: extra columns by name.

    Returns
    -------
    Columns image_name, bone, stage, dice, both_empty, nsd_<tolerance>px for each tolerance, hd95_px, boundary_iou,
    extra metrics, ground_truth_area and area in pixels, bend_degrees and pose ('straight', 'bent' or 'unknown') of the
    true hand. Boundary metrics are NaN where both masks are empty; see `handbone.evaluation.metrics` for where one is.

    Raises
    ------
    HandboneError: for a repeated image name.
    """
    measure = partial(_scores, tolerances_px=tolerances_px, band_px=band_px, metrics=metrics or {})
    frames: list[pd.DataFrame] = []
    seen: set[str] = set()
    for image_name, ground_truth, stages in images:
        if image_name in seen:
            raise HandboneError(f"{image_name!r} is scored twice", remedy="give the images different names")
        seen.add(image_name)
        bend = bend_degrees(ground_truth.centroids_xy())
        for stage, masks in stages.items():
            columns: dict[str, Any] = {"image_name": image_name, "bone": anatomy.NAMES, "stage": stage}
            columns |= measure(ground_truth, masks)
            frames.append(pd.DataFrame(columns | {"bend_degrees": bend, "pose": pose(bend)}))
    if not frames:
        names = [*measure(*[BoneMasks.from_polygons({}, (1, 1))] * 2)]
        return pd.DataFrame(columns=["image_name", "bone", "stage", *names, "bend_degrees", "pose"])
    return pd.concat(frames, ignore_index=True)


def _scores(
    ground_truth: BoneMasks,
    masks: BoneMasks,
    *,
    tolerances_px: Sequence[float],
    band_px: float,
    metrics: Mapping[str, Metric],
) -> dict[str, np.ndarray]:
    pairs = compare_boundaries(ground_truth, masks, band_px=band_px)
    return {
        "dice": dice_contest(ground_truth, masks),
        "both_empty": both_empty(ground_truth, masks),
        **{f"nsd_{tolerance:g}px": nsd_of(pairs, tolerance) for tolerance in tolerances_px},
        "hd95_px": hd95_of(pairs, ground_truth.size_hw),
        "boundary_iou": boundary_iou_of(pairs),
        **{name: metric(ground_truth, masks) for name, metric in metrics.items()},
        "ground_truth_area": ground_truth.areas(),
        "area": masks.areas(),
    }


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Means of the metrics table, over images and then over bones, as the contest takes them.

    Parameters
    ----------
    rows: what `score_images` returned.

    Returns
    -------
    Columns kind ('group', 'pose', 'group and pose' or 'bone'), name, images, and for each stage <stage>_dice,
    <stage>_dice_seen (Dice without the bones that neither ground truth nor prediction has), <stage>_both_empty (how
    many those are), <stage>_missed and <stage>_invented where the rows tell them, <stage>_nsd_..., <stage>_hd95_px,
    <stage>_boundary_iou and extra metrics. Groups come first, then poses (all bones), then groups in each pose
    ('carpals, bent'), then bones in anatomy order.
    """
    parts = [("group", name, rows[rows["bone"].isin(bones)]) for name, bones in anatomy.GROUPS.items()]
    parts += [("pose", name, rows[rows["pose"] == name]) for name in POSES]
    parts += [
        ("group and pose", f"{name}, {held}", rows[rows["bone"].isin(bones) & (rows["pose"] == held)])
        for name, bones in anatomy.GROUPS.items()
        for held in POSES
    ]
    parts += [("bone", name, rows[rows["bone"] == name]) for name in anatomy.NAMES]
    return _lines(parts, list(dict.fromkeys(rows["stage"])))


def summarise_patients(rows: pd.DataFrame) -> pd.DataFrame:
    """The means of each patient's images, all bones, as `summarise` takes them: kind "patient", sorted by name.

    rows: a metrics table with the column `patient_id`.
    """
    parts = [("patient", str(name), part) for name, part in rows.groupby("patient_id")]
    return _lines(parts, list(dict.fromkeys(rows["stage"])))


def _lines(parts: Sequence[tuple[str, str, pd.DataFrame]], stages: Sequence[str]) -> pd.DataFrame:
    lines = []
    for kind, name, part in parts:
        if part.empty:
            continue
        line = {"kind": kind, "name": name, "images": part["image_name"].nunique()}
        for stage in stages:
            means = _means(part[part["stage"] == stage])
            line |= {f"{stage}_{metric}": value for metric, value in means.items()}
        lines.append(line)
    return pd.DataFrame(lines, columns=None if lines else ["kind", "name", "images"])


def _means(rows: pd.DataFrame) -> dict[str, float]:
    metrics = rows.assign(dice_seen=rows["dice"].where(~rows["both_empty"].astype(bool)))
    _, *others = metrics_of(rows)
    means = metrics.groupby("bone")[["dice", "dice_seen", *others]].mean().mean()
    return {
        "dice": float(means["dice"]),
        "dice_seen": float(means["dice_seen"]),
        **{count: int(rows[count].sum()) for count in _COUNTS if count in rows},
        **{name: float(means[name]) for name in others},
    }


def metrics_of(rows: pd.DataFrame) -> list[str]:
    """The columns of a metrics table that hold numbers: dice, then boundary metrics and others that it has."""
    return [name for name in rows.columns if name not in FACTS]
