"""Regions of interest: which there are, where they lie, and that left hands are shown as right ones."""

import numpy as np
import pytest
from plain_hands import PlainHand

from handbone.core.errors import UnknownNameError
from handbone.measure import Hand, Refused, Scale
from handbone.measure.hand import BONE
from handbone.measure.rois import SITE_SIZE, SVDH, hand_frame, site_frame, sites, without_background

#: Where the joints of the plain hand are, in millimetres.
JOINTS = {"MCP3": (-7, -77), "PIP5": (22, -100), "CMC3": (-7, -11), "MCP2": (-22, -79)}


def middle_of(hand: PlainHand, frame, mm):
    """The grid's place of a point of the plain hand."""
    polygons, _ = hand.placed()
    mirror = np.array([-1 if hand.left else 1, 1])
    tip = hand.polygons["DP3"][0] * mirror / hand.pixel_mm
    return frame.to_grid((np.array([mm]) * mirror / hand.pixel_mm) + (polygons[BONE["DP3"]][0] - tip))[0]


def test_the_sets_have_the_sites_of_their_sources():
    kinds = [site.kind for site in SVDH]
    assert kinds.count("erosion") == 16 and kinds.count("narrowing") == 15
    assert len(sites("rus")) == 13 and len({(s.kind, s.name) for s in SVDH}) == 31
    with pytest.raises(UnknownNameError, match="svdh"):
        sites("svhd")


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("pixel_mm", [(0.25, 0.25), (0.25, 0.4)])
def test_joints_lie_in_the_middle_upright_and_as_in_a_right_hand(left, pixel_mm):
    plain = PlainHand(left=left, pixel_mm=pixel_mm)
    hand = Hand(plain.masks(), scale=Scale("user", pixel_mm[::-1]))
    for site in SVDH:
        frame = site_frame(hand, site)
        if site.name in JOINTS:
            middle = middle_of(plain, frame, JOINTS[site.name])
            assert middle == pytest.approx([(SITE_SIZE - 1) / 2] * 2, abs=4 if site.name != "CMC3" else 12)
            fingertip = middle_of(plain, frame, np.add(JOINTS[site.name], [0, -5]))
            little = middle_of(plain, frame, np.add(JOINTS[site.name], [5, 0]))
            assert (fingertip - middle)[1] < -20 and (little - middle)[0] > 20
            assert abs((fingertip - middle)[1]) == pytest.approx((little - middle)[0], rel=0.02)


def test_a_site_without_its_bone_is_refused_and_the_others_are_not():
    hand = Hand(PlainHand().masks(without=("MC3",)))
    with pytest.raises(Refused, match="MC3 is missing"):
        site_frame(hand, next(site for site in SVDH if site.name == "MCP3"))
    whole = Hand(PlainHand().masks())
    site = next(site for site in SVDH if site.name == "MCP5")
    # The hand's size comes from other bones' areas then.
    assert site_frame(hand, site).scale == pytest.approx(site_frame(whole, site).scale, rel=0.25)


def test_left_and_right_hands_give_the_same_crops():
    right, left = (Hand(PlainHand(left=side).masks()) for side in (False, True))
    for name in ("svdh", "rus"):
        for site in sites(name):
            shown = [site_frame(h, site).warp(h.masks.dense().any(0).astype(np.float32)) for h in (right, left)]
            assert np.abs(shown[0] - shown[1]).mean() < 0.03, site.name
    assert hand_frame(right).size_hw == pytest.approx(hand_frame(left).size_hw, abs=2)


def test_the_background_goes_and_flesh_stays():
    plain = PlainHand()
    masks = plain.masks()
    bones = masks.dense().any(0)
    rows, columns = np.nonzero(bones)
    image = np.full(masks.size_hw, 0.05, np.float32)
    for row, column in zip(rows[::7], columns[::7], strict=True):
        image[max(0, row - 20) : row + 20, max(0, column - 20) : column + 20] = 0.3
    image[bones] = 0.8
    image[:30, :60] = 1.0  # a marker
    shown = without_background(Hand(masks, image=image), image)
    assert not shown[:30, :60].any() and (shown[bones] == np.float32(0.8)).all()
    flesh = image == np.float32(0.3)
    assert (shown[flesh] > 0).mean() > 0.98 and (shown[image == np.float32(0.05)] > 0).mean() < 0.01
