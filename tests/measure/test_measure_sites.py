"""Crops of single sites: which end of a bone is their middle, how large they are, and how measurements are kept."""

import json

import numpy as np
import pytest
from plain_hands import LENGTHS, PlainHand

from handbone.anatomy import SHORT_NAMES
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.measure import MEASURES, Hand, Measurements, Refused, Scale, measure_hand
from handbone.measure.hand import BONE
from handbone.measure.precision import VALIDATION_FILE, precisions
from handbone.measure.registry import find_measure
from handbone.measure.rois import HAND_SIZE, RUS, SITE_SIZE, SVDH, Site, hand_frame, site_frame, without_background

MM = 0.25
SCALE = Scale.user(MM)
MIDDLE = (SITE_SIZE - 1) / 2


@pytest.fixture(scope="module")
def hand():
    return Hand(PlainHand().masks(), scale=SCALE)


def at_middle(hand, frame):
    """The place in the crop's middle, in millimetres of the image."""
    return frame.to_image(np.array([[(frame.size_hw[1] - 1) / 2, (frame.size_hw[0] - 1) / 2]]))[0] * hand.pixel_xy


@pytest.mark.parametrize("site", RUS, ids=lambda site: site.name)
def test_the_growing_end_lies_a_fifth_of_the_crop_beyond_its_middle(hand, site):
    """TW3 reads the epiphysis: at the tip of metacarpals and forearm, at the base of phalanges and of the thumb."""
    frame = site_frame(hand, site)
    axis = hand.axis(site.bones[0])
    distal = site.name[:2] in ("Ra", "Ul") or site.name in ("MC3", "MC5")
    end = axis.tip if distal else axis.base
    towards = -axis.direction if distal else axis.direction
    unit = hand.axis("MC3").length
    np.testing.assert_allclose(at_middle(hand, frame), end + 0.2 * site.side * unit * towards, atol=0.02)
    place = frame.to_grid((end / hand.pixel_xy)[None])[0]
    assert place == pytest.approx([MIDDLE, MIDDLE + (-1 if distal else 1) * 0.2 * SITE_SIZE], abs=0.5)


@pytest.mark.parametrize("pixel_mm", [0.25, 0.4])
def test_a_site_s_side_is_a_share_of_the_third_metacarpal(pixel_mm):
    plain = Hand(PlainHand(pixel_mm=(pixel_mm, pixel_mm)).masks(), scale=Scale.user(pixel_mm))
    for site in (RUS[0], RUS[4], SVDH[2], SVDH[-1]):
        frame = site_frame(plain, site)
        corners = frame.corners_xy * pixel_mm
        sides = np.linalg.norm(np.diff(np.vstack([corners, corners[:1]]), axis=0), axis=1)
        assert frame.size_hw == (SITE_SIZE, SITE_SIZE)
        np.testing.assert_allclose(sides, site.side * LENGTHS[3][0], rtol=0.02)


@pytest.mark.parametrize("name", ["S", "L", "Tm"])
def test_carpals_lie_in_the_middle_of_their_crops(hand, name):
    site = next(site for site in SVDH if site.name == name)
    np.testing.assert_allclose(at_middle(hand, site_frame(hand, site)), hand.centroid(site.bones[0]), atol=0.02)


def test_a_bone_s_middle_is_half_its_length(hand):
    site = Site("x", "epiphysis", ("PP3",), 0.5)
    np.testing.assert_allclose(at_middle(hand, site_frame(hand, site)), hand.axis("PP3").at(0.5), atol=0.02)


def test_where_three_carpals_meet_is_between_their_three_joints(hand):
    site = next(site for site in SVDH if site.name == "STT")
    middle = at_middle(hand, site_frame(hand, site))
    centres = np.array([hand.centroid(name) for name in site.bones])
    low, high = centres.min(0), centres.max(0)
    assert (low < middle).all() and (middle < high).all()
    gaps = [np.linalg.norm(hand.outline(name).points - middle, axis=1).min() for name in site.bones]
    assert max(gaps) < 8


def test_a_joint_of_fingers_stays_on_the_axis_however_the_ends_lie():
    plain = PlainHand().moved("MC3", by=(2.5, 0.0))
    moved = Hand(plain.masks(), scale=SCALE)
    site = next(site for site in SVDH if site.name == "MCP3" and site.kind == "narrowing")
    axis = moved.axis("PP3")
    middle = at_middle(moved, site_frame(moved, site))
    across = middle - axis.point - axis.along(middle) * axis.direction
    assert np.linalg.norm(across) < 0.05


@pytest.mark.parametrize("left", [False, True])
def test_the_whole_hand_is_in_its_crop_with_room_around(left):
    plain = Hand(PlainHand(left=left).masks(), scale=SCALE)
    frame = hand_frame(plain)
    height, width = frame.size_hw
    assert max(height, width) == HAND_SIZE
    present = np.flatnonzero(plain.masks.present())
    corners = np.vstack([plain.corners(bone) for bone in present if SHORT_NAMES[bone] not in ("Radius", "Ulna")])
    placed = frame.to_grid(corners / plain.pixel_xy)
    room = 0.25 * plain.axis("MC3").length / MM * frame.scale
    low, high = placed.min(0), np.array([width, height]) - 1 - placed.max(0)
    assert low == pytest.approx([room, room], abs=3) and high == pytest.approx([room, room], abs=3)
    tip, base = (frame.to_grid(plain.pixels(getattr(plain.axis("MC3"), end))[None])[0] for end in ("tip", "base"))
    assert tip[0] == pytest.approx(base[0], abs=0.5) and tip[1] < base[1], "upright"
    little, thumb = (frame.to_grid(plain.pixels(plain.centroid(name))[None])[0] for name in ("MC5", "MC1"))
    assert little[0] > thumb[0], "as of a right hand"


def test_a_hand_without_its_third_metacarpal_has_no_crop_and_single_sites_take_its_size_from_the_others():
    plain = Hand(PlainHand().masks(without=("MC3",)), scale=SCALE)
    with pytest.raises(Refused, match="MC3 is missing"):
        hand_frame(plain)
    side = site_frame(plain, RUS[6]).scale
    assert side == pytest.approx(SITE_SIZE / (RUS[6].side * plain.expected_unit() / MM), rel=1e-3)


def test_a_field_without_background_stays_and_bones_always_do():
    masks = PlainHand().masks()
    even = np.full(masks.size_hw, 0.4, np.float32)
    shown = without_background(Hand(masks, image=even), even)
    bones = masks.dense().any(0)
    assert (shown[bones] == np.float32(0.4)).all() and set(np.unique(shown)) <= {np.float32(0), np.float32(0.4)}


def test_measurements_come_back_from_their_json_without_their_lines(hand):
    before = measure_hand(PlainHand().masks(without=("DP4",)), scale=Scale("imager_spacing", (0.25, 0.2)))
    after = Measurements.from_json(json.loads(json.dumps(before.to_json())))
    assert after.side == before.side == "right" and after.scale == before.scale and len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        assert one.to_json() == other.to_json() and other.measure is one.measure and other.lines_px == ()
    assert after["length", "DP4"].quality == "refused" and after["length", "DP4"].value is None
    assert after.rows() == before.rows()


def test_a_scale_that_is_none_of_ours_is_refused_when_it_is_read_again():
    kept = measure_hand(PlainHand().masks(), scale=SCALE).to_json()
    with pytest.raises(HandboneError, match="cannot have the spacing None"):
        Measurements.from_json({**kept, "scale": {"source": "user", "spacing_mm": None}})
    renamed = [{**kept["all"][0], "measure": "lenght"}]
    with pytest.raises(UnknownNameError, match="did you mean"):
        Measurements.from_json({**kept, "all": renamed})


def test_precisions_are_the_numbers_of_the_validation_and_belong_to_measures():
    rows = json.loads(VALIDATION_FILE.read_text(encoding="utf-8"))["measures"]
    assert set(rows) == set(MEASURES)
    for name, known in precisions().items():
        assert (known.exact, known.predicted, known.repeat) == tuple(
            rows[name][k] for k in ("exact", "predicted", "repeat")
        )
        assert min(known.exact, known.predicted, known.repeat) >= 0


def test_a_measure_is_the_same_one_in_another_process():
    import pickle

    for measure in MEASURES.values():
        assert pickle.loads(pickle.dumps(measure)) is measure is find_measure(measure.name)


@pytest.mark.parametrize(
    ("gone", "side"),
    [((), "right"), (("MC2", "PP2", "Trapezium"), "right"), (("Radius", "Ulna", "Scaphoid", "Triquetrum"), "right")],
)
def test_the_side_does_not_hang_on_a_single_pair(gone, side):
    assert Hand(PlainHand().masks(without=gone)).side == side
    assert Hand(PlainHand(left=True).masks(without=gone)).side == "left"


def test_one_pair_that_is_named_wrongly_does_not_turn_the_hand():
    plain = PlainHand()
    swapped = plain.with_bone("MC2", plain.polygons["MC5"]).with_bone("MC5", plain.polygons["MC2"])
    assert Hand(swapped.masks()).side == "right"


def test_every_bone_has_its_short_name_s_index():
    assert [BONE[name] for name in SHORT_NAMES] == list(range(29))
