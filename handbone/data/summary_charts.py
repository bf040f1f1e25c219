"""Charts (PNG) and images (JPEG) of a dataset, as files in memory."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.polygons import Polygons
from handbone.data.pose import BENT_DEGREES
from handbone.data.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def area_chart(summary: Summary) -> bytes:
    """Each bone's area in squares of the third metacarpal's length: middle half, range, and outliers as dots."""
    figure, axes = _figure(9, 5.2)
    present = [name for name in anatomy.NAMES if (summary.areas["bone"] == name).any()]
    shares = [summary.areas.loc[summary.areas["bone"] == name, "share"].to_numpy() for name in present]
    boxes = axes.boxplot(shares, patch_artist=True, widths=0.65, flierprops={"markersize": 3})
    for patch, name in zip(boxes["boxes"], present, strict=True):
        patch.set_facecolor(np.array(anatomy.BONES[anatomy.INDEX[name]].colour) / 255)
    for line in boxes["medians"]:
        line.set_color("black")
    axes.set_yscale("log")
    axes.set_xticks(range(1, len(present) + 1), present, rotation=60, ha="right")
    axes.set_ylabel("area / (third metacarpal's length)²")
    return _png(figure)


def overlap_chart(summary: Summary) -> bytes:
    """Shared area over that of the smaller bone, for each pair of bones."""
    figure, axes = _figure(7.5, 6.5)
    matrix = np.zeros((anatomy.COUNT, anatomy.COUNT))
    for row in summary.overlaps.itertuples():
        a, b = anatomy.INDEX[row.bone], anatomy.INDEX[row.other]
        matrix[a, b] = matrix[b, a] = row.overlap
    shown = axes.imshow(matrix, cmap="magma", vmin=0, vmax=max(0.1, matrix.max()))
    axes.set_xticks(range(anatomy.COUNT), anatomy.NAMES, rotation=90)
    axes.set_yticks(range(anatomy.COUNT), anatomy.NAMES)
    figure.colorbar(shown, ax=axes, shrink=0.7, label="shared / smaller bone, mean over hands")
    return _png(figure)


def pose_chart(summary: Summary) -> bytes:
    """How many hands are bent how far at the wrist, by split."""
    figure, axes = _figure(7, 3.2)
    known = summary.images.dropna(subset=["bend_degrees"])
    splits = [(split, known.loc[known["split"] == split, "bend_degrees"]) for split in ("train", "test")]
    splits = [(split, bends) for split, bends in splits if len(bends)]
    top = max([75.0, *(bends.max() for _, bends in splits)])
    axes.hist([b for _, b in splits], np.arange(0, top + 5, 5), label=[f"{p} ({len(b)})" for p, b in splits])
    axes.axvline(BENT_DEGREES, color="grey", linestyle="--", linewidth=1)
    axes.set_xlabel("bend at the wrist, degrees (dashed: bent from here on)")
    axes.set_ylabel("hands")
    if splits:
        axes.legend(frameon=False)
    return _png(figure)


def hand_image(
    values: np.ndarray, polygons: Polygons, *, height: int = 460, marked: Mapping[int, str] | None = None
) -> bytes:
    """A JPEG of an image (H, W), uint8 or uint16, and its bones' contours; with `marked` only those, with texts."""
    scale = height / values.shape[0]
    grey = cv2.resize(np.asarray(values), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if grey.dtype != np.uint8:
        grey = (grey // 257).astype(np.uint8)
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    for bone, contours in polygons.items():
        if marked is not None and bone not in marked:
            continue
        colour = anatomy.BONES[bone].colour[::-1]
        # 4 fractional bits; pixel centres move by half a pixel when an image shrinks.
        points = [np.rint(((polygon + 0.5) * scale - 0.5) * 16).astype(np.int32) for polygon in contours]
        cv2.polylines(canvas, points, True, colour, 1, cv2.LINE_AA, 4)
        if marked is not None:
            x, y = (np.concatenate(contours).min(0) * scale).astype(int)
            at = max(2, min(int(x), canvas.shape[1] - 140)), max(14, int(y) - 6)
            cv2.putText(canvas, marked[bone], at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
    return cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    # Without pyplot no window system is asked for and no figure is kept alive.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.tick_params(labelsize=7)
    return figure, axes


def _png(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
