"""Each rule of quality control at its limit, on hands whose masks are made for it."""

import json

import numpy as np
import pytest
from stages_hands import hand_points, masks_at

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.data.plausible import REFERENCE_AREAS, doubts, hand_unit
from handbone.method.hands import HandEvidence
from handbone.method.locate import Location
from handbone.method.outcome import MethodResult
from handbone.method.pose.canonical import CENTROIDS_XY
from handbone.method.prior.compare import Plausibility
from handbone.method.prior.stage import PriorReport
from handbone.method.quality_control import Flag, flags
from handbone.method.roi_placement import RoiPlacement

NOTHING = BoneProbabilities.from_masks(BoneMasks.from_polygons({}, (512, 512)))


def hand(moved=None, gone=()):
    points = hand_points(unit=110.0, at=np.array([256.0, 330.0]), noise=0.0)
    for name, by in (moved or {}).items():
        points[INDEX[name]] += by
    points[[INDEX[name] for name in gone]] = np.nan
    return masks_at(points, 512, 7)


def outcome(**more):
    return MethodResult(NOTHING, NOTHING, **more)


def of_rule(rule, found):
    return [flag for flag in found if flag.rule == rule]


def presence(**values):
    found = np.ones(COUNT)
    for name, value in values.items():
        found[INDEX[name]] = value
    return found


@pytest.mark.parametrize(("value", "flagged"), [(0.79, True), (0.8, False), (0.5, True), (1.0, False)])
def test_a_bone_that_may_be_wrong_is_shown_and_flagged_below_eight_tenths(value, flagged):
    found = of_rule("unsure", flags(outcome(presence=presence(Lunate=value)), hand()))
    message = f"the probability of being right is only {value:.2f}"
    assert found == ([Flag("unsure", ("Lunate",), message)] if flagged else [])


@pytest.mark.parametrize(("value", "rule"), [(0.0, "missing"), (0.01, "left-out"), (0.49, "left-out")])
def test_a_bone_without_a_mask_was_left_out_or_never_found(value, rule):
    found = flags(outcome(presence=presence(Lunate=value)), hand(gone=("Lunate",)))
    (flag,) = [f for f in found if f.rule in ("missing", "left-out")]
    assert flag.rule == rule and flag.bones == ("Lunate",)
    assert flag.message == (
        "not found: Lunate" if not value else f"a mask was left out: its probability of being right is {value:.2f}"
    )


def test_all_missing_bones_are_one_flag_in_anatomy_order():
    (flag,) = of_rule("missing", flags(outcome(), hand(gone=("Ulna", "finger-1", "Lunate"))))
    assert flag.bones == ("finger-1", "Lunate", "Ulna") and flag.message == "not found: finger-1, Lunate, Ulna"


def test_a_bone_of_another_hand_is_neither_missing_nor_left_out():
    evidence = HandEvidence(True, 0.99, 20.0, 28, ("Ulna",), "R")
    found = flags(outcome(hand=evidence, presence=presence(Ulna=0.9)), hand(gone=("Ulna",)))
    assert [f.rule for f in found if "Ulna" in f.bones] == ["not-of-this-hand"]


def test_without_a_hand_nothing_else_is_said():
    evidence = HandEvidence(False, 0.1, 1.0, 3)
    found = flags(outcome(hand=evidence, presence=presence(Lunate=0.3)), hand(gone=("Lunate",)))
    assert found == [Flag("no-hand", (), "no hand was found, so no bone is outlined")]


@pytest.mark.parametrize(
    ("located", "asked", "said"),
    [(True, True, False), (False, True, False), (False, False, True), (True, False, False)],
)
def test_the_whole_image_was_read_where_the_first_look_found_no_hand_and_nobody_weighed_it(located, asked, said):
    frame = Frame.letterbox((512, 512), (64, 64))
    evidence = HandEvidence(True, 0.99, 20.0, 28) if asked else None
    found = of_rule("no-hand", flags(outcome(hand=evidence, location=Location(frame, located, 0.2)), hand()))
    assert bool(found) is said


@pytest.mark.parametrize("fallback", ["none", "wider", "whole"])
def test_an_roi_that_fell_back_says_why(fallback):
    frame = Frame.letterbox((512, 512), (64, 64))
    frames = {"wrist": RoiPlacement(frame, fallback, "" if fallback == "none" else "few anchors")}
    found = of_rule("roi", flags(outcome(frames=frames), hand()))
    said = [Flag("roi", (), f"the {fallback} ROI was used for wrist: few anchors")]
    assert found == ([] if fallback == "none" else said)


def squares(**boxes):
    """Bones as squares: name to (left, top, side)."""
    crops = {
        INDEX[name.replace("_", "-")]: (np.ones((side, side), bool), (left, top))
        for name, (left, top, side) in boxes.items()
    }
    return BoneMasks.from_crops(crops, (512, 512))


@pytest.mark.parametrize(("step", "flagged"), [(3, True), (4, False), (5, False)])
def test_bones_at_one_place_share_more_than_six_tenths_of_the_smaller(step, flagged):
    """Squares of 10 that lie on one of 20: of 3 over the edge 70 % are inside, of 4 exactly 60 %."""
    masks = squares(Lunate=(100, 100, 20), Capitate=(110 + step, 100, 10))
    found = of_rule("same-place", flags(outcome(), masks))
    assert [f.bones for f in found] == ([("Capitate", "Lunate")] if flagged else [])
    if found:
        assert found[0].message == "70% of the smaller bone overlaps the other"


@pytest.mark.parametrize(
    ("one", "other", "flagged"),
    [
        ("Triquetrum", "Pisiform", False),
        ("Trapezium", "Trapezoid", False),
        ("Triquetrum", "Hamate", True),
        ("Trapezoid", "Pisiform", True),
    ],
)
def test_two_pairs_of_carpals_lie_behind_one_another(one, other, flagged):
    masks = squares(**{one: (100, 100, 20), other: (100, 100, 20)})
    assert bool(of_rule("same-place", flags(outcome(), masks))) is flagged


def adult(unit=100.0):
    """A square of the usual area at the place of each bone."""
    half = np.sqrt(REFERENCE_AREAS) * unit / 2
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return {bone: [(corner * half[bone] + CENTROIDS_XY[bone] * unit + 500).astype(np.float32)] for bone in range(COUNT)}


@pytest.mark.parametrize(("moved", "flagged"), [(0, False), (15, False), (25, True), (60, True)])
def test_neighbours_farther_apart_than_three_tenths_of_a_metacarpal_are_named(moved, flagged):
    """Squares 11 pixels apart, of a hand whose third metacarpal has 100."""
    polygons = adult()
    polygons[INDEX["finger-8"]] = [polygons[INDEX["finger-8"]][0] - (0, moved)]
    found = of_rule("apart", flags(outcome(), BoneMasks.from_polygons(polygons, (900, 900))))
    told = [f.message for f in found if f.bones == ("finger-8", "finger-9")]
    assert told == ([f"lie {(11 + moved) / 100:.1f} lengths of a metacarpal apart"] if flagged else [])


def report(expected=(), **judged):
    bones = tuple(judged.get(name.replace("-", "_"), Plausibility(0.9, 1.0, name, 0.9)) for name in NAMES)
    return PriorReport(bones=bones, expected=tuple(expected))


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (Plausibility(0.6, 1.0, "Lunate", 0.6), None),
        (Plausibility(0.59, 1.0, "Lunate", 0.59), "only with a Dice of 0.59"),
        (Plausibility(0.2, 1.0, None), "only with a Dice of 0.20"),
        (Plausibility(0.2, 1.0, "Hamate", 0.85), "only with a Dice of 0.20; it fits the Hamate by 0.85"),
    ],
)
def test_a_mask_unlike_its_bone_says_which_one_it_is_like(judged, words):
    found = of_rule("unlike", flags(outcome(prior=report(Lunate=judged)), hand()))
    assert [f.message for f in found] == (
        [] if words is None else [f"agrees with what the other bones suggest {words}"]
    )
    assert not of_rule("unlike", flags(outcome(prior=report(Lunate=judged)), hand(gone=("Lunate",))))


def test_a_bone_that_should_be_there_is_expected_only_where_it_is_missing():
    found = flags(outcome(prior=report(expected=("Lunate", "Ulna"))), hand(gone=("Lunate",)))
    assert [f.bones for f in of_rule("expected", found)] == [("Lunate",)]


def test_a_flag_is_json():
    flag = Flag("missing", ("Lunate",), "not found: Lunate")
    assert json.loads(json.dumps(flag.to_json())) == {
        "rule": "missing",
        "bones": ["Lunate"],
        "message": "not found: Lunate",
    }


@pytest.mark.parametrize("factor", [0.30, 0.36, 2.9, 3.1])
@pytest.mark.parametrize("unit", [40.0, 400.0])
def test_an_area_is_odd_beyond_a_factor_of_three(factor, unit):
    polygons = adult(unit)
    centre = polygons[5][0].mean(0)
    polygons[5] = [((polygons[5][0] - centre) * np.sqrt(factor) + centre).astype(np.float32)]
    found = [d.bones for d in doubts(polygons) if d.rule == "odd-area"]
    assert found == ([(5,)] if factor in (0.30, 3.1) else [])
    assert np.isnan(hand_unit(np.array([0.0] * 27 + [500.0, 500.0]))), "forearms alone have no unit"


@pytest.mark.parametrize("count", [0, 5, 6])
def test_five_bones_say_too_little(count):
    polygons = {bone: [p[0] * (20.0 if bone == 2 else 1.0)] for bone, p in list(adult().items())[:count]}
    assert bool(doubts(polygons)) is (count == 6)


@pytest.mark.parametrize("bone", [INDEX["Radius"], INDEX["Ulna"]])
def test_bones_that_the_edge_cuts_have_no_odd_area(bone):
    polygons = adult()
    polygons[bone] = [polygons[bone][0] * 0.1 + 450]
    assert [d for d in doubts(polygons) if d.rule == "odd-area"] == []
