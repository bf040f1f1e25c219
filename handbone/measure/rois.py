"""Regions of interest: where to crop the sites of Sharp/van der Heijde, the bones of TW3's RUS, and the whole hand.

Crops are upright: the bone or joint points to the top, and every hand is shown as a right one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from handbone import anatomy
from handbone.core.errors import UnknownNameError
from handbone.core.frame import Frame
from handbone.measure.hand import Hand, Refused

#: Height and width of a site's crop, and greatest height and width of a hand's, in pixels.
SITE_SIZE, HAND_SIZE = 256, 1024
# Around the bones, for flesh, and how far from the bones flesh can be, in lengths of the third metacarpal.
_MARGIN, _FLESH = 0.25, 0.35
# Bones meet where they are at most this much farther apart than where they are nearest, in the same lengths.
_SLACK = 0.04
# Flesh of a fingertip, on the way from the background's brightness to the palm's.
_THIN = 0.2


@dataclass(frozen=True)
class Site:
    """What to crop.

    name: unique in its set, as its sources name it. kind: what it is read for.
    bones: a bone, or the two or three that meet, the one nearest to the fingertip first.
    side: of the square crop, in lengths of the third metacarpal.
    end: of a single bone: "tip" or "base" (its ends), "middle".
    """

    name: str
    kind: str
    bones: tuple[str, ...]
    side: float
    end: str = "middle"


def _joints() -> dict[str, tuple[str, ...]]:
    fingers = range(2, 6)
    return {
        "IP": ("DP1", "PP1"),
        **{f"MCP{digit}": (f"PP{digit}", f"MC{digit}") for digit in range(1, 6)},
        **{f"PIP{digit}": (f"MP{digit}", f"PP{digit}") for digit in fingers},
        "CMC1": ("MC1", "Trapezium"),
        "CMC3": ("MC3", "Capitate"),
        "CMC4": ("MC4", "Hamate"),
        "CMC5": ("MC5", "Hamate"),
        "SC": ("Capitate", "Scaphoid"),
        "SR": ("Scaphoid", "Radius"),
        "STT": ("Trapezoid", "Trapezium", "Scaphoid"),
    }


_JOINTS = _joints()
_SIDES = {"MCP": 0.45, "PIP": 0.36, "IP": 0.4}


def _side(name: str) -> float:
    return next((side for joint, side in _SIDES.items() if name.startswith(joint)), 0.4)


def _sites_of(kind: str, names: tuple[str, ...]) -> list[Site]:
    return [Site(name, kind, _JOINTS[name], _side(name)) for name in names]


_MCP, _PIP = tuple(f"MCP{digit}" for digit in range(1, 6)), tuple(f"PIP{digit}" for digit in range(2, 6))

#: The 16 erosion and 15 narrowing sites of Sharp/van der Heijde, as RAM-H1200 names them.
SVDH: tuple[Site, ...] = (
    Site("R", "erosion", ("Radius",), 0.62, "tip"),
    Site("U", "erosion", ("Ulna",), 0.45, "tip"),
    Site("S", "erosion", ("Scaphoid",), 0.48),
    Site("L", "erosion", ("Lunate",), 0.42),
    Site("Tm", "erosion", ("Trapezium",), 0.42),
    *_sites_of("erosion", ("CMC1", *_MCP, "IP", *_PIP)),
    *_sites_of("narrowing", (*_MCP, *_PIP, "CMC3", "CMC4", "CMC5", "SC", "SR", "STT")),
)

#: The 13 bones of TW3's RUS, around the end that grows.
RUS: tuple[Site, ...] = (
    Site("Radius", "epiphysis", ("Radius",), 0.62, "tip"),
    Site("Ulna", "epiphysis", ("Ulna",), 0.45, "tip"),
    *(Site(f"MC{digit}", "epiphysis", (f"MC{digit}",), 0.42, "base" if digit == 1 else "tip") for digit in (1, 3, 5)),
    *(Site(f"PP{digit}", "epiphysis", (f"PP{digit}",), 0.4, "base") for digit in (1, 3, 5)),
    *(Site(f"MP{digit}", "epiphysis", (f"MP{digit}",), 0.36, "base") for digit in (3, 5)),
    *(Site(f"DP{digit}", "epiphysis", (f"DP{digit}",), 0.34, "base") for digit in (1, 3, 5)),
)

SETS: dict[str, tuple[Site, ...]] = {"svdh": SVDH, "rus": RUS}


def sites(name: str) -> tuple[Site, ...]:
    """The sites of a set.

    Raises
    ------
    UnknownNameError: there is no such set.
    """
    if name not in SETS:
        raise UnknownNameError("set of regions", name, SETS)
    return SETS[name]


def site_frame(hand: Hand, site: Site) -> Frame:
    """From the image to the upright square crop of a site, shown as of a right hand.

    Raises
    ------
    Refused: a bone is missing, doubtful or cut, or the hand's size or side is not seen.
    """
    centre, up = _WHERE[len(site.bones)](hand, site)
    return _upright(hand, centre, up, site.side * _unit(hand), SITE_SIZE)


def hand_frame(hand: Hand) -> Frame:
    """From the image to an upright crop of the whole hand with its wrist, shown as a right one.

    Raises
    ------
    Refused: MC3, or the hand's side, is not seen.
    """
    up = hand.axis("MC3").direction
    points = np.vstack([hand.corners(bone) for bone in range(27) if hand.masks.present()[bone]])
    right = -hand.thumbwards(up)
    low = np.array([(points @ right).min(), (points @ up).min()]) - _MARGIN * _unit(hand)
    high = np.array([(points @ right).max(), (points @ up).max()]) + _MARGIN * _unit(hand)
    middle = (low + high) / 2
    side = float(max(high - low))
    frame = _upright(hand, middle[0] * right + middle[1] * up, up, side, HAND_SIZE)
    # A square around the hand, cut to the hand's own width and height.
    width, height = np.ceil((high - low) / side * HAND_SIZE).astype(int).tolist()
    shift = [[1.0, 0.0, (width - HAND_SIZE) / 2], [0.0, 1.0, (height - HAND_SIZE) / 2]]
    return frame.then(np.array(shift), (height, width))


def without_background(hand: Hand, image: np.ndarray) -> np.ndarray:
    """The image (H, W) float32 with zeros where neither bone nor flesh is: background, markers, plates.

    Flesh is what is clearly brighter than the background, near the bones and joined to them. The background's and the
    palm's brightness come from Otsu's threshold between them.
    """
    bones = hand.masks.dense().any(0).astype(np.uint8)
    unit = _unit(hand) / float(np.mean(hand.pixel_xy))
    near = cv2.distanceTransform(1 - bones, cv2.DIST_L2, 3) < _FLESH * unit
    grey = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    beside = grey[near & (bones == 0)]
    split, _ = cv2.threshold(beside.reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    parts = beside[beside <= split], beside[beside > split]
    dark, bright = (float(np.median(part)) if part.size else split for part in parts)
    flesh = (((grey > dark + _THIN * (bright - dark)) & near) | (bones > 0)).astype(np.uint8)
    _, parts = cv2.connectedComponents(cv2.morphologyEx(flesh, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) | bones)
    kept = np.isin(parts, np.unique(parts[bones > 0])).astype(np.uint8)
    contours, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros_like(kept), contours, -1, 1, cv2.FILLED)
    return image * solid


def _upright(hand: Hand, centre: np.ndarray, up: np.ndarray, side: float, size: int) -> Frame:
    """A square crop around a point, whose upward axis is `up` and whose right side is the little finger's."""
    right = -hand.thumbwards(up)
    linear = size / side * np.array([right, -up])
    offset = np.full(2, (size - 1) / 2) - linear @ centre
    return Frame(np.column_stack([linear * hand.pixel_xy, offset]), (size, size))


def _unit(hand: Hand) -> float:
    """Length of the third metacarpal, or what it should be by the other bones' areas."""
    try:
        return hand.axis("MC3").length
    except Refused:
        return hand.expected_unit()


def _of_bone(hand: Hand, site: Site) -> tuple[np.ndarray, np.ndarray]:
    (name,) = site.bones
    if anatomy.SHORT_NAMES.index(name) in anatomy.CARPALS:
        return hand.centroid(name), hand.axis("MC3").direction
    axis = hand.rough_axis(name)
    # A quarter of the crop shows what lies beyond the bone's end.
    inwards = 0.2 * site.side * _unit(hand)
    return {
        "tip": axis.tip - inwards * axis.direction,
        "base": axis.base + inwards * axis.direction,
        "middle": axis.at(0.5),
    }[site.end], axis.direction


def _of_joint(hand: Hand, site: Site) -> tuple[np.ndarray, np.ndarray]:
    distal, proximal = site.bones
    centre = hand.outline(distal).joint_with(hand.outline(proximal), _SLACK * _unit(hand))
    carpal = anatomy.SHORT_NAMES.index(distal) in anatomy.CARPALS
    direction = hand.axis("MC3" if carpal else distal).direction
    if not carpal:
        # The nearest points of two round ends may lie to a side; the joint's middle is on the axis.
        axis = hand.axis(distal)
        centre = axis.point + axis.along(centre) * axis.direction
    return centre, direction


def _of_three(hand: Hand, site: Site) -> tuple[np.ndarray, np.ndarray]:
    first, second, third = (hand.outline(bone) for bone in site.bones)
    pairs = (first, second), (second, third), (first, third)
    slack = _SLACK * _unit(hand)
    return np.mean([a.joint_with(b, slack) for a, b in pairs], axis=0), hand.axis("MC3").direction


_WHERE: dict[int, Callable[[Hand, Site], tuple[np.ndarray, np.ndarray]]] = {1: _of_bone, 2: _of_joint, 3: _of_three}
