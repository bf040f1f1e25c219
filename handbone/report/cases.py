"""One image's case in the report: the radiograph once, and every stage's contours above it as SVG paths.

Vector contours stay thin at any zoom, name themselves under the pointer, can be switched off, and take a fraction of
the bytes of three painted images.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from handbone.anatomy import BONES, CARPALS, COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.report.contours import contours, svg_path
from handbone.report.labels import Label, place_labels
from handbone.report.overlay import as_grey

# Of a panel's width, about 400 pixels on a page: names this high are still read.
_TEXT_SHARE = 0.033
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class ShotLayer:
    """One stage's contours in a shot: (bone index, SVG path) each."""

    stage: str
    paths: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Shot:
    """The radiograph as seen by one camera (the whole hand, or the wrist) with the contours of each stage."""

    title: str
    size_hw: tuple[int, int]
    image_uri: str
    layers: tuple[ShotLayer, ...]
    ground_truth: tuple[tuple[int, str], ...]
    labels: tuple[Label, ...]
    text_px: float
    roi: str


@dataclass(frozen=True)
class CaseImage:
    """A case of the report, already drawn: small, whatever the size of the radiograph.

    `image_name` joins it with the metrics; `caption` is one sentence beside it, such as why the ROI fell back.
    """

    image_name: str
    caption: str
    shots: tuple[Shot, ...]


def draw_case(
    image_name: str,
    image: np.ndarray,
    stages: Sequence[tuple[str, BoneMasks]],
    *,
    ground_truth: BoneMasks | None = None,
    roi: Frame | None = None,
    caption: str = "",
    size: int = 900,
) -> CaseImage:
    """Draw an image for the report.

    Parameters
    ----------
    image_name: the image's name in the metrics.
    image: (H, W) float32 in [0, 1] or uint8.
    stages: (name, masks) in the order of the columns, such as coarse and merged; masks in the image's frame.
    ground_truth: the true masks, where known.
    roi: the frame that the refiner read; it is outlined in the whole image. The wrist is shown around it.
    size: largest side in pixels of the embedded radiograph.
    """
    grey = as_grey(image)
    known = [ground_truth] if ground_truth is not None else []
    shots = [_shot("hand", grey, stages, ground_truth, fit_view(grey.shape, size), roi, size)]
    wrist = _wrist_view(known + [masks for _, masks in reversed(stages)], roi, size)
    if wrist:
        shots.append(_shot("wrist", grey, stages, ground_truth, wrist, None, size))
    return CaseImage(image_name, caption, tuple(shots))


def fit_view(size_hw: tuple[int, int], size: int) -> Frame:
    """The whole image, its larger side no larger than `size` pixels."""
    scale = min(1.0, size / max(size_hw))
    return Frame.letterbox(size_hw, (max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))))


def _wrist_view(candidates: Sequence[BoneMasks], roi: Frame | None, size: int) -> Frame | None:
    """The wrist as it stands in the image, neither turned nor mirrored, so that it can be found in the whole hand."""
    if roi is not None:
        side = max(roi.size_hw) / roi.scale
        return Frame.around(tuple(roi.corners_xy.mean(0)), side, round(0.8 * size))
    for masks in candidates:
        seen = [bone for bone in CARPALS if masks.present()[bone]]
        if seen:
            boxes = masks.boxes_xyxy[seen]
            low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
            return Frame.around(tuple((low + high) / 2), 1.35 * float((high - low).max()), round(0.8 * size))
    return None


def _shot(
    title: str,
    grey: np.ndarray,
    stages: Sequence[tuple[str, BoneMasks]],
    ground_truth: BoneMasks | None,
    view: Frame,
    roi: Frame | None,
    size: int,
) -> Shot:
    # The carpals are named in the wrist's own shot; there is no room for them beside the whole hand.
    named = set(range(COUNT)) - (set(CARPALS) if title == "hand" else set())
    labelled = contours(ground_truth if ground_truth is not None else stages[-1][1], view)
    text_px = _TEXT_SHARE * view.size_hw[1]
    return Shot(
        title=title,
        size_hw=view.size_hw,
        image_uri=jpeg_uri(view.warp(grey)),
        layers=tuple(ShotLayer(name, bone_paths(masks, view)) for name, masks in stages),
        ground_truth=bone_paths(ground_truth, view) if ground_truth is not None else (),
        labels=tuple(place_labels(labelled, view.size_hw, text_px, named)),
        text_px=text_px,
        roi=_polygon(view.to_grid(roi.corners_xy)) if roi is not None else "",
    )


def bone_paths(masks: BoneMasks, view: Frame) -> tuple[tuple[int, str], ...]:
    """What a view shows of the bones: (index, `d` of an SVG path) each, large bones first."""
    found = contours(masks, view).items()
    shown = {bone: kept for bone, polygons in found if (kept := [p for p in polygons if _meets(p, view.size_hw)])}
    # So small ones that lie on large ones stay within reach of the pointer.
    order = sorted(shown, key=lambda bone: -_extent(shown[bone]))
    return tuple((bone, svg_path(shown[bone])) for bone in order)


def jpeg(grey: np.ndarray) -> bytes:
    """A grey image (h, w) uint8 as a JPEG file."""
    _, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    return encoded.tobytes()


def jpeg_uri(grey: np.ndarray) -> str:
    """A grey image (h, w) uint8 as a JPEG data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(grey)).decode("ascii")


def _meets(polygon: np.ndarray, size_hw: tuple[int, int]) -> bool:
    low, high = polygon.min(0), polygon.max(0)
    return bool((high >= 0).all() and low[0] < size_hw[1] and low[1] < size_hw[0])


def _extent(polygons: list[np.ndarray]) -> float:
    return max(float(np.prod(polygon.max(0) - polygon.min(0))) for polygon in polygons)


def _polygon(points: np.ndarray) -> str:
    return " ".join(f"{x + 0.5:.1f},{y + 0.5:.1f}" for x, y in points)


def colour_of(bone: int) -> str:
    """A bone's colour as CSS has it."""
    return "#{:02x}{:02x}{:02x}".format(*BONES[bone].colour)
