"""Cortical thickness of a metacarpal's shaft, from the grey values inside its contour."""

from dataclasses import dataclass

import cv2
import numpy as np

from handbone.measure.hand import Hand, Refused
from handbone.measure.outline import across

#: Shares of the length at whose levels a shaft is read, three on each bone.
SPOTS = (0.44, 0.5, 0.56)
# Each spot is the mean over this share of the length.
_SPOT = 0.06
# A profile reaches this far from the shaft's middle, in half widths, in steps of a pixel's quarter.
_REACH = 1.35
_STEP = 0.25
_ROWS = 24
# A wall thinner than this cannot be told from the blur of the image.
_LEAST_PX = 3.0
# The wall's inner side lies between these half widths from the middle.
_INNER = (0.3, 0.9)
# The rise has come to an end where its slope, a half width, is below this share of the profile's height; profiles are
# smoothed by this many half widths before, by which they stop to rise too early. Both were chosen on 16 synthetic hands
# that no table of results holds.
_SLOPE, _SMOOTHING = 0.5, 0.03


@dataclass(frozen=True, eq=False)
class Spot:
    """One level of a shaft.

    width, thickness: of the bone and, as the mean of both sides, of its wall, in units of length.
    edges: (4, 2) points across the shaft: outer, inner, inner, outer edge.
    """

    width: float
    thickness: float
    edges: np.ndarray


def read_spots(hand: Hand, bone: str) -> tuple[Spot, ...]:
    """The three spots of a metacarpal.

    The wall's inner side is where the profile across the shaft, on its way from outside to the middle, stops to rise:
    there the X-ray meets most of the wall, as in any hollow cylinder. Outer sides are those of the mask.

    Raises
    ------
    Refused: there is no image, or the wall is too thin in pixels.
    """
    if hand.image is None:
        raise Refused("the radiograph is not at hand, and its grey values are needed")
    image = hand.image.astype(np.float32, copy=False)
    return tuple(_spot(hand, image, bone, share) for share in SPOTS)


def _spot(hand: Hand, image: np.ndarray, bone: str, share: float) -> Spot:
    axis, outline = hand.axis(bone), hand.outline(bone)
    side = across(axis.direction)
    shares = share + np.linspace(-0.5, 0.5, _ROWS) * _SPOT
    levels = axis.point @ axis.direction + (axis.low + shares * axis.length)
    cuts = outline.slices(axis.direction, levels)
    width, pixel = float(np.mean(cuts[:, 1] - cuts[:, 0])), float(np.mean(hand.pixel_xy))
    if width < 2 * _LEAST_PX * pixel:
        raise Refused(f"{bone} is narrower than {2 * _LEAST_PX:.0f} pixels")
    steps = np.linspace(-_REACH, _REACH, 2 * int(_REACH * width / 2 / pixel / _STEP) + 1)
    # Each row in half widths from its own middle, so that rows of a tapering shaft add up.
    places = cuts.mean(1)[:, None] + 0.5 * (cuts[:, 1] - cuts[:, 0])[:, None] * steps
    points = hand.pixels(levels[:, None, None] * axis.direction + places[..., None] * side)
    x, y = (points[..., i].astype(np.float32) for i in (0, 1))
    profile = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).mean(0)
    inner = np.array([-_inner_side(profile[::-1], steps), _inner_side(profile, steps)])
    thickness = 0.5 * width * float(np.mean(1 - np.abs(inner)))
    if thickness < _LEAST_PX * pixel:
        raise Refused(f"the wall of {bone} is thinner than {_LEAST_PX:.0f} pixels")
    middle = len(levels) // 2
    offsets = cuts[middle].mean() + 0.5 * width * np.array([-1, *inner, 1])
    return Spot(width, thickness, levels[middle] * axis.direction + offsets[:, None] * side)


def _inner_side(profile: np.ndarray, steps: np.ndarray) -> float:
    """Half widths from the middle at which a profile (n,) over steps (n,) stops to rise, on its positive side."""
    step = steps[1] - steps[0]
    smooth = _smoothed(profile, _SMOOTHING / step)
    rise = -np.gradient(smooth, step)
    looked_at = np.flatnonzero((steps > _INNER[0]) & (steps < _INNER[1]))[::-1]
    height = smooth[looked_at].max() - np.median(smooth[steps > 1.1])
    ended = np.flatnonzero(rise[looked_at] <= _SLOPE * height)
    return float(steps[looked_at[ended[0] if len(ended) else -1]]) - _SMOOTHING


def _smoothed(profile: np.ndarray, sigma: float) -> np.ndarray:
    """A profile (n,) blurred by a Gaussian that is cut off at four sigma; it is mirrored beyond its ends."""
    reach = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(profile.astype(float), reach, "symmetric"), kernel / kernel.sum(), "valid")
