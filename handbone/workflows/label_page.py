"""Doubtful labels as a folder: a table, an image each, and one HTML page that needs no other file, worst first."""

import base64
import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from handbone.anatomy import BONES, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.core.folders import atomic_dir
from handbone.core.frame import Frame
from handbone.core.progress import track
from handbone.data.dataset import Dataset
from handbone.formats.image_files import read_image
from handbone.formats.own_png import encode_png
from handbone.report.labels import SHORT_NAMES
from handbone.report.overlay import draw_overlay, panel
from handbone.report.templates import template
from handbone.workflows.check_labels import LabelCheck

PAGE_FILE, TABLE_FILE = "labels.html", "label_errors.csv"
_PANEL = 760  # pixels, of each of an image's two panels
_ROOM, _LEAST_VIEW = 1.35, 0.22  # around the bones concerned; of the image's larger side
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class _Case:
    """A doubtful image on the page; its image is read from its file when the page is written."""

    check: LabelCheck
    image: Path

    @property
    def source(self) -> str:
        done, data = cv2.imencode(".jpg", cv2.imread(str(self.image)), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        assert done
        return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"

    @property
    def bones(self) -> str:
        """The bones by their names in files, with those in the image."""
        return ", ".join(f"{NAMES[b]} ({_aside(b)})" if _aside(b) else NAMES[b] for b in self.check.bones)


def require_free(folder: Path) -> None:
    """Refuse a folder for the page that holds something; HandboneError names it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HandboneError(
            "the folder already exists", where=folder, remedy="choose another folder, or remove this one first"
        )


def write_label_page(checks: Sequence[LabelCheck], dataset: Dataset, folder: Path, *, weights: str = "") -> Path:
    """Write `labels.html`, `label_errors.csv` and a PNG a doubtful image into a new folder, whole or not at all.

    Parameters
    ----------
    checks: from `check_labels`, the worst first.
    dataset: their images, which are read again one by one.
    folder: is made.
    weights: the name of the weights, for the page.

    Returns
    -------
    The page's path.

    Raises
    ------
    HandboneError: the folder exists and holds something, or an image is gone.
    """
    folder = Path(folder)
    require_free(folder)
    doubtful = [check for check in checks if check.bones]
    with atomic_dir(folder) as temporary:
        _write_table(checks, temporary / TABLE_FILE)
        cases = []
        for rank, check in enumerate(track(doubtful, "Drawing"), start=1):
            path = temporary / f"{rank:04}-{check.sample.image.stem}.png"
            path.write_bytes(encode_png(_draw(check, dataset), compression=3))
            cases.append(_Case(check, path))
        page = template("labels.html.jinja", package="handbone.workflows").stream(
            root=dataset.root,
            weights=weights,
            compared=sum(check.problem is None for check in checks),
            kinds=Counter(error.kind for check in doubtful for error in check.errors),
            cases=cases,
            not_judged=[check for check in checks if check.errors and not check.bones],
            unread=[check.problem for check in checks if check.problem],
        )
        # One image of the page at a time in memory.
        page.dump(str(temporary / PAGE_FILE), encoding="utf-8")
    return folder / PAGE_FILE


def _write_table(checks: Sequence[LabelCheck], path: Path) -> None:
    errors = [(round(error.severity, 3), check.sample.name, error) for check in checks for error in check.errors]
    rows: list[tuple[str, ...]] = [
        (name, error.kind, " ".join(NAMES[b] for b in error.bones), str(severity), error.message)
        for severity, name, error in sorted(errors, key=lambda row: -row[0])
    ]
    rows += [
        (c.sample.name, "unreadable", "", "", f"{c.problem.file}: {c.problem.message}") for c in checks if c.problem
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("image", "kind", "bones", "severity", "message"))
        table.writerows(rows)


def _draw(check: LabelCheck, dataset: Dataset) -> np.ndarray:
    """(h, w, 3) uint8, RGB: the labels and what the weights see of the bones concerned, side by side."""
    image = read_image(check.sample.image, invert=dataset.invert).image
    polygons = dataset.labels(check.sample).polygons
    labels = BoneMasks.from_polygons({bone: polygons[bone] for bone in check.bones if bone in polygons}, image.shape)
    seen = BoneMasks.from_polygons(check.seen, image.shape)
    view = _view(Box.around([*labels.boxes_xyxy.tolist(), *seen.boxes_xyxy.tolist()]), image.shape)
    columns = [
        (
            "labels (white, dashed: the weights)",
            draw_overlay(image, labels, ground_truth=seen, view=view, fill_alpha=0.06),
        ),
        ("what the weights see", draw_overlay(image, seen, view=view, fill_alpha=0.06)),
    ]
    return panel(columns, title=check.sample.name, bones=check.bones)


def _view(box: Box, size_hw: tuple[int, int]) -> Frame:
    """A square around a box (half-open) with some room, no larger than the image and inside it where it can be."""
    low, high = np.array(box[:2]), np.array(box[2:])
    side = float(np.clip(_ROOM * (high - low).max(), _LEAST_VIEW * max(size_hw), max(size_hw)))
    width_height = np.array(size_hw[::-1])
    first = np.minimum(side / 2, width_height / 2)
    centre = np.clip((low + high) / 2, first, width_height - first) - 0.5
    return Frame.around(tuple(centre.tolist()), side, _PANEL)


def _aside(bone: int) -> str:
    """What a bone is called beside its name in files: "MC3, middle metacarpal"; nothing where that is the same."""
    return "" if SHORT_NAMES[bone] == NAMES[bone] else f"{SHORT_NAMES[bone]}, {BONES[bone].title}"
