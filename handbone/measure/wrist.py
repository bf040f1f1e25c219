"""Measures of the carpus: heights, translation, gaps. All need a wrist that is not bent to a side."""

import numpy as np

from handbone.measure.forearm import styloid
from handbone.measure.hand import Hand, Refused
from handbone.measure.outline import across
from handbone.measure.spec import Aim, Reading, measure

# Degrees of MC3 against the Radius up to which the carpus counts as neutral.
NEUTRAL = 20.0
# Share of the joint, around its middle, over which the gap is averaged, and in how many places.
_MIDDLE, _PLACES = 0.2, 9


def carpal_height_line(hand: Hand) -> np.ndarray:
    """(2, 2) from the base of MC3 to the distal outline of the Radius, along the axis of MC3."""
    hand.need_straight(NEUTRAL)
    axis = hand.axis("MC3")
    proximal = -axis.direction
    base = hand.outline("MC3").crossings(axis.point, proximal)
    start = axis.point + base.max() * proximal
    met = hand.outline("Radius").crossings(start, proximal)
    met = met[met > 0]
    if not len(met):
        raise Refused("the axis of MC3 passes the Radius")
    return np.array([start, start + met[0] * proximal])


@measure("length", ("carpus",), aim=Aim(0.5, "mm"))
def carpal_height(hand: Hand, target: str) -> Reading:
    """Carpal height.

    Definition: distance from the base of MC3 to the distal cortex of the Radius, along the axis of MC3.
    Landmarks: where that axis leaves MC3, and where it meets the contour of the Radius. Up to 20 degrees of bend.
    Source: Youm et al., J Bone Joint Surg Am 1978; scirp.org paperid 87324 (values, n 71).
    Normal: 31.8 mm, standard deviation 3.0.
    Repeatability: not stated by the sources.
    """
    line = carpal_height_line(hand)
    return Reading(float(np.linalg.norm(np.diff(line, axis=0))), (line,))


@measure("ratio", ("carpus",), aim=Aim(0.01, "of the ratio"))
def carpal_height_ratio(hand: Hand, target: str) -> Reading:
    """Carpal height ratio of Youm.

    Definition: carpal height divided by the length of MC3.
    Landmarks: as those of the carpal height; MC3 from end to end along its axis. Up to 20 degrees of bend.
    Source: Youm et al. 1978; radiopaedia, carpal height; PMC4591907, table 3.
    Normal: .54, standard deviation .03 (range .51 to .57); another source .53, standard deviation .04.
    Repeatability: the two sides correlate by more than .88.
    """
    line, axis = carpal_height_line(hand), hand.axis("MC3")
    value = float(np.linalg.norm(np.diff(line, axis=0))) / axis.length
    return Reading(value, (line, np.array([axis.base, axis.tip])))


@measure("ratio", ("carpus",), aim=Aim(0.03, "of the ratio"))
def revised_carpal_height_ratio(hand: Hand, target: str) -> Reading:
    """Revised carpal height ratio of Nattrass.

    Definition: carpal height divided by the greatest length of the Capitate.
    Landmarks: as those of the carpal height; the two points of the Capitate's outline that lie farthest apart.
    Source: Nattrass et al., J Bone Joint Surg Am 1994;76:88.
    Normal: 1.57, standard deviation .05 (.06 in another source).
    Repeatability: reproducible, equal on both sides (100, 100 and 50 wrists).
    """
    line, ends = carpal_height_line(hand), np.array(hand.outline("Capitate").greatest_length())
    value = float(np.linalg.norm(np.diff(line, axis=0)) / np.linalg.norm(np.diff(ends, axis=0)))
    return Reading(value, (line, ends))


@measure("ratio", ("carpus",), aim=Aim(0.01, "of the ratio"))
def ulnar_translation(hand: Hand, target: str) -> Reading:
    """Ulnar translation of the carpus, after Chamay.

    Definition: distance of the Capitate's centre from the line through the radial styloid, parallel to the axis of the
        Radius, divided by the length of MC3.
    Landmarks: centre of the Capitate's outline; tip of the styloid; axes of Radius and MC3. Up to 20 degrees of bend.
    Source: Chamay et al. 1983; World J Orthop 2023;14:207, metric 4; PMC4591907.
    Normal: .28, standard deviation .03 (.30, standard deviation .03 in another source).
    Repeatability: not stated by the sources.
    """
    hand.need_straight(NEUTRAL)
    radius, third = hand.axis("Radius"), hand.axis("MC3")
    tip, centre = styloid(hand), hand.centroid("Capitate")
    ulnar = -hand.thumbwards(radius.direction)
    distance = float((centre - tip) @ ulnar)
    foot = centre - distance * ulnar
    reach = 0.3 * third.length * radius.direction
    return Reading(distance / third.length, (np.array([foot, centre]), np.array([tip - reach, foot + 0.3 * reach])))


@measure("length", ("Scaphoid-Lunate",), aim=Aim(0.5, "mm"))
def scapholunate_gap(hand: Hand, target: str) -> Reading:
    """Scapholunate gap.

    Definition: distance between the facing borders of Scaphoid and Lunate, at the middle of their joint.
    Landmarks: the joint reaches as far as both bones do across the line between their centres; the distance is taken
        along that line, as the mean over the middle fifth. Up to 20 degrees of bend; none where the bones overlap.
    Source: PMC6300175 (the middle is the site with the smallest margin of error); radres.net.
    Normal: below 2.0 mm (2.0, standard deviation .4, in another source); suspicious above 3.
    Repeatability: the best of three sites.
    """
    hand.need_straight(NEUTRAL)
    scaphoid, lunate = hand.outline("Scaphoid"), hand.outline("Lunate")
    towards = scaphoid.centroid - lunate.centroid
    direction = towards / np.linalg.norm(towards)
    side = across(direction)
    (low_a, high_a), (low_b, high_b) = scaphoid.reach(side), lunate.reach(side)
    low, high = max(low_a, low_b), min(high_a, high_b)
    if low >= high:
        raise Refused("Scaphoid and Lunate do not face each other")
    levels = low + (0.5 + _MIDDLE * np.linspace(-0.5, 0.5, _PLACES)) * (high - low)
    # Lines across `side` run against `direction`.
    facing = -scaphoid.slices(side, levels)[:, 1], -lunate.slices(side, levels)[:, 0]
    gap = float(np.mean(facing[0] - facing[1]))
    if gap <= 0:
        raise Refused("the contours of Scaphoid and Lunate overlap at the middle of the joint")
    middle = len(levels) // 2
    line = np.array([edge[middle] * direction + levels[middle] * side for edge in facing])
    return Reading(gap, (line,))


@measure("length", ("Capitate-Triquetrum",), aim=Aim(0.5, "mm"))
def capitate_triquetrum_distance(hand: Hand, target: str) -> Reading:
    """Distance from Capitate to Triquetrum, which tells the lunate's type.

    Definition: the shortest distance between the two contours; 0 where they touch or overlap.
    Landmarks: the nearest points of both. Up to 20 degrees of bend.
    Source: BMC Musculoskelet Disord 2019, springermedizin 16579484.
    Normal: up to 2 mm in lunate type I, from 4 mm in type II.
    Repeatability: kappa of one reader .59, of two .58; 93 % and 87 % agree with arthrography.
    """
    hand.need_straight(NEUTRAL)
    capitate, triquetrum = hand.outline("Capitate"), hand.outline("Triquetrum")
    line = np.array(capitate.nearest_points(triquetrum))
    overlap = capitate.contains(triquetrum.points).any()
    return Reading(0.0 if overlap else float(np.linalg.norm(line[0] - line[1])), (line,))


MEASURES = (
    carpal_height,
    carpal_height_ratio,
    revised_carpal_height_ratio,
    ulnar_translation,
    scapholunate_gap,
    capitate_triquetrum_distance,
)
