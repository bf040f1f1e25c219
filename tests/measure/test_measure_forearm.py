"""The forearm's measures on bones of chosen slants and lengths; walls of tubes in images of any brightness."""

import numpy as np
import pytest
from plain_hands import RADIUS, ULNA, WIDTHS, PlainHand

from handbone.measure import Hand, Refused, Scale, measure_hand
from handbone.measure.cortex import SPOTS, read_spots
from handbone.measure.forearm import styloid, ulnar_corner, ulnar_head

SCALE = Scale.user(0.25)


def slanted(degrees, **options):
    """A hand whose Radius ends in a straight joint line of this slant, its styloid on the thumb's side."""
    rise = 32 * np.tan(np.deg2rad(degrees))
    polygon = np.array([(-24, 32 - rise), *RADIUS[1:]], float)
    return PlainHand(**{"forearm_mm": 100, **options}).with_bone("Radius", polygon)


def values(hand):
    return {(m.measure.name, m.target): m.value for m in measure_hand(hand.masks(), scale=SCALE)}


@pytest.mark.parametrize("degrees", [8.0, 15.0, 22.0, 28.0])
@pytest.mark.parametrize("left", [False, True])
def test_inclination_and_height_are_those_of_the_joint_line(degrees, left):
    found = values(slanted(degrees, left=left))
    # Pixels blunt the styloid's corner.
    assert found["radial_inclination", "Radius"] == pytest.approx(degrees, abs=1.2)
    assert found["radial_height", "Radius"] == pytest.approx(32 * np.tan(np.deg2rad(degrees)), abs=1.0)


@pytest.mark.parametrize("turn", [0.0, 20.0, -150.0])
def test_landmarks_lie_at_the_corners_however_the_hand_lies(turn):
    plain = PlainHand(degrees=turn, forearm_mm=200)
    hand = Hand(plain.masks(), scale=SCALE)
    placed, _ = plain.placed()
    corners = {name: placed[index] * 0.25 for name, index in (("Radius", 27), ("Ulna", 28))}
    assert styloid(hand) == pytest.approx(corners["Radius"][0], abs=0.8)
    assert ulnar_corner(hand) == pytest.approx(corners["Radius"][1], abs=0.8)
    direction = hand.axis("Radius").direction
    level = max(corners["Ulna"][0] @ direction, corners["Ulna"][1] @ direction)
    assert ulnar_head(hand, direction) @ direction == pytest.approx(level, abs=0.4)


@pytest.mark.parametrize("higher", [0.0, 5.0, 9.0])
def test_the_styloid_of_the_ulna_has_no_say(higher):
    """The third corner of the plain Ulna, on the little finger's side, is its styloid."""
    polygon = np.array(ULNA, float)
    polygon[2, 1] -= higher
    before, after = (values(hand) for hand in (PlainHand(), PlainHand().with_bone("Ulna", polygon)))
    name = "ulnar_variance", "Ulna-Radius"
    assert after[name] == pytest.approx(before[name], abs=0.15)


@pytest.mark.parametrize("wider", [-4.0, 3.0, 6.0])
def test_widths_of_the_ends_are_those_across_the_shaft(wider):
    radius = np.array(RADIUS, float)
    radius[0, 0] -= wider
    name = "distal_width", "Radius"
    before, after = (values(hand)[name] for hand in (PlainHand(), PlainHand().with_bone("Radius", radius)))
    assert 0.6 * abs(wider) < abs(after - before) < abs(wider) + 0.3 and np.sign(after - before) == np.sign(wider)


def spots(image, plain, bone="MC3"):
    hand = Hand(plain.masks(), image=image, scale=Scale("user", (0.12, 0.12)))
    return read_spots(hand, bone)


@pytest.fixture(scope="module")
def tubes():
    return PlainHand(pixel_mm=(0.12, 0.12))


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.4, 0.1), (1.5, -0.2)])
def test_walls_are_as_thick_in_a_brighter_or_flatter_image(tubes, gain, offset):
    plain, changed = (spots(image, tubes) for image in (tubes.image(2.0), gain * tubes.image(2.0) + np.float32(offset)))
    for one, other in zip(plain, changed, strict=True):
        assert other.thickness == pytest.approx(one.thickness, rel=0.02) and other.width == one.width


@pytest.mark.parametrize("bone", ["MC2", "MC3", "MC4"])
def test_a_shaft_is_read_at_three_levels_and_its_edges_come_in_order(tubes, bone):
    found = spots(tubes.image(2.0), tubes, bone)
    hand = Hand(tubes.masks(), scale=Scale("user", (0.12, 0.12)))
    axis = hand.axis(bone)
    assert len(found) == len(SPOTS)
    for spot, share in zip(found, SPOTS, strict=True):
        assert spot.width == pytest.approx(WIDTHS["MC"], rel=0.03) and spot.thickness == pytest.approx(2.0, rel=0.06)
        assert axis.along(spot.edges).mean() == pytest.approx(axis.low + share * axis.length, abs=0.3)
        steps = np.linalg.norm(np.diff(spot.edges, axis=0), axis=1)
        assert steps[[0, 2]].mean() == pytest.approx(spot.thickness, rel=0.05)
        assert steps.sum() == pytest.approx(spot.width, rel=0.03)


@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_a_little_noise_moves_walls_a_little(tubes, noise):
    image = tubes.image(2.0)
    noisy = image + np.random.default_rng(0).normal(0, noise, image.shape).astype(np.float32)
    for one, other in zip(spots(image, tubes), spots(noisy, tubes), strict=True):
        assert other.thickness == pytest.approx(one.thickness, rel=0.08)


def test_shafts_of_few_pixels_and_hands_without_an_image_are_refused(tubes):
    with pytest.raises(Refused, match="the radiograph is not at hand"):
        read_spots(Hand(tubes.masks()), "MC3")
    coarse = PlainHand(pixel_mm=(2.0, 2.0))
    with pytest.raises(Refused, match="MC3 is narrower than 6 pixels"):
        read_spots(Hand(coarse.masks(), image=coarse.image()), "MC3")
