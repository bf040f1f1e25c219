"""ROIs around any bones: recipe regions, and those that are asked for."""

import numpy as np
import pytest
from stages_hands import DiscReader, disc_image, hand_points, masks_at

from handbone.anatomy import CARPALS, COUNT, INDEX, select
from handbone.core.errors import HandboneError
from handbone.method.datasets import moved_to_a_bone
from handbone.method.roi import asked, rois
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe import schema

ROI = schema.Roi()
TIPS = schema.ExtraRoi(name="tips", bones=("finger-4", "finger-8", "finger-12"))


def test_a_fitted_roi_holds_its_bones_with_their_margin_upright_and_as_fine_as_the_first():
    for degrees, mirrored in ((0, False), (50, True)):
        masks = masks_at(hand_points(degrees=degrees, mirrored=mirrored, at=np.array([1000.0, 1300.0])))
        first, tips = rois(ROI, ("wrist",), (TIPS,), 512)
        where, wrist = tips.place(masks), first.place(masks)
        assert where.frame.scale == pytest.approx(wrist.frame.scale, rel=0.04)
        rows, columns = where.frame.size_hw
        for bone in tips.bones:
            grid = where.frame.to_grid(masks.polygons()[bone][0])
            assert (grid > 0.08 * rows).all() and (grid < 0.92 * columns).all()
        # Fingers point up, the thumb's side is on the left.
        up = where.frame.to_grid(masks.centroids_xy()[[INDEX["finger-8"], INDEX["finger-11"]]])
        assert up[0, 1] < up[1, 1]
        assert where.mirrored is mirrored


def test_a_bone_that_is_missing_or_astray_counts_where_it_is_expected():
    points = hand_points(noise=0.1)
    whole = rois(ROI, ("wrist",), (TIPS,), 512)[1].place(masks_at(points)).frame
    points[INDEX["finger-8"]] = np.nan
    without = rois(ROI, ("wrist",), (TIPS,), 512)[1].place(masks_at(points)).frame
    assert np.linalg.norm(without.to_image([[255, 255]]) - whole.to_image([[255, 255]])) < 120


def test_a_region_with_its_own_roi_and_size():
    extra = schema.ExtraRoi(name="thumb", bones=("thumb",), anchors=("thumb",), size_px=600, size=1024)
    roi = rois(ROI, ("wrist",), (extra,), 512)[1]
    assert roi.size == 1024 and roi.roi.size_px == 600 and roi.roi.anchors == ("thumb",)
    assert roi.fineness == pytest.approx(1024 / 600)
    plain = rois(ROI, ("wrist",), (schema.ExtraRoi(name="thumb", bones=("thumb",), size_px=600),), 512)[1]
    assert plain.size == 608 and plain.roi.anchors == ROI.anchors


@pytest.mark.parametrize(
    ("refine", "words"),
    [
        ({"extra_rois": [TIPS]}, "set random_roi_probability"),
        ({"random_roi_probability": 0.4, "extra_rois": [schema.ExtraRoi(name="x", bones=("Capitate",))]}, "belongs to"),
        (
            {"random_roi_probability": 0.4, "extra_rois": [TIPS, schema.ExtraRoi(name="tips", bones=("Radius",))]},
            "same name",
        ),
    ],
)
def test_regions_that_cannot_work_are_refused(refine, words):
    with pytest.raises(ValueError, match=words):
        schema.Refine(**refine)


def test_only_the_bones_that_are_asked_for_are_returned():
    known = rois(ROI, ("wrist",), (TIPS,), 512)
    (only,) = asked(known, select("Capitate,Trapezoid"), random_rois=False)
    assert only.returned == select("Capitate,Trapezoid") and only.bones == CARPALS
    first, more = asked(known, select("Capitate,forearm"), random_rois=True)
    assert first.returned == (INDEX["Capitate"],) and more.returned == select("forearm") and more.margin is not None
    with pytest.raises(HandboneError, match="not around Radius, Ulna"):
        asked(known, select("forearm"), random_rois=False)


def test_roaming_rois_lie_around_any_visible_bone():
    masks = masks_at(hand_points())
    polygons, first = masks.polygons(), rois(ROI, ("wrist",), (), 64)[0]
    frame, rng = first.place(masks).frame, np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        moved = moved_to_a_bone(frame, polygons, rng)
        assert moved.scale == pytest.approx(frame.scale)
        grid = moved.to_grid(masks.centroids_xy())
        inside = ((grid > 14) & (grid < 50)).all(1)
        assert inside.any()
        seen |= set(np.flatnonzero(inside).tolist())
    assert seen == set(range(COUNT))


def test_two_regions_refine_their_own_bones_and_leave_the_others():
    points = hand_points(unit=260.0, at=np.array([520.0, 900.0]), noise=0.0)
    points[INDEX["Pisiform"]] += 0.3 * (points[INDEX["Pisiform"]] - points[INDEX["Capitate"]])
    image, ground_truth = disc_image(points, (1300, 1100), 9)
    settings = MethodSettings(refiner={"extra_rois": (TIPS,), "random_rois": True})
    method = TwoStage(Stage(DiscReader(shrinks=1), 1024), Stage(DiscReader(), 512), settings)
    outcome = method.predict(image)
    assert set(outcome.frames) == {"wrist", "tips"}
    assert {d.roi for d in outcome.decisions} == {"wrist", "tips"}
    before, after = outcome.coarse.threshold(), outcome.final.threshold()
    for bone in range(COUNT):
        better = np.count_nonzero(after.mask(bone) ^ ground_truth.mask(bone)) < np.count_nonzero(
            before.mask(bone) ^ ground_truth.mask(bone)
        )
        assert bool(better) is (bone in CARPALS or bone in select(TIPS.bones))
