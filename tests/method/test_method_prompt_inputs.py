"""What a prompted network is asked: points where they belong, boxes around their bones, masks in the right place."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages_hands import hand_points, masks_at

from handbone.anatomy import CARPALS, COUNT, INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.method.perturb import perturb
from handbone.method.prompt_inputs import ask, core_points, points_beside, seen_on_grid
from handbone.recipe import schema
from handbone.recipe.schema import Choice

SIDE = 96
CAPITATE, LUNATE, HAMATE, PISIFORM = (INDEX[name] for name in ("Capitate", "Lunate", "Hamate", "Pisiform"))
TRIQUETRUM = INDEX["Triquetrum"]


def prompt(**more):
    return schema.Prompt(prompter=Choice(name="none"), **more)


def discs(**centres_and_radii):
    dense = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    for name, (x, y, radius) in centres_and_radii.items():
        cv2.circle(dense[INDEX[name]], (x, y), radius, 255, -1)
    return BoneProbabilities.from_dense(dense / 255)


ellipses = st.dictionaries(
    st.integers(0, COUNT - 1),
    st.tuples(
        st.integers(-5, SIDE + 5),
        st.integers(-5, SIDE + 5),
        st.integers(1, 30),
        st.integers(1, 30),
        st.integers(0, 179),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(ellipses, st.integers(0, 6), st.integers(0, 6))
def test_positive_points_lie_on_the_bone_and_negative_ones_beside_it(bones, positives, negatives):
    dense = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    for bone, (x, y, a, b, angle) in bones.items():
        cv2.ellipse(dense[bone], (x, y), (a, b), angle, 0, 360, 255, -1)
    size = 4 * SIDE
    asked, prompts = ask(
        BoneProbabilities.from_dense(dense / 255), range(COUNT), size, prompt(positives=positives, negatives=negatives)
    )
    assert set(asked) == {bone for bone in bones if dense[bone].any()}
    assert len(prompts) == len(asked)
    for row, bone in enumerate(asked):
        pixels = (prompts.points_xy[row] + 0.5) / 4 - 0.5
        for (x, y), label in zip(pixels, prompts.labels[row], strict=True):
            if label >= 0:
                assert bool(dense[bone, round(y), round(x)]) == bool(label)
            if label == 0:
                assert dense[:, round(y), round(x)].any()
        assert min(positives, 1) <= (prompts.labels[row] == 1).sum() <= positives
        left, top, right, bottom = prompts.boxes_xyxy[row]
        rows, columns = np.nonzero(dense[bone])
        assert left <= 4 * columns.min() + 1.5 and right >= 4 * columns.max() + 1.5
        assert top <= 4 * rows.min() + 1.5 and bottom >= 4 * rows.max() + 1.5
        assert min(left, top) >= 0 and max(right, bottom) <= size - 1


def test_the_first_point_is_the_deepest_and_the_next_are_far_from_it():
    masks = discs(Capitate=(40, 40, 20)).threshold()
    first, *others = core_points(masks, CAPITATE, 4)
    assert first == pytest.approx((40, 40), abs=1)
    assert all(5 < np.hypot(*(point - first)) < 14 for point in others)
    assert np.hypot(*(others[0] - others[1])) > 12


def test_points_avoid_what_lies_under_another_bone_where_they_can():
    masks = discs(Capitate=(40, 40, 20), Lunate=(60, 40, 20)).threshold()
    for bone, other in ((CAPITATE, LUNATE), (LUNATE, CAPITATE)):
        for x, y in core_points(masks, bone, 3).astype(int):
            assert masks.mask(bone)[y, x] and not masks.mask(other)[y, x]
    # The pisiform often lies wholly on the triquetrum.
    masks = discs(Triquetrum=(40, 40, 20), Pisiform=(44, 40, 9)).threshold()
    assert core_points(masks, PISIFORM, 1)[0] == pytest.approx((44, 40), abs=1)
    assert len(points_beside(masks, TRIQUETRUM, 3)) == 0
    ((x, y),) = points_beside(masks, PISIFORM, 3).astype(int)
    assert masks.mask(TRIQUETRUM)[y, x] and not masks.mask(PISIFORM)[y, x]


def test_only_neighbours_and_what_overlaps_give_negative_points_the_nearest_first():
    seen = discs(Capitate=(40, 40, 10), Lunate=(40, 62, 9), Hamate=(66, 40, 9), Ulna=(10, 85, 8))
    points = points_beside(seen.threshold(), CAPITATE, 5)
    assert points == pytest.approx(np.array([[40, 62], [66, 40]]), abs=1)
    overlapping = discs(Capitate=(40, 40, 10), Ulna=(50, 40, 10))
    assert len(points_beside(overlapping.threshold(), CAPITATE, 5)) == 1


def test_bones_without_a_mask_are_not_asked_for():
    seen = discs(Capitate=(40, 40, 10), Lunate=(40, 62, 9))
    asked, prompts = ask(seen, CARPALS, SIDE, prompt())
    assert asked == (CAPITATE, LUNATE) and len(prompts) == 2
    asked, prompts = ask(discs(), CARPALS, SIDE, prompt())
    assert asked == () and len(prompts) == 0


def test_margin_and_mask_prompt():
    seen = discs(Capitate=(40, 40, 10))
    _, tight = ask(seen, [CAPITATE], SIDE, prompt(box_margin=0))
    _, wide = ask(seen, [CAPITATE], SIDE, prompt(box_margin=0.5, use_mask=False))
    assert tight.boxes_xyxy[0] == pytest.approx((30, 30, 50, 50))
    assert wide.boxes_xyxy[0] == pytest.approx((19.5, 19.5, 60.5, 60.5))
    assert wide.masks is None and tight.masks.shape == (1, 1, SIDE, SIDE)
    assert np.array_equal(tight.masks[0, 0] > 0, seen.threshold().mask(CAPITATE))
    assert 5 < np.abs(tight.masks).max() < 8


@pytest.mark.parametrize("degrees", [0, 35])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_grid_sees_what_the_whole_warped_plane_shows(degrees, mirrored):
    points = hand_points(unit=115.0, at=np.array([240.0, 320.0]))
    masks = masks_at(points, size=500, radius=11)
    dense = np.stack([cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2) for mask in masks.dense()])
    current = BoneProbabilities.from_dense(dense)
    for side, size in ((150, 64), (100, 128), (600, 64)):
        frame = Frame.around((250, 300), side, size, degrees=degrees, mirrored=mirrored)
        seen = seen_on_grid(current, frame)
        assert seen.size_hw == (size, size)
        whole = np.stack([frame.warp(plane) for plane in current.dense()])
        # Area averaging of a cut-out and of the whole image lay their pixels differently.
        np.testing.assert_allclose(seen.dense(), whole, rtol=0, atol=0.03 if side < 2 * size else 0.25)


def test_perturbed_masks_are_as_wrong_as_coarse_ones():
    ground_truth = discs(Capitate=(48, 40, 15), Lunate=(30, 70, 12), Hamate=(90, 40, 14))
    masks, dices = ground_truth.threshold(), []
    for seed in range(30):
        perturbed = perturb(ground_truth, np.random.default_rng(seed)).threshold()
        assert set(np.flatnonzero(perturbed.present())) <= {CAPITATE, LUNATE, HAMATE}
        for bone in (CAPITATE, LUNATE):
            a, b = masks.mask(bone), perturbed.mask(bone)
            dices.append(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert 0.9 < np.mean(dices) < 0.97 and min(dices) > 0.7
    again = [perturb(ground_truth, np.random.default_rng(3)) for _ in range(2)]
    assert again[0] == again[1]


def test_without_strength_masks_are_only_softened():
    ground_truth = discs(Capitate=(48, 40, 15), Hamate=(95, 40, 20))
    soft = perturb(ground_truth, np.random.default_rng(0), 0.0)
    for bone in (CAPITATE, HAMATE):
        assert np.array_equal(soft.threshold().mask(bone), ground_truth.threshold().mask(bone))
    assert len(np.unique(soft.crops[CAPITATE])) > 10
    full = BoneProbabilities.from_dense(np.ones((COUNT, 32, 32)))
    assert perturb(full, np.random.default_rng(0)).threshold() == BoneMasks.from_dense(np.ones((COUNT, 32, 32)))
