"""A hand with the lines along which it was measured, and its values beside it."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.measure import Measurement, Measurements
from handbone.measure.radiogrammetry import MEAN
from handbone.report.labels import font
from handbone.report.overlay import as_grey, draw_overlay, line_width, stroke

# The longer side of the radiograph in the image.
_SIZE = 1600
_BACKGROUND, _TEXT, _DIM, _WARNING = (16, 16, 16), (225, 228, 232), (140, 146, 154), (255, 196, 84)
# Measures that have many values are drawn thin, without a colour and a line of their own in the legend.
_MANY = 8
_NEUTRAL = (235, 235, 235)


def draw_measurements(
    image: np.ndarray, masks: BoneMasks, measurements: Measurements, *, title: str = ""
) -> np.ndarray:
    """The radiograph with contours and measured lines at the left, values and reasons at the right.

    Parameters
    ----------
    image: (H, W) float32 in [0, 1] or uint8. masks: of the bones, on the same grid.

    Returns
    -------
    (h, w, 3) uint8, RGB.
    """
    view = _view(masks.size_hw)
    canvas = draw_overlay(image, masks, view=view, fill_alpha=0.0, names=False)
    canvas = cv2.addWeighted(canvas, 0.6, np.repeat(view.warp(as_grey(image))[..., None], 3, axis=2), 0.4, 0)
    width = line_width(canvas.shape[:2])
    many, few = _by_number(measurements)
    for measurement in many:
        if measurement.measure.name in ("length", "width") and measurement.lines_px:
            stroke(canvas, _lines(measurement, view), _NEUTRAL, 0.7 * width, closed=False)
    for measurement, colour in few:
        if measurement.lines_px:
            stroke(canvas, _lines(measurement, view), colour, width, closed=False)
    canvas = _numbered(canvas, [m for m in many if m.measure.name == "length" and m.lines_px], view)
    return np.hstack([canvas, _legend(few, measurements, title, canvas.shape[0])])


def _view(size_hw: tuple[int, int]) -> Frame:
    scale = min(1.0, _SIZE / max(size_hw))
    return Frame.letterbox(size_hw, (max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))))


def _lines(measurement: Measurement, view: Frame) -> list[np.ndarray]:
    return [view.to_grid(line) for line in measurement.lines_px]


def _by_number(measurements: Measurements) -> tuple[list[Measurement], list[tuple[Measurement, tuple[int, int, int]]]]:
    """Measurements of measures with many values, and the others with a colour each; of radiogrammetry the means."""
    many = [m for m in measurements if len(m.measure.targets) >= _MANY]
    few = [m for m in measurements if len(m.measure.targets) < _MANY]
    few = [m for m in few if MEAN not in m.measure.targets or m.target == MEAN]
    # Steps of the golden ratio keep neighbours in the list apart in hue.
    hues = [(0.09 + number * 0.618034) % 1 for number in range(len(few))]
    return many, list(zip(few, map(_colour, hues), strict=True))


def _colour(hue: float) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.65, 1.0))
    return red, green, blue


def _numbered(canvas: np.ndarray, lengths: Sequence[Measurement], view: Frame) -> np.ndarray:
    """The image with each bone's length beside the middle of its axis."""
    image = Image.fromarray(canvas)
    draw, face = ImageDraw.Draw(image), font(max(9.0, 0.011 * max(canvas.shape[:2])))
    for measurement in lengths:
        x, y = view.to_grid(measurement.lines_px[0]).mean(0)
        text = value_text(measurement)
        draw.text((x, y), text, font=face, fill=_TEXT, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))
    return np.asarray(image)


def value_text(measurement: Measurement) -> str:
    """ "61.4 mm", "0.543", or "-" where it was refused; in signs that the labels' font has."""
    return number_text(measurement.value, measurement.unit, measurement.measure.kind)


def number_text(value: float | None, unit: str, kind: str) -> str:
    """A value of a measure of some kind with its unit, as `value_text` has it."""
    if value is None:
        return "-"
    digits = 3 if kind in ("ratio", "mm^0.34") else 1
    return f"{value:.{digits}f} {unit}".strip()


def _legend(
    few: Sequence[tuple[Measurement, tuple[int, int, int]]], measurements: Measurements, title: str, height: int
) -> np.ndarray:
    step = min(26.0, height / (len(few) + 6))
    size = 0.58 * step
    face, small = font(size), font(0.78 * size)
    panel = Image.new("RGB", (round(40 * size), height), _BACKGROUND)
    draw = ImageDraw.Draw(panel)
    head = [title, f"{measurements.side or 'unknown'} hand, scale: {measurements.scale.source.replace('_', ' ')}"]
    for row, text in enumerate(head):
        draw.text((size, (row + 0.9) * step), text, font=face, fill=_TEXT, anchor="lm")
    for row, (measurement, colour) in enumerate(few):
        y = (row + 3.3) * step
        refused = measurement.value is None
        draw.rectangle([size, y - 0.35 * size, 2.4 * size, y + 0.35 * size], fill=_DIM if refused else colour)
        name = f"{measurement.measure.name.replace('_', ' ')}  {measurement.target}"
        draw.text((3 * size, y), name, font=face, fill=_DIM if refused else _TEXT, anchor="lm")
        told = _shortened(measurement.reason, small, 12 * size) if refused else value_text(measurement)
        colour = _DIM if refused else _WARNING if measurement.quality == "caution" else _TEXT
        draw.text((27 * size, y), told, font=small if refused else face, fill=colour, anchor="lm")
    foot = "Yellow: with a caution. Reasons are in measurements.csv. Not a medical device."
    draw.text((size, height - step), foot, font=small, fill=_DIM, anchor="lm")
    return np.asarray(panel)


def _shortened(text: str, face: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    while text and face.getlength(text + "…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else text
