"""Rules about single labels at their limits, on a toy hand whose every pixel is known."""

import numpy as np
import pytest
from data_toys import toy_hand

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.data.audit.label_doubles import find_doubles
from handbone.data.audit.label_errors import compare_labels
from handbone.data.audit.label_evidence import LabelError, LabelEvidence, two_digits
from handbone.data.audit.label_overlap import dice
from handbone.data.audit.label_rules import extra, misplaced, missing

SIZE = (384, 384)
POLYGONS = {INDEX[name]: [np.rint(points)] for name, points in toy_hand(size=384).items()}
MASKS = BoneMasks.from_polygons(POLYGONS, SIZE)
LUNATE, CAPITATE, HAMATE, MC3 = (INDEX[name] for name in ("Lunate", "Capitate", "Hamate", "finger-11"))


def evidence(labels=None, predicted=MASKS, confidence=0.9, **bones):
    """Labels and a prediction; `bones` changes the confidence of some."""
    sure = np.full(COUNT, confidence)
    for name, value in bones.items():
        sure[INDEX[name]] = value
    return LabelEvidence.of(POLYGONS if labels is None else labels, predicted, sure * predicted.present())


def without(*bones):
    return {bone: polygons for bone, polygons in POLYGONS.items() if bone not in bones}


def unseen(*bones):
    return MASKS.replace({bone: np.zeros(SIZE, bool) for bone in bones})


def moved(bone, offset_xy, scale=1.0):
    (polygon,) = POLYGONS[bone]
    centre = polygon.mean(0)
    return POLYGONS | {bone: [(polygon - centre) * scale + centre + offset_xy]}


def test_right_labels_break_no_rule():
    told = evidence()
    assert find_doubles(told) == ([], set()) and missing(told, range(COUNT)) is None
    assert not any(misplaced(told, bone) or extra(told, bone) for bone in range(COUNT))
    assert compare_labels(POLYGONS, MASKS, np.full(COUNT, 0.9)) == []


@pytest.mark.parametrize(
    ("value", "text"), [(0.024, ".02"), (0.0, ".00"), (1.0, "1.00"), (0.996, "1.00"), (0.5, ".50")]
)
def test_shares_are_written_without_their_zero(value, text):
    assert two_digits(value) == text


def test_an_error_is_json_with_names():
    error = LabelError("doubled", (LUNATE, MC3), 1.23456, "x")
    assert error.to_json() == {
        **{"kind": "doubled", "bones": ["Lunate", "finger-11"], "severity": 1.235, "message": "x"},
    }


def test_one_contour_under_two_names_says_which_it_fits():
    labels = POLYGONS | {HAMATE: POLYGONS[LUNATE]}
    (error,), unusable = find_doubles(evidence(labels))
    assert error.kind == "doubled" and set(error.bones) == {HAMATE, LUNATE} == unusable
    assert error.message.startswith("one contour has two names, Lunate and Hamate (Dice 1.00 with each other)")
    assert "by the weights it fits 1.00 with Lunate, .00 with Hamate" in error.message
    assert error.severity == pytest.approx(1, abs=0.2)


def test_bones_that_the_weights_see_in_one_place_too_are_no_doubles():
    both = MASKS.replace({HAMATE: MASKS.mask(LUNATE)})
    assert find_doubles(evidence(POLYGONS | {HAMATE: POLYGONS[LUNATE]}, both)) == ([], set())


def test_without_a_prediction_of_either_nothing_is_said_of_what_fits():
    (error,), _ = find_doubles(evidence(POLYGONS | {HAMATE: POLYGONS[LUNATE]}, unseen(HAMATE, LUNATE)))
    assert "fits" not in error.message


def test_a_contour_drawn_twice_changes_no_mask_and_breaks_no_label():
    (error,), unusable = find_doubles(evidence(POLYGONS | {LUNATE: [*POLYGONS[LUNATE], POLYGONS[LUNATE][0] + 1]}))
    assert "Lunate is outlined 2 times, twice in one place (Dice ." in error.message
    assert error.severity == 0.1 and unusable == set()


@pytest.mark.parametrize("labelled", [True, False])
def test_a_second_contour_on_another_bone_names_it(labelled):
    labels = (POLYGONS if labelled else without(HAMATE)) | {LUNATE: [*POLYGONS[LUNATE], *POLYGONS[HAMATE]]}
    (error,), unusable = find_doubles(evidence(labels))
    assert error.message.startswith("one of 2 contours of Lunate lies on Hamate (Dice 1.00)")
    assert error.message.endswith(", which has no label") is not labelled
    assert error.bones == tuple(sorted((HAMATE, LUNATE))) and unusable == {HAMATE, LUNATE}


@pytest.mark.parametrize(("scale", "told"), [(1.0, True), (0.5, True), (0.3, False)])
def test_a_second_contour_far_from_its_bone_is_told_unless_it_is_a_fragment(scale, told):
    (polygon,) = POLYGONS[LUNATE]
    far = (polygon - polygon.mean(0)) * scale + (40, 40)
    errors, _ = find_doubles(evidence(POLYGONS | {LUNATE: [polygon, far]}))
    assert [error.kind for error in errors] == ["doubled"] * told
    assert not told or "pixels from its predicted mask" in errors[0].message


def test_a_bone_without_a_label_that_the_weights_surely_see_is_missing():
    error = missing(evidence(without(LUNATE)), range(COUNT))
    assert error.bones == (LUNATE,) and error.message == "no label, but the weights see Lunate (confidence .90)"
    assert error.severity == pytest.approx(0.9)


@pytest.mark.parametrize(("confidence", "told"), [(0.64, True), (0.62, False), (0.5, False)])
def test_a_doubtful_bone_is_not_missing(confidence, told):
    # Seven tenths of the usual .9 are .63.
    assert (missing(evidence(without(LUNATE), Lunate=confidence), range(COUNT)) is not None) is told


@pytest.mark.parametrize(("usual", "told"), [(0.6, True), (0.59, False)])
def test_weights_that_are_sure_of_nothing_miss_nothing(usual, told):
    assert (missing(evidence(without(LUNATE), confidence=usual), range(COUNT)) is not None) is told


@pytest.mark.parametrize(("count", "ending"), [(4, "(confidence .90)"), (5, "and 1 more"), (6, "and 2 more")])
def test_four_missing_bones_are_named_and_the_rest_counted(count, ending):
    gone = [INDEX[name] for name in ("Trapezium", "Trapezoid", "Capitate", "Hamate", "Scaphoid", "Lunate")][:count]
    error = missing(evidence(without(*gone)), range(COUNT))
    assert error.bones == tuple(gone) and error.message.endswith(ending)


def test_a_bone_whose_contour_has_another_name_is_not_missing():
    labels = without(LUNATE) | {HAMATE: POLYGONS[LUNATE]}
    assert missing(evidence(labels), [LUNATE]) is None


def test_a_label_beside_its_bone_says_how_far():
    error = misplaced(evidence(moved(MC3, (30, 0))), MC3)
    assert error.kind == "shifted" and error.bones == (MC3,)
    assert "finger-11's label lies 30 pixels (" in error.message and "1.00 when moved there" in error.message
    assert error.severity == pytest.approx(
        1 - dice(BoneMasks.from_polygons(moved(MC3, (30, 0)), SIZE), MC3, MASKS, MC3)
    )


@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (0, 2)])
def test_a_label_a_little_beside_its_bone_is_right(offset):
    assert misplaced(evidence(moved(MC3, offset)), MC3) is None


@pytest.mark.parametrize(("confidence", "told"), [(0.73, True), (0.71, False)])
def test_a_label_is_misplaced_only_where_the_weights_are_sure(confidence, told):
    # Eight tenths of the usual .9 are .72.
    assert (misplaced(evidence(moved(MC3, (30, 0)), **{"finger-11": confidence}), MC3) is not None) is told


@pytest.mark.parametrize(("scale", "told"), [(0.4, True), (0.9, False), (1.9, True), (1.2, False)])
def test_a_label_of_quite_another_size_is_odd(scale, told):
    error = misplaced(evidence(moved(MC3, (0, 0), scale)), MC3)
    assert (error is not None) is told
    if told:
        assert error.kind == "odd-outline" and "times the predicted area: Dice ." in error.message


def test_a_label_on_another_bone_where_the_weights_see_none_of_its_own_is_extra():
    labels = POLYGONS | {LUNATE: [POLYGONS[CAPITATE][0] * 0.9 + POLYGONS[CAPITATE][0].mean(0) * 0.1]}
    error = extra(evidence(labels, unseen(LUNATE)), LUNATE)
    assert error.kind == "extra" and "of Lunate's label lie on that of Capitate" in error.message
    assert error.message.endswith("and the weights find no Lunate") and error.severity > 0.8


def test_pisiform_and_triquetrum_may_lie_on_each_other():
    pisiform, triquetrum = INDEX["Pisiform"], INDEX["Triquetrum"]
    assert extra(evidence(POLYGONS | {pisiform: POLYGONS[triquetrum]}, unseen(pisiform)), pisiform) is None


def test_a_label_far_from_all_neighbours_is_extra():
    labels = POLYGONS | {LUNATE: [POLYGONS[LUNATE][0] - POLYGONS[LUNATE][0].mean(0) + (25, 25)]}
    error = extra(evidence(labels, unseen(LUNATE)), LUNATE)
    assert error.severity == 1 and "pixels from every neighbour, where the weights find nothing" in error.message
    assert extra(evidence(labels), LUNATE) is None, "not where the weights see the bone"


def test_no_prediction_accuses_nobody():
    nothing = BoneMasks.from_dense(np.zeros((COUNT, *SIZE), bool))
    told = evidence(predicted=nothing)
    assert told.fit == 0 == told.low and not told.sure.any() and not told.fitting.any()
    assert missing(told, range(COUNT)) is None and not any(misplaced(told, bone) for bone in range(COUNT))


def test_no_label_is_measured_by_what_is_seen():
    told = evidence({})
    assert told.unit == pytest.approx(evidence().unit, rel=0.05) and not told.labelled.any()
    assert missing(told, range(COUNT)).bones, "all that is seen"
    assert set(NAMES[bone] for bone in missing(told, range(COUNT)).bones) >= {"Capitate", "Radius"}
