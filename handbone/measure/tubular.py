"""Measures of the 19 tubular bones: lengths, widths, indices and ratios."""

import numpy as np

from handbone.anatomy import SHORT_NAMES
from handbone.measure.hand import Hand, Refused
from handbone.measure.outline import across
from handbone.measure.spec import Aim, Reading, measure
from handbone.measure.tangents import common_tangent

TUBULAR = SHORT_NAMES[:19]
_FINGERS = ("MC2", "MC3", "MC4", "MC5")
# Fingers that lie more askew than this have no straight length.
_ASKEW = 20.0


@measure("length", TUBULAR, aim=Aim(0.5, "%"))
def length(hand: Hand, bone: str) -> Reading:
    """Length of a tubular bone.

    Definition: extent of the bone along its own long axis, epiphyses included.
    Landmarks: the axis is the line through the centres of the shaft, from 30 to 70 % of the length; the ends are the
        outline's outermost points along it.
    Source: Garn, Poznanski et al., Radiology 1972;105:375 (definition); adult metacarpals by CT, n 40,
        abjs.mums.ac.ir/article_25407 (values).
    Normal: adults, MC2 to MC5: 67.7, 66.1, 58.0, 52.3 mm. Populations differ, and so do left and right.
    Repeatability: not stated by the sources.
    """
    axis = hand.axis(bone)
    return Reading(axis.length, (np.array([axis.base, axis.tip]), *_ends(hand, bone)))


@measure("length", TUBULAR, aim=Aim(2.0, "%"))
def width(hand: Hand, bone: str) -> Reading:
    """Width of a tubular bone at mid-shaft.

    Definition: distance between the contour's two sides, across the long axis, at half the length.
    Landmarks: as those of the length; the mean of the widths over the middle 6 % of the length.
    Source: Sinclair et al., Arch Dis Child 1960, as in the metacarpal index.
    Normal: second metacarpal of adults: 7 to 10 mm.
    Repeatability: patients read widths to .5 mm; coefficient of variation .7 % (pubmed 7697961).
    """
    value, line = shaft_width(hand, bone)
    return Reading(value, (line,))


def shaft_width(hand: Hand, bone: str) -> tuple[float, np.ndarray]:
    """A bone's width over the middle 6 % of its length, and the line (2, 2) across its middle."""
    axis, outline = hand.axis(bone), hand.outline(bone)
    levels = axis.point @ axis.direction + axis.low + np.linspace(0.47, 0.53, 9) * axis.length
    cuts = outline.slices(axis.direction, levels)
    return float(np.mean(cuts[:, 1] - cuts[:, 0])), np.array(axis.width_at(outline, 0.5))


@measure("ratio", ("MC2-5",), aim=Aim(2.0, "%"))
def metacarpal_index(hand: Hand, target: str) -> Reading:
    """Metacarpal index of Sinclair.

    Definition: sum of the lengths of MC2 to MC5, divided by the sum of their widths at mid-shaft.
    Landmarks: as those of length and width.
    Source: Sinclair, Kitchin, Turner, Q J Med 1960; pubmed 8761395.
    Normal: 7.8 % of healthy patients lie beyond the usual limits; large in arachnodactyly (Marfan), no cut-off was
        found.
    Repeatability: not stated; widths are read to .5 mm.
    """
    widths = [shaft_width(hand, bone) for bone in _FINGERS]
    lengths = [hand.axis(bone) for bone in _FINGERS]
    value = sum(axis.length for axis in lengths) / sum(width for width, _ in widths)
    return Reading(value, (*(np.array([a.base, a.tip]) for a in lengths), *(line for _, line in widths)))


@measure("length", ("MC3-5",), aim=Aim(0.5, "mm"))
def metacarpal_sign(hand: Hand, target: str) -> Reading:
    """Metacarpal sign of Archibald, as a distance.

    Definition: how far the head of MC3 reaches beyond the common tangent to the heads of MC4 and MC5. Below zero the
        tangent passes distal to it (negative sign), at zero it touches (borderline), above zero it cuts (positive).
    Landmarks: the tangent touches both heads on their side towards the fingertips.
    Source: Archibald et al. 1959; Indian J Endocrinol Metab 2012;16:487.
    Normal: negative or borderline; positive in Turner syndrome, pseudohypoparathyroidism and some healthy patients.
    Repeatability: not stated by the sources.
    """
    third, fourth, fifth = (hand.outline(bone) for bone in ("MC3", "MC4", "MC5"))
    start, end, distal = common_tangent(fourth, fifth, hand.axis("MC4").direction)
    head = third.support(distal)
    beyond = float((head - start) @ distal)
    along = (head - start) @ across(distal)
    foot = start + along * across(distal)
    return Reading(beyond, (np.array([end, foot]), np.array([foot, head])))


@measure("ratio", ("2D:4D",), aim=Aim(0.005, "of the ratio"))
def digit_ratio(hand: Hand, target: str) -> Reading:
    """Ratio of the second digit to the fourth.

    Definition: distance from the base of the proximal phalanx to the tip of the distal phalanx, index over ring finger.
    Landmarks: the long axes' ends at the base of PP2 and PP4 and at the tip of DP2 and DP4.
    Source: suppr.wilddata.cn, pubmed 18005121 (values, n 3172); arbor.bfh.ch/10909 (repeatability).
    Normal: men .908, women .922; left and right differ by -.035 to +.032.
    Repeatability: intraclass correlation of one reader .90 to .97, of two .94; standard error .01.
    """
    fingers = []
    for digit in "24":
        for distal in (f"MP{digit}", f"DP{digit}"):
            askew = abs(hand.turn(hand.axis(f"PP{digit}").direction, hand.axis(distal).direction))
            if askew > _ASKEW:
                raise Refused(f"the finger is not straight: {distal} is turned by {askew:.0f} degrees")
        fingers.append(np.array([hand.axis(f"PP{digit}").base, hand.axis(f"DP{digit}").tip]))
    index, ring = (float(np.linalg.norm(np.diff(line, axis=0))) for line in fingers)
    return Reading(index / ring, tuple(fingers))


_RATIOS = (
    *("MC2:MC4", "MC1:MC3", "MC2:MC3", "MC4:MC3", "MC5:MC3"),
    *(f"PP{digit}:MC{digit}" for digit in range(1, 6)),
    *(f"MP{digit}:PP{digit}" for digit in range(2, 6)),
    "DP1:PP1",
    *(f"DP{digit}:MP{digit}" for digit in range(2, 6)),
)


@measure("ratio", _RATIOS, aim=Aim(0.005, "of the ratio"))
def length_ratio(hand: Hand, target: str) -> Reading:
    """Ratio of two bones' lengths.

    Definition: length of the first bone divided by that of the second; neither needs a scale.
    Landmarks: as those of the length.
    Source: suppr.wilddata.cn, pubmed 18005121 (MC2:MC4, n 3172); PMC8704191 (left and right, n 34).
    Normal: MC2:MC4 1.152 in men, 1.157 in women; ratios of paired metacarpals do not differ between the hands.
    Repeatability: not stated by the sources.
    """
    first, second = target.split(":")
    axes = hand.axis(first), hand.axis(second)
    return Reading(axes[0].length / axes[1].length, tuple(np.array([axis.base, axis.tip]) for axis in axes))


def _ends(hand: Hand, bone: str) -> tuple[np.ndarray, np.ndarray]:
    """Short lines (2, 2) across the axis at a bone's two ends."""
    axis = hand.axis(bone)
    half = 0.5 * shaft_width(hand, bone)[0] * across(axis.direction)
    return np.array([axis.base - half, axis.base + half]), np.array([axis.tip - half, axis.tip + half])


MEASURES = (length, width, metacarpal_index, metacarpal_sign, digit_ratio, length_ratio)
