"""Short names of bones on an image, placed beside the bones without overlap."""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from handbone.anatomy import BONES, SHORT_NAMES


def full_name(bone: int) -> str:
    """The short name of a bone with its anatomical title, where that says more."""
    short, title = SHORT_NAMES[bone], BONES[bone].title
    return short if short.lower() == title else f"{short}  {title}"


# How far labels may go, as multiples of their own height, and in how many directions they are tried.
_DISTANCES = (0.3, 0.9, 1.6, 2.5, 3.5, 5.0, 7.0, 9.5, 12.5, 16.0, 20.0)
_DIRECTIONS = 24

_Point = tuple[float, float]
_Box = tuple[int, int, int, int]
#: What a place costs, the text's box there, and the bone's point that its leader line touches.
_Candidate = tuple[float, _Box, _Point]


@dataclass(frozen=True)
class Label:
    """A placed text: its box (left, top, right, bottom) in pixels, and where its leader line touches the bone."""

    bone: int
    text: str
    box: _Box
    tip_xy: _Point
    leader: bool


def font(height_px: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The labels' font; it is carried by Pillow, so that every machine draws the same."""
    return ImageFont.load_default(size=height_px)


def place_labels(
    polygons_by_bone: dict[int, list[np.ndarray]],
    size_hw: tuple[int, int],
    text_px: float,
    bones: Collection[int] | None = None,
) -> list[Label]:
    """Find a free place beside every bone.

    Parameters
    ----------
    polygons_by_bone: contours (n, 2) in the view's pixels.
    size_hw: the view's height and width.
    text_px: height of the text.
    bones: which of them get a name; all by default.

    A label never lies on another one nor across the edge; a bone for which that is impossible gets none. Bones with the
    least free space around them choose first.
    """
    height, width = size_hw
    table = cv2.integral(_covered(polygons_by_bone, size_hw))
    face = font(text_px)
    named = polygons_by_bone.keys() if bones is None else polygons_by_bone.keys() & set(bones)
    contours = {bone: np.vstack(polygons_by_bone[bone]) for bone in sorted(named)}
    contours = {bone: polygon[_visible(polygon, width, height)] for bone, polygon in contours.items()}
    contours = {bone: polygon for bone, polygon in contours.items() if len(polygon)}
    candidates = {}
    for bone, polygon in contours.items():
        size = (face.getlength(SHORT_NAMES[bone]) + 0.7 * text_px, 1.35 * text_px)
        candidates[bone] = _candidates(polygon, size, table, (width, height))
    placed: list[Label] = []
    for bone in sorted(candidates, key=lambda b: -candidates[b][0][0] if candidates[b] else 0.0):
        label = _best(bone, candidates[bone], placed, text_px)
        if label:
            placed.append(label)
    return placed


def _covered(polygons_by_bone: dict[int, list[np.ndarray]], size_hw: tuple[int, int]) -> np.ndarray:
    cover = np.zeros(size_hw, np.uint8)
    for polygons in polygons_by_bone.values():
        cv2.fillPoly(cover, [np.round(polygon).astype(np.int32) for polygon in polygons], 1)
    return cover


def _visible(polygon: np.ndarray, width: int, height: int) -> np.ndarray:
    return (polygon[:, 0] >= 0) & (polygon[:, 1] >= 0) & (polygon[:, 0] < width) & (polygon[:, 1] < height)


def _candidates(
    polygon: np.ndarray, size: tuple[float, float], table: np.ndarray, image_wh: tuple[int, int]
) -> list[_Candidate]:
    """Boxes beside a bone, cheapest first: (cost, box, tip); near boxes cost little, boxes on bone much."""
    turns = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    directions = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    # In each direction the contour's point farthest to that side, among those near the ray from the bone's middle.
    offsets = polygon - (polygon.min(0) + polygon.max(0)) / 2
    along, across = offsets @ directions.T, np.abs(offsets @ np.stack([-directions[:, 1], directions[:, 0]]))
    tips = polygon[np.argmax(along - 2.0 * across, axis=0)]
    distances = np.array(_DISTANCES)
    reach = distances[None] * size[1] + 0.5 * (np.abs(directions) @ np.array(size))[:, None]
    middles = tips[:, None] + reach[..., None] * directions[:, None]
    boxes = np.round(np.concatenate([middles - np.divide(size, 2), middles + np.divide(size, 2)], axis=-1)).astype(int)
    inside = (boxes[..., :2] >= 2).all(-1) & (boxes[..., 2:] <= np.array(image_wh) - 2).all(-1)
    kept, (turn, far) = boxes[inside], np.nonzero(inside)
    left, top, right, bottom = kept.T
    bone = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    # Sideways reads best: above and below a phalanx lie its neighbours.
    cost = distances[far] + 25.0 * bone / ((right - left) * (bottom - top)) + 0.6 * np.abs(directions[turn, 1])
    order = np.argsort(cost, kind="stable")
    columns = cost[order].tolist(), map(tuple, kept[order].tolist()), map(tuple, tips[turn[order]].tolist())
    return list(zip(*columns, strict=True))


def _best(bone: int, candidates: list[_Candidate], placed: list[Label], text_px: float) -> Label | None:
    best, best_cost = None, np.inf
    leaders = [(_nearest(other.box, other.tip_xy), other.tip_xy) for other in placed]
    for cost, box, tip in candidates:
        if cost >= best_cost:
            break
        if any(_overlap(box, other.box, 0.15 * text_px) for other in placed):
            continue
        start = _nearest(box, tip)
        crossings = sum(_cross(start, tip, *leader) for leader in leaders)
        struck = sum(_passes(start, tip, other.box) for other in placed)
        struck += sum(_passes(*leader, box) for leader in leaders)
        cost += 6.0 * crossings + 12.0 * struck
        if cost < best_cost:
            leader = float(np.hypot(start[0] - tip[0], start[1] - tip[1])) > 0.75 * text_px
            best, best_cost = Label(bone, SHORT_NAMES[bone], box, tip, leader), cost
    return best


def _overlap(a: _Box, b: _Box, margin: float) -> bool:
    return a[0] < b[2] + margin and b[0] < a[2] + margin and a[1] < b[3] + margin and b[1] < a[3] + margin


def _nearest(box: _Box, point: _Point) -> _Point:
    """The point of a box that is nearest to a point."""
    return float(min(max(point[0], box[0]), box[2])), float(min(max(point[1], box[1]), box[3]))


def _cross(a: _Point, b: _Point, c: _Point, d: _Point) -> bool:
    """Whether the segments ab and cd cross."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = a, b, c, d
    x, y = bx - ax, by - ay
    if (x * (cy - ay) - y * (cx - ax)) * (x * (dy - ay) - y * (dx - ax)) >= 0:
        return False
    x, y = dx - cx, dy - cy
    return (x * (ay - cy) - y * (ax - cx)) * (x * (by - cy) - y * (bx - cx)) < 0


def _passes(a: _Point, b: _Point, box: _Box) -> bool:
    """Whether the segment ab runs through a box."""
    left, top, right, bottom = box
    if (left < a[0] < right and top < a[1] < bottom) or (left < b[0] < right and top < b[1] < bottom):
        return True
    return _cross(a, b, (left, top), (right, bottom)) or _cross(a, b, (left, bottom), (right, top))


def draw_labels(canvas: np.ndarray, labels: list[Label], text_px: float) -> np.ndarray:
    """The image (h, w, 3) uint8 with the labels and their leader lines on it."""
    image = Image.fromarray(canvas).convert("RGBA")
    layer = Image.new("RGBA", image.size)
    draw, face = ImageDraw.Draw(layer), font(text_px)
    line = max(1, round(text_px / 14))
    for label in labels:
        if label.leader:
            colour = BONES[label.bone].colour
            draw.line([_nearest(label.box, label.tip_xy), label.tip_xy], fill=(*colour, 200), width=line)
            x, y = label.tip_xy
            draw.ellipse([x - 1.7 * line, y - 1.7 * line, x + 1.7 * line, y + 1.7 * line], fill=(*colour, 255))
    for label in labels:
        draw.rounded_rectangle(label.box, radius=0.3 * text_px, fill=(10, 12, 16, 190))
        middle = (label.box[0] + label.box[2]) / 2, (label.box[1] + label.box[3]) / 2
        draw.text(middle, label.text, font=face, fill=(*_light(BONES[label.bone].colour), 255), anchor="mm")
    return np.asarray(Image.alpha_composite(image, layer).convert("RGB"))


def _light(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """A bone's colour, bright enough to be read as small text on black."""
    luminance = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
    mix = max(0.0, min(0.75, (190 - luminance) / 190))
    red, green, blue = (round(c + (255 - c) * mix) for c in colour)
    return red, green, blue
