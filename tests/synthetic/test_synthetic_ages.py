"""The average child at each age, against textbooks of bone age; and how a growing end differs from a grown one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone import anatomy
from handbone.synthetic.growth import EPIPHYSIS_ONSET, draw_growth
from handbone.synthetic.physis import growing_end, physis, physis_share, young_end
from handbone.synthetic.skeleton import FOREARM, load_skeleton

CARPALS = set(anatomy.CARPALS)
LONG = [index for index in range(anatomy.COUNT) if index not in CARPALS]
SHORT = anatomy.SHORT_NAMES


class Average:
    """In place of a generator: every draw is the mean of what is drawn from."""

    def normal(self, loc=0.0, scale=1.0, size=None):
        return loc if size is None else np.broadcast_to(loc, size).copy()

    def uniform(self, low=0.0, high=1.0, size=None):
        return self.normal((low + high) / 2, size=size)


def at(age):
    return draw_growth(Average(), age)


ORDER = ("Capitate", "Hamate", "Triquetrum", "Lunate", "Trapezium", "Trapezoid", "Scaphoid", "Pisiform")


@pytest.mark.parametrize(
    ("age", "count"), [(1.0, 2), (2.0, 2), (3.0, 3), (4.5, 4), (5.15, 6), (6.0, 7), (9.0, 7), (10.0, 8), (18.0, 8)]
)
def test_the_average_child_has_the_carpals_of_its_age(age, count):
    """Greulich and Pyle: two in the first year, then one a year, the pisiform last."""
    absent = {SHORT[index] for index in at(age).absent}
    assert absent == set(ORDER[count:])


def test_carpals_only_grow_and_lose_their_roundness():
    states = [at(age) for age in np.arange(1.0, 19.0, 0.5)]
    for index in CARPALS:
        sizes = np.array([state.scale[index].mean() for state in states])
        roundness = np.array([state.roundness[index] for state in states])
        assert (np.diff(sizes) >= -1e-12).all() and (np.diff(roundness) <= 1e-12).all()
        assert sizes[-1] == pytest.approx(1, abs=0.01) and roundness[-1] == 0 and sizes[0] < 0.7
    for state in states:
        assert not state.roundness[LONG].any(), "no long bone is drawn towards an ellipsoid"


@pytest.mark.parametrize("age", [1.2, 1.65, 2.0, 2.5, 4.0, 7.0])
def test_plates_are_open_where_the_epiphysis_has_begun(age):
    state = at(age)
    for name, onset in EPIPHYSIS_ONSET.items():
        index = anatomy.INDEX[name]
        if age <= onset:
            assert state.plates[index] == 0 and state.cap[index] < 0.1, "the shaft ends blunt"
        else:
            assert state.plates[index] == 1 and state.cap[index] > 0.1
    assert set(EPIPHYSIS_ONSET) == {anatomy.NAMES[index] for index in LONG}


@pytest.mark.parametrize(
    ("name", "years"),
    [("DP3", 15.2), ("PP5", 15.2), ("DP1", 15.2), ("MC2", 15.4), ("MC1", 15.4), ("Ulna", 16.3), ("Radius", 16.8)],
)
def test_plates_close_over_a_year_and_a_half_before_the_textbook_s_age(name, years):
    index = SHORT.index(name)
    opened = [at(years - before).plates[index] for before in (1.6, 0.75, 0.0)]
    assert opened == pytest.approx([1.0, 0.5, 0.0])


def test_an_adult_of_eighteen_has_the_skeleton_s_bones():
    grown = at(18.0)
    np.testing.assert_allclose(grown.scale[LONG], 1.0)
    for field in ("plates", "waist", "blunt", "roundness", "shift"):
        assert not getattr(grown, field).any(), field
    np.testing.assert_allclose(grown.cap, 1.0)
    assert grown.absent == () and grown.epiphysis[LONG] == pytest.approx(1.03)


def test_ends_grow_with_age_until_they_are_wider_than_their_shaft():
    ages = np.arange(2.5, 18.0, 0.5)
    states = [at(age) for age in ages]
    for index in LONG:
        if SHORT[index] == "Ulna":
            continue
        epiphysis, cap = (np.array([getattr(s, field)[index] for s in states]) for field in ("epiphysis", "cap"))
        begun = cap > 0.1
        assert (np.diff(epiphysis[begun]) >= -1e-12).all() and (np.diff(cap[begun]) >= -1e-12).all()


def test_shafts_are_stout_in_infants_slender_in_children_and_grown_at_last():
    widths = {age: at(age).scale[SHORT.index("MC3"), [0, 2]] for age in (1.0, 3.0, 8.0, 12.0, 18.0)}
    assert (widths[1.0] > widths[3.0]).all() and (widths[3.0] > widths[8.0]).all()
    assert (widths[8.0] < 0.95).all() and (widths[12.0] >= widths[8.0]).all() and (widths[18.0] == 1).all()
    lengths = [at(age).scale[LONG, 1] for age in (1.0, 8.0)]
    assert all((length == 1).all() for length in lengths), "how long a hand is says the patient's size"


def test_cartilage_keeps_joints_apart_and_the_least_formed_ends_the_farthest():
    young, child = at(1.0), at(8.0)
    phalanges = [i for i in range(19) if i not in anatomy.METACARPALS]
    assert (young.shift[phalanges, 1] < 0).all() and (young.shift[list(FOREARM), 1] > 0).all(), "y points to the elbow"
    for knuckle, middle in ((5, 4), (9, 8), (13, 12), (17, 16)):
        assert young.shift[knuckle, 1] < young.shift[middle, 1] - 3, "a knuckle of cartilage alone is as high as bone"
        assert child.shift[knuckle, 1] == pytest.approx(child.shift[middle, 1])


def test_bones_grow_at_the_ends_that_textbooks_name():
    found = {SHORT[index]: growing_end(index) for index in range(anatomy.COUNT)}
    towards_tip = {"MC2", "MC3", "MC4", "MC5", "Radius", "Ulna"}
    assert {name for name, end in found.items() if end == 0} == towards_tip
    assert {name for name, end in found.items() if end == -1} == {SHORT[index] for index in CARPALS}
    assert found["MC1"] == 1, "the thumb's metacarpal grows like a phalanx"


@pytest.mark.parametrize("index", LONG)
def test_a_plate_lies_within_the_third_of_its_bone_that_grows(index):
    assert 1.5 < physis(index) < load_skeleton().length[index] / 3


def column(index):
    """Points on a bone's axis, and their shares of the way from the end towards the fingertip."""
    share = np.linspace(0, 1, 201)
    local = np.zeros((len(share), 3))
    local[:, 1] = share * load_skeleton().length[index] - 20.0
    return local, share


@settings(max_examples=30)
@given(st.sampled_from(LONG), st.floats(0.05, 1.0), st.floats(0.5, 1.04))
def test_a_young_end_is_as_high_as_asked_and_leaves_the_shaft_alone(index, cap, epiphysis):
    local, share = column(index)
    moved, narrow = young_end(index, local, share, epiphysis=epiphysis, cap=cap)
    length, inside = load_skeleton().length[index], physis(index)
    from_end = (share if growing_end(index) == 0 else 1 - share) * length
    shaft = from_end > inside
    np.testing.assert_array_equal(moved[shaft], local[shaft])
    assert (np.diff(moved[:, 1]) >= -1e-9).all(), "no point passes another"
    assert np.ptp(moved[:, 1]) == pytest.approx(length - (1 - cap) * inside), "only the end is lower"
    assert narrow[from_end > inside + 4] == pytest.approx(1.0, abs=1e-5)
    assert narrow[from_end < inside - 1.4] == pytest.approx(epiphysis, abs=0.005)


@settings(max_examples=30)
@given(st.sampled_from(LONG), st.floats(0.05, 1.0))
def test_the_plate_of_a_young_end_is_where_the_share_says(index, cap):
    local, share = column(index)
    moved, _ = young_end(index, local, share, epiphysis=0.9, cap=cap)
    inside = physis(index) / load_skeleton().length[index]
    plate = inside if growing_end(index) == 0 else 1 - inside
    reached = (np.interp(plate, share, moved[:, 1]) - moved[0, 1]) / np.ptp(moved[:, 1])
    assert physis_share(index, cap) == pytest.approx(reached, abs=0.01)


def test_carpals_have_no_plate():
    assert all(np.isnan(physis_share(index, 1.0)) for index in CARPALS)
