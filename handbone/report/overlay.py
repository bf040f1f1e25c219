"""Draws bones on a radiograph: thin contours that keep the bone's texture visible, and small names beside the bones."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from handbone.anatomy import BONES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import ShapeError
from handbone.core.frame import Frame
from handbone.report.contours import contours, dashes
from handbone.report.labels import draw_labels, font, full_name, place_labels

Colour = tuple[int, int, int]
_WHITE = (255, 255, 255)
# Of the fixed-point coordinates that OpenCV draws with.
_FRACTION_BITS = 4


def draw_overlay(
    image: np.ndarray,
    masks: BoneMasks,
    *,
    ground_truth: BoneMasks | None = None,
    view: Frame | None = None,
    outline: bool = True,
    fill_alpha: float = 0.12,
    names: bool = True,
    bones: Sequence[int] | None = None,
    doubtful: Sequence[int] = (),
) -> np.ndarray:
    """A radiograph with its bones outlined in their anatomy colours.

    Parameters
    ----------
    image: (H, W) float32 in [0, 1] or uint8.
    masks: the bones to draw, on the same grid.
    ground_truth: drawn as white dashed contours above the bones.
    view: what part of the image to show, how turned and how large; the whole image at its own size by default.
    outline: whether each bone gets a contour; its width grows with the view.
    fill_alpha: how much of the bone's colour lies on its area, 0 to 1.
    names: short names beside the bones (MC3, Capitate), placed so that they don't collide.
    bones: indices of the bones to draw; all by default.
    doubtful: indices of bones whose contours are dashed.

    Returns
    -------
    (h, w, 3) uint8, RGB, of the view's size.
    """
    grey = as_grey(image)
    if tuple(masks.size_hw) != grey.shape:
        raise ShapeError("the masks of an overlay", f"{grey.shape} of the image", tuple(masks.size_hw))
    if view:
        grey = view.warp(grey)
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    width = line_width(canvas.shape[:2])
    polygons = _chosen(contours(masks, view), bones)
    for bone, bone_polygons in polygons.items():
        if fill_alpha > 0:
            _fill(canvas, bone_polygons, BONES[bone].colour, fill_alpha)
    if outline:
        for bone, bone_polygons in polygons.items():
            solid = bone not in doubtful
            lines = (
                bone_polygons
                if solid
                else [p for polygon in bone_polygons for p in dashes(polygon, 5.0 * width, 3.0 * width)]
            )
            stroke(canvas, lines, BONES[bone].colour, width, closed=solid)
    if ground_truth is not None:
        for ground_truth_polygons in _chosen(contours(ground_truth, view), bones).values():
            pieces = [piece for polygon in ground_truth_polygons for piece in dashes(polygon, 4.0 * width, 3.5 * width)]
            stroke(canvas, pieces, _WHITE, 0.8 * width, closed=False)
    if names:
        text_px = text_height(canvas.shape[:2])
        canvas = draw_labels(canvas, place_labels(polygons, grey.shape, text_px), text_px)
    return canvas


def panel(
    columns: Sequence[tuple[str, np.ndarray]],
    *,
    title: str = "",
    bones: Sequence[int] = (),
    ground_truth: bool = False,
) -> np.ndarray:
    """Overlays of one height side by side under their captions, with a legend of the bones at the right.

    Parameters
    ----------
    columns: (caption, (h, w, 3) uint8) from left to right.
    title: a line above all.
    bones: indices in the legend; without any there is none.
    ground_truth: whether the legend explains the white dashed outline.
    """
    height = columns[0][1].shape[0]
    for caption, overlay in columns:
        if overlay.shape[0] != height:
            raise ShapeError(f"the overlay {caption!r}", f"({height}, w, 3)", overlay.shape)
    text = max(12.0, text_height((height, height)))
    gap, head = round(0.7 * text), round((3.4 if title else 1.9) * text)
    legend = _legend(bones, ground_truth, height, text)
    parts = [overlay for _, overlay in columns] + ([legend] if legend is not None else [])
    sheet = np.full((head + height + gap, gap + sum(p.shape[1] + gap for p in parts), 3), 16, np.uint8)
    x, places = gap, []
    for part in parts:
        sheet[head : head + height, x : x + part.shape[1]] = part
        places.append(x)
        x += part.shape[1] + gap
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    if title:
        draw.text((gap, 1.0 * text), title, font=font(1.15 * text), fill=_WHITE, anchor="lm")
    for (caption, _), left in zip(columns, places, strict=False):
        draw.text((left, head - 0.9 * text), caption, font=font(text), fill=(190, 196, 204), anchor="lm")
    return np.asarray(image)


def as_grey(image: np.ndarray) -> np.ndarray:
    """An image (H, W), float in [0, 1] or uint8, as (H, W) uint8."""
    if image.ndim != 2:
        raise ShapeError("a radiograph", "(H, W)", image.shape)
    if image.dtype == np.uint8:
        return image
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def line_width(size_hw: tuple[int, int]) -> float:
    """Width in pixels of a contour that looks equally thin at any size of the image."""
    return max(1.1, 0.0016 * max(size_hw))


def text_height(size_hw: tuple[int, int]) -> float:
    """Height in pixels of the bones' names; small, but readable when the whole image fills a screen."""
    return max(10.0, 0.0135 * max(size_hw))


def _chosen(polygons: dict[int, list[np.ndarray]], bones: Sequence[int] | None) -> dict[int, list[np.ndarray]]:
    return polygons if bones is None else {bone: polygons[bone] for bone in bones if bone in polygons}


def _fill(canvas: np.ndarray, polygons: list[np.ndarray], colour: tuple[int, int, int], alpha: float) -> None:
    def draw(cover: np.ndarray, points: list[np.ndarray], finer: int) -> None:
        cv2.fillPoly(cover, points, 255, cv2.LINE_AA, _FRACTION_BITS)

    _blend(canvas, polygons, colour, alpha, 1.0, 1, draw)


def stroke(canvas: np.ndarray, lines: list[np.ndarray], colour: Colour, width: float, *, closed: bool) -> None:
    """Draw polylines, each (n, 2) of (x, y), on an image (h, w, 3) uint8, in place; the width is in pixels."""
    # A faint dark edge keeps the line visible on white bone and on white background.
    for paint, alpha, thickness in (((0, 0, 0), 0.35, 1.9 * width), (colour, 0.95, width)):

        def draw(cover: np.ndarray, points: list[np.ndarray], finer: int, thickness: float = thickness) -> None:
            across = max(1, round(thickness * finer))
            cv2.polylines(cover, points, closed, 255, across, cv2.LINE_AA, _FRACTION_BITS)

        # Lines are drawn at several times their size and averaged down: widths need not be whole pixels.
        finer = 4 if width < 2 else 3 if width < 3 else 2
        _blend(canvas, lines, paint, alpha, thickness + 1, finer, draw)


def _blend(
    canvas: np.ndarray,
    lines: list[np.ndarray],
    colour: Colour,
    alpha: float,
    margin: float,
    finer: int,
    draw: Callable[[np.ndarray, list[np.ndarray], int], None],
) -> None:
    """Paint what `draw` covers, on a grid `finer` times the canvas, inside the lines' box only."""
    height, width = canvas.shape[:2]
    points = np.vstack(lines)
    left, top = np.maximum(np.floor(points.min(0) - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(points.max(0) + margin) + 1, (width, height)).astype(int)
    if left >= right or top >= bottom:
        return
    cover = np.zeros(((bottom - top) * finer, (right - left) * finer), np.uint8)
    # Pixel centres are whole numbers on both grids.
    scaled = [((line - (left, top) + 0.5) * finer - 0.5) * (1 << _FRACTION_BITS) for line in lines]
    draw(cover, [np.round(line).astype(np.int32) for line in scaled], finer)
    if finer > 1:
        cover = cv2.resize(cover, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    mix(canvas[top:bottom, left:right], cover, colour, alpha)


def mix(part: np.ndarray, cover: np.ndarray, colour: Colour, alpha: float) -> None:
    """Mix a colour into a part of an image (h, w, 3), in place, as far as it is covered.

    Parameters
    ----------
    part: uint8. cover: (h, w), 255 where the colour lies wholly. alpha: its share there, 0 to 1.
    """
    if 4 * cv2.countNonZero(cover) > cover.size:
        weight = cv2.multiply(cover, 1.0, scale=alpha / 255, dtype=cv2.CV_32F)
        flat = cv2.merge([np.full_like(cover, each) for each in colour])
        part[:] = cv2.blendLinear(part, flat, 1 - weight, weight)
        return
    # Lines cover few pixels of their box.
    rows, columns = np.nonzero(cover > 0)
    few = cover[rows, columns, None] * np.float32(alpha / 255)
    part[rows, columns] = np.round(part[rows, columns] * (1 - few) + np.asarray(colour, np.float32) * few)


def _legend(bones: Sequence[int], ground_truth: bool, height: int, text: float) -> np.ndarray | None:
    if not bones:
        return None
    rows = len(bones) + (1 if ground_truth else 0)
    step = min(1.75 * text, height / (rows + 0.5))
    size = min(text, 0.72 * step)
    face = font(size)
    entries = [(BONES[bone].colour, full_name(bone)) for bone in bones]
    width = round(max(face.getlength(t) for _, t in entries) + 3.4 * size)
    image = Image.new("RGB", (width, height), (16, 16, 16))
    draw = ImageDraw.Draw(image)
    if ground_truth:
        y = 0.7 * step
        for x in np.arange(0.3, 2.2, 0.7) * size:
            draw.line([(x, y), (x + 0.4 * size, y)], fill=_WHITE, width=max(1, round(size / 9)))
        draw.text((2.8 * size, y), "ground truth", font=face, fill=(225, 228, 232), anchor="lm")
    for row, (colour, label) in enumerate(entries, start=1 if ground_truth else 0):
        y = (row + 0.7) * step
        chip = [0.3 * size, y - 0.35 * size, 2.1 * size, y + 0.35 * size]
        faint = tuple(round(0.35 * c) for c in colour)
        draw.rounded_rectangle(chip, radius=0.2 * size, outline=colour, fill=faint, width=max(1, round(size / 9)))
        draw.text((2.8 * size, y), label, font=face, fill=(225, 228, 232), anchor="lm")
    return np.asarray(image)
