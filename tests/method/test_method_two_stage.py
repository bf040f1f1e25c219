"""Both stages together, with readers that stand in for trained networks."""

import numpy as np
import pytest
from gate_trials import constant_gate
from stages_hands import DiscReader, disc_image, hand_points

from handbone.anatomy import CARPALS, COUNT, INDEX, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.errors import HandboneError
from handbone.core.grid_logits import grid_box
from handbone.method.coarse import predict_coarse
from handbone.method.settings import MethodSettings, RefinerSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe import schema
from handbone.weights import find_weights

CAPITATE = INDEX["Capitate"]


def radiograph(**more):
    """A hand of discs that don't touch, in an image that is not square."""
    points = hand_points(**({"unit": 260.0, "at": np.array([520.0, 900.0]), "noise": 0.0, "degrees": 10.0} | more))
    # Where the pisiform lies on the triquetrum, one disc would hide the other.
    points[INDEX["Pisiform"]] += 0.3 * (points[INDEX["Pisiform"]] - points[INDEX["Capitate"]])
    return disc_image(points, (1300, 1100), 9)


def dice(one, other, bone):
    a, b = one.mask(bone), other.mask(bone)
    return 2 * np.count_nonzero(a & b) / max(np.count_nonzero(a) + np.count_nonzero(b), 1)


def wrist(outcome):
    return outcome.frames["wrist"]


def method(coarse=None, refiner=None, **settings):
    stages = Stage(coarse or DiscReader(shrinks=1), 1024), Stage(refiner or DiscReader(), 512)
    return TwoStage(*stages, MethodSettings(refiner=settings))


def test_coarse_masks_come_back_in_the_images_own_pixels():
    image, ground_truth = radiograph()
    masks = predict_coarse(DiscReader(), image, 1024).threshold(0.5)
    assert masks.size_hw == image.shape
    assert min(dice(masks, ground_truth, bone) for bone in range(COUNT)) > 0.9


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, -40])
def test_the_second_stage_sharpens_its_own_bones_and_leaves_the_others(degrees, mirrored):
    image, ground_truth = radiograph(degrees=degrees, mirrored=mirrored)
    outcome = method().predict(image)
    before, after = outcome.coarse.threshold(0.5), outcome.final.threshold(0.5)
    assert wrist(outcome).fallback == "none" and wrist(outcome).mirrored is mirrored
    assert [d.bone for d in outcome.decisions] == [NAMES[b] for b in CARPALS]
    for bone in range(COUNT):
        if bone in CARPALS:
            assert dice(after, ground_truth, bone) > max(0.93, dice(before, ground_truth, bone) + 0.05)
        else:
            assert np.array_equal(after.crops[bone], before.crops[bone])
    assert set(outcome.seconds) == {"coarse", "roi", "refine", "merge"}


def test_a_capitate_that_the_coarse_network_missed_is_found_by_the_refiner_and_costs_nobody():
    image, ground_truth = radiograph()
    outcome = method(coarse=DiscReader(misses=(CAPITATE,))).predict(image)
    after = outcome.final.threshold(0.5)
    assert wrist(outcome).fallback == "none" and wrist(outcome).missing == ("Capitate",)
    assert min(dice(after, ground_truth, bone) for bone in CARPALS) > 0.93


def test_without_any_coarse_mask_the_refiner_reads_the_whole_image():
    image, _ = radiograph()
    outcome = method(coarse=DiscReader(misses=range(COUNT))).predict(image)
    assert wrist(outcome).fallback == "whole" and wrist(outcome).reason
    # At that size it knows no bones: it adds none.
    assert not outcome.final.threshold().present().any() and not any(d.used for d in outcome.decisions)


def test_a_refiner_that_finds_nothing_changes_nothing():
    image, _ = radiograph()
    outcome = method(refiner=DiscReader(misses=range(COUNT))).predict(image)
    assert outcome.final == outcome.coarse
    assert not any(decision.used for decision in outcome.decisions)


def test_coarse_masks_reach_the_refiner_as_channels_in_its_roi():
    image, _ = radiograph()
    refiner = DiscReader()
    method(refiner=refiner, coarse=DiscReader(), coarse_channels=True).predict(image)
    (seen,) = refiner.seen
    assert seen.shape == (1 + COUNT, 512, 512) and seen.dtype == np.float32
    marks = np.abs(seen[0] * (COUNT + 1) - CAPITATE - 1) < 0.3
    assert seen[1 + CAPITATE][marks].mean() > 0.9
    method(refiner=(plain := DiscReader())).predict(image)
    assert plain.seen[0].shape == (1, 512, 512)


def test_the_second_stage_takes_anyones_coarse_masks():
    image, ground_truth = radiograph()
    foreign = np.zeros((COUNT, *image.shape), np.float32)
    for bone in range(COUNT):
        foreign[bone] = ground_truth.mask(bone)
    outcome = method().refine(image, BoneProbabilities.from_dense(foreign))
    assert all(decision.used for decision in outcome.decisions)
    with pytest.raises(HandboneError, match="no refiner"):
        TwoStage(Stage(DiscReader(), 64)).refine(image, outcome.coarse)


def test_caution_moves_the_outlines_of_masks_without_probabilities():
    """Discs that are too small become larger; a plain mean of two masks would leave them as they are."""
    image, _ = radiograph()
    coarse = method().predict(image).coarse.threshold(0.5)
    cautious = method(gate=constant_gate(0.3, 0.2, 0.4), merge=schema.Merge(share=1.0, cautious_share=0.45))
    outcome = cautious.refine(image, BoneProbabilities.from_masks(coarse))
    assert all(decision.share == 0.45 for decision in outcome.decisions)
    after, refined = outcome.final.threshold(0.5), method().predict(image).final.threshold(0.5)
    assert outcome.coarse.threshold(0.5) == coarse
    for bone in range(COUNT):
        if bone not in CARPALS:
            assert np.array_equal(after.crops[bone], coarse.crops[bone])
            continue
        smaller, larger, between = (np.sqrt(np.count_nonzero(m.mask(bone))) for m in (coarse, refined, after))
        assert (between - smaller) / (larger - smaller) > 0.3, NAMES[bone]
    # Probabilities that came with the masks are taken as they are.
    known = method().predict(image).coarse
    assert cautious.refine(image, known).coarse == known


def test_one_stage_alone():
    image, _ = radiograph()
    outcome = TwoStage(Stage(DiscReader(), 512)).predict(image)
    assert outcome.final is outcome.coarse and outcome.frames == {} and outcome.decisions == []


def test_settings_survive_json():
    recipe = schema.Recipe(name="x", roi=schema.Roi(size_px=700, anchors=("wrist",)), merge=schema.Merge(feather=0.2))
    settings = MethodSettings.from_recipe(recipe)
    assert MethodSettings.model_validate(settings.model_dump(mode="json")) == settings
    assert settings.refiner.roi.size_px == 700


def test_weights_are_found_in_runs_folders_and_files(tmp_path):
    folder = tmp_path / "run" / "weights"
    folder.mkdir(parents=True)
    with pytest.raises(HandboneError, match="no coarse"):
        find_weights(tmp_path / "run")
    coarse, refiner = folder / "coarse.safetensors", folder / "refiner.safetensors"
    coarse.touch()
    assert find_weights(tmp_path / "run") == (coarse, None)
    refiner.touch()
    assert find_weights(tmp_path / "run") == find_weights(folder) == (coarse, refiner)
    assert find_weights(coarse) == (coarse, None)
    with pytest.raises(HandboneError, match="no such file"):
        find_weights(tmp_path / "nothing")


@pytest.mark.parametrize(("flip", "flip_safe"), [(True, True), (True, False), (False, True)])
def test_a_refiner_that_knows_one_side_alone_is_not_shown_the_mirror_image(flip, flip_safe):
    class Noting(DiscReader):
        def logits(self, image, flip=False, within=None):
            flips.append(flip)
            return super().logits(image, flip)

    flips = []
    coarse, refiner = Stage(DiscReader(shrinks=1), 1024), Stage(Noting(), 512)
    settings = MethodSettings(flip_tta=flip, refiner={"flip_safe": flip_safe})
    TwoStage(coarse, refiner, settings).predict(radiograph()[0])
    assert flips == [flip and flip_safe]


@pytest.mark.parametrize("misses", [(), (INDEX["Lunate"],)])
def test_the_refiner_looks_around_coarse_masks_unless_one_is_missing(misses):
    class Noting(DiscReader):
        def logits(self, image, flip=False, within=None):
            asked.append(within)
            return super().logits(image, flip)

    asked = []
    image, ground_truth = radiograph()
    coarse, refiner = Stage(DiscReader(shrinks=1, misses=misses), 1024), Stage(Noting(), 512)
    outcome = TwoStage(coarse, refiner, MethodSettings(refiner={})).predict(image)
    [where] = outcome.frames.values()
    if misses:
        assert asked == [grid_box(where.frame, Box.whole(image.shape))]
        return
    [box] = asked
    points = where.frame.to_grid(ground_truth.centroids_xy()[list(CARPALS)])
    assert max(box.size_hw) < 512
    assert (points - 32 > box[:2]).all() and (points + 32 < box[2:]).all()


@pytest.mark.parametrize(
    ("flip", "mirror", "flip_safe"), [(0.5, True, True), (0.0, True, False), (0.0, False, True), (0.5, False, True)]
)
def test_a_refiner_knows_both_sides_where_it_was_shown_both(flip, mirror, flip_safe):
    """Its training mirrors ROIs at random, or the ROI is never turned to the one side."""
    refine = schema.Refine(augment=schema.Augment(flip=flip))
    recipe = schema.Recipe(name="r", refine=refine, roi=schema.Roi(mirror=mirror))
    assert RefinerSettings.from_recipe(recipe).flip_safe is flip_safe
