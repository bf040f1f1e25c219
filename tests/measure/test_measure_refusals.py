"""What may not be measured is empty, with its reason."""

import numpy as np
import pytest
from hypothesis import given, settings
from masks_toys import dense_masks, hand_of_blobs
from plain_hands import RADIUS, PlainHand

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError, ShapeError, UnknownNameError
from handbone.core.radiograph import Radiograph
from handbone.measure import Hand, Refused, Scale, flagged_bones, measure_hand
from handbone.measure.hand import BONE
from handbone.measure.measuring import measure
from handbone.measure.precision import Precision, missed_aim, precisions
from handbone.measure.registry import find_measure
from handbone.measure.rois import site_frame, sites


def refused(measured, name, target=None):
    """The reason of a refused measurement, which has no value."""
    measurement = measured[(name, target) if target else name]
    assert measurement.value is None and measurement.quality == "refused" and not measurement.lines_px
    return measurement.reason


def test_a_missing_bone():
    measured = measure_hand(PlainHand().masks(without=("Lunate", "MC5")))
    assert refused(measured, "length", "MC5") == "MC5 is missing"
    assert refused(measured, "metacarpal_index") == refused(measured, "metacarpal_sign") == "MC5 is missing"
    assert refused(measured, "scapholunate_gap") == refused(measured, "lunate_subsidence") == "Lunate is missing"
    assert measured["length", "MC4"].value and measured["carpal_height_ratio"].value


def test_a_bone_that_the_edge_cuts():
    masks = PlainHand().masks()
    top = masks.boxes_xyxy[BONE["DP3"], 1]
    cut = masks.dense()[:, top + 10 :]
    measured = measure_hand(type(masks).from_dense(cut))
    assert refused(measured, "length", "DP3") == "DP3 is cut by the image's edge"
    assert measured["length", "DP4"].value


def test_a_flagged_bone_and_an_image_without_a_hand():
    flags = [
        {"rule": "unsure", "bones": ["Radius"], "message": "right with a chance of 0.40 only"},
        {"rule": "missing", "bones": ["Pisiform"], "message": "not seen: Pisiform"},
        {"rule": "window", "bones": [], "message": "the whole window was used"},
    ]
    flagged = flagged_bones(flags)
    assert flagged == {INDEX["Radius"]: "right with a chance of 0.40 only"}
    measured = measure_hand(PlainHand().masks(), flagged=flagged)
    assert refused(measured, "ulnar_variance") == "Radius is doubtful: right with a chance of 0.40 only"
    assert measured["ulnar_tilt"].value is not None
    nowhere = flagged_bones([{"rule": "no-hand", "bones": [], "message": "no hand was found"}])
    assert len(nowhere) == len(NAMES)
    assert all(m.value is None for m in measure_hand(PlainHand().masks(), flagged=nowhere))


def test_a_bone_in_parts():
    masks = PlainHand().masks()
    torn = masks.mask(BONE["PP4"])
    rows = np.flatnonzero(torn.any(1))
    torn[rows[len(rows) // 2] : rows[len(rows) // 2] + 4] = False
    measured = measure_hand(masks.replace({BONE["PP4"]: torn}))
    assert refused(measured, "length", "PP4") == "the mask of PP4 is in parts"


@pytest.mark.parametrize(("degrees", "side"), [(40, "away from"), (-28, "towards")])
def test_a_bent_wrist_has_no_carpal_heights(degrees, side):
    hand = PlainHand(forearm_mm=70)
    fingers = [name for name in hand.polygons if name not in ("Radius", "Ulna")]
    measured = measure_hand(hand.moved(*fingers, degrees=degrees, about=(-5, 12)).masks())
    assert measured["wrist_angle"].value == pytest.approx(degrees, abs=0.5)
    expected = f"the wrist is bent by {abs(degrees)} degrees {side} the thumb; defined up to 20"
    carpal = ("carpal_height", "carpal_height_ratio", "revised_carpal_height_ratio", "ulnar_translation")
    for name in (*carpal, "scapholunate_gap", "capitate_triquetrum_distance"):
        assert refused(measured, name) == expected
    assert measured["radial_inclination"].value and measured["length", "MC3"].value


def test_a_short_forearm_has_no_axis_but_tells_whether_the_wrist_is_bent():
    measured = measure_hand(PlainHand(forearm_mm=30).masks())
    expected = "too little of the shaft of Radius is seen for its axis"
    assert refused(measured, "radial_inclination") == refused(measured, "wrist_angle") == expected
    assert measured["carpal_height_ratio"].value == pytest.approx(0.614, abs=0.01)
    hardly = measure_hand(PlainHand(forearm_mm=12).masks())
    assert refused(hardly, "carpal_height_ratio") == expected


def test_an_axis_that_passes_the_radius():
    narrow = np.array([(x if x < -10 else -9, y) for x, y in RADIUS], float)
    measured = measure_hand(PlainHand().with_bone("Radius", narrow).masks())
    assert refused(measured, "carpal_height") == "the axis of MC3 passes the Radius"


def test_bones_that_overlap_have_no_gap():
    measured = measure_hand(PlainHand().moved("Scaphoid", by=(6, 0)).masks())
    assert (
        refused(measured, "scapholunate_gap")
        == "the contours of Scaphoid and Lunate overlap at the middle of the joint"
    )
    measured = measure_hand(PlainHand().moved("Triquetrum", by=(-14, -4)).masks())
    assert measured["capitate_triquetrum_distance"].value == 0


def test_a_finger_that_is_not_straight_has_no_length():
    hand = PlainHand().moved("MP4", "DP4", degrees=25, about=(8, -113))
    reason = refused(measure_hand(hand.masks()), "digit_ratio")
    assert reason.startswith("the finger is not straight: MP4 is turned by 2")


def test_grey_values_need_the_radiograph_and_indices_in_millimetres_a_scale():
    hand = PlainHand()
    assert "not at hand" in refused(measure_hand(hand.masks()), "cortical_thickness", "MC2-4")
    measured = measure_hand(hand.masks(), image=hand.image())
    assert refused(measured, "bone_health_index", "MC2") == "it is defined in millimetres, and the scale is not known"
    assert refused(measured, "paediatric_bone_index", "MC2") == refused(measured, "bone_health_index", "MC3")
    assert measured["metacarpal_cortical_index", "MC2-4"].value and measured["cortical_thickness", "MC2"].unit == "px"
    coarse = PlainHand(pixel_mm=(0.8, 0.8))
    thin = measure_hand(coarse.masks(), image=coarse.image(wall_mm=1.0))
    assert refused(thin, "cortical_percentage") == "the wall of MC2 is thinner than 3 pixels"


@settings(max_examples=60, deadline=None)
@given(dense_masks())
def test_whatever_masks_there_are_every_measure_has_a_value_or_a_reason(dense):
    masks = BoneMasks.from_dense(dense)
    for m in measure_hand(masks, image=np.zeros(masks.size_hw, np.float32)):
        assert (m.value is None) == bool(m.quality == "refused" and m.reason)
        assert m.value is None or np.isfinite(m.value)


@pytest.mark.parametrize("seed", range(6))
def test_bones_in_senseless_places_have_values_or_reasons(seed):
    masks = BoneMasks.from_polygons(hand_of_blobs(500, seed), (500, 500))
    hand = Hand(masks, image=np.random.default_rng(seed).random((500, 500), np.float32))
    for m in measure(hand):
        assert m.value is None or np.isfinite(m.value)
    for site in (*sites("svdh"), *sites("rus")):
        try:
            assert np.isfinite(site_frame(hand, site).matrix).all()
        except Refused as refusal:
            assert str(refusal)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ShapeError, match="image of a hand"):
        Hand(PlainHand().masks(), image=np.zeros((4, 4), np.float32))


def test_unknown_names_are_answered_with_the_nearest():
    measured = measure_hand(PlainHand().masks())
    with pytest.raises(UnknownNameError, match="carpal_height_ratio"):
        find_measure("carpal_height_ration")
    with pytest.raises(UnknownNameError, match="MC3"):
        _ = measured["length", "MC33"]
    with pytest.raises(UnknownNameError, match="bone or joint of length"):
        _ = measured["length"]


def test_scales_say_how_far_they_can_be_trusted():
    def of(spacing, source):
        return Scale.of(Radiograph(np.zeros((1, 1), np.float32), False, 8, spacing, source))

    assert of(None, "") == Scale() and Scale().unit == "px"
    assert of((0.1, 0.2), "PixelSpacing (FIDUCIAL)").source == "pixel_spacing"
    corrected = of((0.1, 0.2), "ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor")
    assert corrected.source == "imager_spacing_demagnified" and not corrected.caution
    assert of((0.1, 0.2), "NominalScannedPixelSpacing").source == of((0.1, 0.2), "").source == "imager_spacing"
    assert of((0.1, 0.2), "PixelSpacing").pixel_xy.tolist() == [0.2, 0.1]
    with pytest.raises(HandboneError, match="two positive lengths"):
        Scale("user", (0.0, 0.1))
    with pytest.raises(HandboneError, match="cannot have the spacing"):
        Scale("none", (0.1, 0.1))


def test_lengths_at_the_detector_come_with_a_caution_and_ratios_without(monkeypatch):
    monkeypatch.setattr("handbone.measure.precision.precisions", dict)
    measured = measure_hand(PlainHand().masks(), scale=Scale("imager_spacing", (0.25, 0.25)))
    assert measured["length", "MC3"].quality == "caution" and "at the detector" in measured["length", "MC3"].reason
    assert measured["carpal_height_ratio"].quality == measured["radial_inclination"].quality == "ok"


def test_a_measure_that_misses_its_aim_says_so(monkeypatch):
    known = {"length": Precision(0.1, 0.9, 0.2), "carpal_height_ratio": Precision(0.001, 0.009, 0.002)}
    monkeypatch.setattr("handbone.measure.precision.precisions", lambda: known)
    missed = missed_aim(find_measure("length"))
    assert missed == "misses its aim of 0.5 %: 0.9 % with masks of the shipped weights"
    assert missed_aim(find_measure("carpal_height_ratio")) == ""
    measured = measure_hand(PlainHand().masks())
    assert measured["length", "MC1"].quality == "caution" and measured["length", "MC1"].reason == missed


def test_the_validation_covers_every_measure():
    assert set(precisions()) == {m.measure.name for m in measure_hand(PlainHand().masks())}
