"""Measures of the distal forearm: styloid, inclination, ulnar variance, Madelung's deformity."""

import numpy as np

from handbone.measure.axes import width_of_end
from handbone.measure.hand import Hand
from handbone.measure.outline import Outline
from handbone.measure.spec import Aim, Reading, measure
from handbone.measure.tangents import common_tangent

# The styloid of the Ulna takes the part of its head that lies farthest from the Radius.
_HEAD = 0.6
_DEGREES = Aim(1.5, "degrees")


def styloid(hand: Hand) -> np.ndarray:
    """(2,) tip of the radial styloid: the most distal point of the Radius along its axis, in its thumb's half."""
    half = _thumb_half(hand, thumb=True)
    return half[np.argmax(half @ hand.axis("Radius").direction)]


def ulnar_corner(hand: Hand) -> np.ndarray:
    """(2,) ulnar corner of the lunate fossa.

    It is the point of the Radius' ulnar half that lies farthest in the direction midway between distal and ulnar.
    """
    half, direction = _thumb_half(hand, thumb=False), hand.axis("Radius").direction
    return half[np.argmax(half @ (direction - hand.thumbwards(direction)))]


def ulnar_head(hand: Hand, direction: np.ndarray) -> np.ndarray:
    """(2,) the most distal point of the Ulna along a direction, without its styloid.

    The styloid is kept out by looking at the three fifths of the head's width that lie next to the Radius.
    """
    outline = hand.outline("Ulna")
    thumb = hand.thumbwards(direction)
    low, high = _end_across(outline, direction, thumb)
    points = outline.points[outline.points @ thumb > high - _HEAD * (high - low)]
    return points[np.argmax(points @ direction)]


def _end_across(outline: Outline, direction: np.ndarray, side: np.ndarray) -> tuple[float, float]:
    """From where to where the distal end of a forearm bone reaches along `side`; `direction` points to the hand."""
    along = outline.points @ direction
    end = outline.points[along > along.max() - width_of_end(outline, direction)] @ side
    return float(end.min()), float(end.max())


def _thumb_half(hand: Hand, *, thumb: bool) -> np.ndarray:
    """(n, 2) the points of the Radius on the thumb's side of the middle of its end, or those on the other side."""
    outline, direction = hand.outline("Radius"), hand.axis("Radius").direction
    side = hand.thumbwards(direction)
    above = outline.points @ side > np.mean(_end_across(outline, direction, side))
    return outline.points[above if thumb else ~above]


@measure("length", ("Radius", "Ulna"), aim=Aim(2.0, "%"))
def distal_width(hand: Hand, bone: str) -> Reading:
    """Width of the distal end of Radius or Ulna.

    Definition: the greatest width of the end, across the bone's own long axis.
    Landmarks: the axis runs through the shaft's centres, 3 to 6 cm from the end.
    Source: axis as in Eur Radiol Exp 2021;5:15, metric 4.
    Normal: not stated by the source.
    Repeatability: not stated by the source.
    """
    outline, direction = hand.outline(bone), hand.axis(bone).direction
    side, value = hand.thumbwards(direction), width_of_end(outline, direction)
    along = outline.points @ direction
    end = outline.points[along > along.max() - value] @ side
    ends = outline.points[along > along.max() - value][[np.argmin(end), np.argmax(end)]]
    level = float(np.mean(ends @ direction))
    return Reading(value, (np.outer([end.min(), end.max()], side) + level * direction,))


@measure("degrees", ("Radius",), aim=_DEGREES)
def radial_inclination(hand: Hand, target: str) -> Reading:
    """Radial inclination.

    Definition: angle between the perpendicular to the axis of the Radius and the line from the ulnar corner of its
        joint surface to the tip of its styloid.
    Landmarks: tip of the styloid, the most distal point; ulnar corner, the farthest point midway between distal and
        ulnar; axis through the shaft's centres.
    Source: Eur Radiol Exp 2021;5:15; BMC Med Imaging 2016, s12880-016-0147-7.
    Normal: 25.1 degrees, standard deviation 2.1.
    Repeatability: 95 % of patients's errors lie within 6 to 8 degrees.
    """
    direction = hand.axis("Radius").direction
    tip, corner = styloid(hand), ulnar_corner(hand)
    thumb = hand.thumbwards(direction)
    line = tip - corner
    value = float(np.degrees(np.arctan2(line @ direction, line @ thumb)))
    level = corner + (line @ thumb) * thumb
    return Reading(value, (np.array([corner, tip]), np.array([corner, level])))


@measure("length", ("Radius",), aim=Aim(0.5, "mm"))
def radial_height(hand: Hand, target: str) -> Reading:
    """Radial height.

    Definition: distance, along the axis of the Radius, between the tip of the styloid and the ulnar corner of the
        lunate fossa.
    Landmarks: as those of the radial inclination.
    Source: J Orthop Surg Res 2019, s13018-019-1530-1, metric 2.
    Normal: not stated by the source.
    Repeatability: 95 % of patients's errors lie within 4 to 6 mm.
    """
    direction = hand.axis("Radius").direction
    tip, corner = styloid(hand), ulnar_corner(hand)
    value = float((tip - corner) @ direction)
    foot = tip - value * direction
    return Reading(value, (np.array([corner, foot]), np.array([foot, tip])))


@measure("length", ("Ulna-Radius",), aim=Aim(0.5, "mm"))
def ulnar_variance(hand: Hand, target: str) -> Reading:
    """Ulnar variance, by perpendiculars.

    Definition: distance, along the axis of the Radius, from the ulnar corner of the Radius to the most distal point of
        the Ulna's head; positive where the Ulna reaches farther. For adults: in children up to 9 years the ends are
        cartilage.
    Landmarks: ulnar corner as in the radial inclination; head of the Ulna without its styloid.
    Source: Eur Radiol 2020, s00330-019-06354-x; scirp.org paperid 87324 (values).
    Normal: +1.0 mm, standard deviation 1.8.
    Repeatability: 95 % of patients's errors lie within 2 to 4 mm; the forearm's rotation has no effect (PMC8017069).
    """
    direction = hand.axis("Radius").direction
    corner, head = ulnar_corner(hand), ulnar_head(hand, direction)
    value = float((head - corner) @ direction)
    foot = head - value * direction
    return Reading(value, (np.array([corner, foot]), np.array([foot, head])))


@measure("degrees", ("Ulna",), aim=_DEGREES)
def ulnar_tilt(hand: Hand, target: str) -> Reading:
    """Ulnar tilt, for Madelung's deformity.

    Definition: 90 degrees less the angle between the axis of the Ulna and the tangent to the proximal surfaces of
        Scaphoid and Lunate.
    Landmarks: the tangent touches both bones on their side towards the elbow.
    Source: McCarroll et al. 2005, pubmed 16344178.
    Normal: below 33 degrees.
    Repeatability: excellent between readers.
    """
    direction = hand.axis("Ulna").direction
    lunate, scaphoid, _ = common_tangent(hand.outline("Lunate"), hand.outline("Scaphoid"), -direction)
    line = scaphoid - lunate
    value = float(np.degrees(np.arctan2(line @ direction, line @ hand.thumbwards(direction))))
    axis = hand.axis("Ulna")
    return Reading(value, (np.array([lunate - line, scaphoid + line]), np.array([axis.point, axis.tip])))


@measure("length", ("Lunate-Ulna",), aim=Aim(0.5, "mm"))
def lunate_subsidence(hand: Hand, target: str) -> Reading:
    """Lunate subsidence, for Madelung's deformity.

    Definition: distance, along the axis of the Ulna, from its distal end to the most proximal point of the Lunate;
        positive where the Lunate lies nearer to the elbow.
    Landmarks: head of the Ulna without its styloid; the outermost point of the Lunate along the axis.
    Source: McCarroll et al. 2005, pubmed 16344178.
    Normal: below 4 mm.
    Repeatability: excellent between readers.
    """
    direction = hand.axis("Ulna").direction
    head, lowest = ulnar_head(hand, direction), hand.outline("Lunate").support(-direction)
    value = float((head - lowest) @ direction)
    foot = lowest + value * direction
    return Reading(value, (np.array([head, foot]), np.array([foot, lowest])))


MEASURES = (
    distal_width,
    radial_inclination,
    radial_height,
    ulnar_variance,
    ulnar_tilt,
    lunate_subsidence,
)
