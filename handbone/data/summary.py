"""What a dataset holds, as tables: images, bones, overlaps, outliers and the two hands of each patient."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from handbone import anatomy
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.core.findings import Finding
from handbone.core.progress import track
from handbone.core.samples import Sample, relative_to
from handbone.data.dataset import Dataset
from handbone.data.patients import find_patients, read_patients
from handbone.data.plausible import hand_unit
from handbone.data.pose import bend_degrees, pose, thumb_side
from handbone.formats.image_files import size_of

#: From so many robust standard deviations on, a bone's area counts as an outlier.
OUTLIER_Z = 4.0


@dataclass(frozen=True)
class Summary:
    """A dataset in tables; lengths in pixels of the images, areas in square pixels.

    Parameters
    ----------
    images: one row per image: image_name, patient, split, side, thumb, width, height, bones, mc3_length_px (length of
        the third metacarpal, by all areas), bend_degrees, pose, and NaN where an image has no labels.
    areas: one row per image and bone: image_name, bone, area, share (area in squares of mc3_length_px) and z (deviation
        of the share's logarithm from the dataset's median in robust standard deviations).
    overlaps: one row per pair that overlaps in any hand: bone, other, hands (share in which they overlap), overlap
        (shared area over that of the smaller bone, mean over hands).
    patients: one row per patient: images, and for two hands the ratio of their sizes and both bends; age and sex where
        a workbook gives them.
    left_out: images that could not be read.
    """

    images: pd.DataFrame
    areas: pd.DataFrame
    overlaps: pd.DataFrame
    patients: pd.DataFrame
    left_out: tuple[Finding, ...]

    def bones(self) -> pd.DataFrame:
        """One row per bone: hands that have it, median area, the middle half of areas, and outliers."""
        rows = []
        for name, group in self.areas.groupby("bone", sort=False):
            quarter, half, three = group["area"].quantile([0.25, 0.5, 0.75])
            row = {"bone": name, "title": anatomy.BONES[anatomy.INDEX[name]].title, "hands": len(group)}
            row |= {"area": half, "area_q25": quarter, "area_q75": three, "share": group["share"].median()}
            rows.append(row | {"outliers": int((group["z"].abs() >= OUTLIER_Z).sum())})
        columns = ["bone", "title", "hands", "area", "area_q25", "area_q75", "share", "outliers"]
        return pd.DataFrame(rows, columns=columns)

    def outliers(self) -> pd.DataFrame:
        """The rows of `areas` whose share is far from the dataset's median, farthest first."""
        far = self.areas[self.areas["z"].abs() >= OUTLIER_Z]
        return far.reindex(far["z"].abs().sort_values(ascending=False).index).reset_index(drop=True)


def summarise(dataset: Dataset) -> Summary:
    """Read all labels of a dataset and tabulate them; a file that cannot be read is listed and left out."""
    images, areas, left_out = [], [], []
    overlaps = _Overlaps()
    for sample in track(dataset.samples, "Reading"):
        try:
            row, masks = _image(dataset, sample)
        except HandboneError as error:
            file = relative_to(sample.image, dataset.root)
            left_out.append(Finding("error", "unreadable", file, str(error), error.remedy or ""))
            continue
        images.append(row)
        if masks is not None:
            overlaps.add(masks)
            areas += [
                {"image_name": sample.name, "bone": anatomy.NAMES[bone], "area": int(area)}
                for bone, area in enumerate(masks.areas())
                if area
            ]
    images = pd.DataFrame(images, columns=_IMAGE_COLUMNS)
    areas = _with_deviation(pd.DataFrame(areas, columns=["image_name", "bone", "area"]), images)
    return Summary(images, areas, overlaps.table(), _patients(dataset, images), tuple(left_out))


_IMAGE_COLUMNS = ["image_name", "patient_id", "split", "side", "thumb", "width", "height", "bones", "mc3_length_px"]
_IMAGE_COLUMNS += ["bend_degrees", "pose"]


def _image(dataset: Dataset, sample: Sample) -> tuple[dict, BoneMasks | None]:
    row: dict[str, Any] = {"image_name": sample.name, "patient_id": sample.patient_id}
    row |= {"split": sample.split, "side": sample.side}
    if sample.annotation is None:
        height, width = size_of(sample.image)
        return row | {"width": width, "height": height}, None
    labels = dataset.labels(sample)
    masks = labels.masks()
    centroids = masks.centroids_xy()
    bend = bend_degrees(centroids)
    row |= {"width": labels.size_hw[1], "height": labels.size_hw[0], "bones": int(masks.present().sum())}
    row |= {"mc3_length_px": hand_unit(masks.areas()), "thumb": thumb_side(centroids)}
    return row | {"bend_degrees": bend, "pose": pose(bend)}, masks


class _Overlaps:
    """Adds up the overlaps of hands."""

    def __init__(self) -> None:
        self._shared = np.zeros((anatomy.COUNT, anatomy.COUNT))
        self._overlapping = np.zeros((anatomy.COUNT, anatomy.COUNT))
        self._both = np.zeros((anatomy.COUNT, anatomy.COUNT))

    def add(self, masks: BoneMasks) -> None:
        areas, shared = masks.areas().astype(float), masks.intersections()
        smaller = np.minimum.outer(areas, areas)
        self._shared += np.divide(shared, smaller, out=np.zeros_like(smaller), where=smaller > 0)
        self._overlapping += shared > 0
        self._both += smaller > 0

    def table(self) -> pd.DataFrame:
        rows = [
            {
                "bone": anatomy.NAMES[a],
                "other": anatomy.NAMES[b],
                "hands": self._overlapping[a, b] / self._both[a, b],
                "overlap": self._shared[a, b] / self._both[a, b],
            }
            for a, b in combinations(range(anatomy.COUNT), 2)
            if self._overlapping[a, b]
        ]
        table = pd.DataFrame(rows, columns=["bone", "other", "hands", "overlap"])
        return table.sort_values("overlap", ascending=False, ignore_index=True)


def _with_deviation(areas: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    unit = images.drop_duplicates("image_name").set_index("image_name")["mc3_length_px"].astype(float)
    areas["share"] = areas["area"].astype(float) / areas["image_name"].map(unit).astype(float) ** 2
    logs = np.log(areas["share"])
    middle = logs.groupby(areas["bone"]).transform("median")
    # 1.4826 median absolute deviations are a standard deviation where values are normal; the floor keeps the few
    # hands of a small set from calling each other outliers.
    spread = (logs - middle).abs().groupby(areas["bone"]).transform("median") * 1.4826
    areas["z"] = (logs - middle) / np.maximum(spread, 0.08)
    return areas


def _patients(dataset: Dataset, images: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for patient_id, hands in images.groupby("patient_id", sort=True):
        row = {"patient_id": patient_id, "images": len(hands), "split": "+".join(sorted(set(hands["split"])))}
        if len(hands) == 2:
            first, second = hands.sort_values("image_name").to_dict("records")
            row |= {"first": first["image_name"], "second": second["image_name"]}
            row |= {"thumbs": f"{first['thumb'] or '?'}, {second['thumb'] or '?'}"}
            row |= {"size_ratio": first["mc3_length_px"] / second["mc3_length_px"]}
            row |= {"bend_first": first["bend_degrees"], "bend_second": second["bend_degrees"]}
        rows.append(row)
    columns = ["patient_id", "images", "split", "first", "second", "thumbs", "size_ratio", "bend_first", "bend_second"]
    table = pd.DataFrame(rows, columns=columns)
    workbook = find_patients(dataset.root)
    if workbook is None:
        return table
    try:
        known = read_patients(workbook)[0].drop_duplicates("patient_id")
    except HandboneError:
        return table  # `data check` says what is wrong with it
    return table.merge(known, on="patient_id", how="left")
