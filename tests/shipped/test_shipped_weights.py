"""The weights in the package on hands that they never saw: drawn with seeds that no training takes."""

from dataclasses import replace

import numpy as np
import pytest

from handbone import weights
from handbone.anatomy import CARPALS, INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.evaluation.metrics import dice_contest
from handbone.method.quality_control import flags
from handbone.method.two_stage import TwoStage
from handbone.synthetic import draw_hand

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def method():
    return TwoStage.from_path(weights.DEFAULT)


def as_image(hand):
    return hand.image.astype(np.float32) / 255


def test_they_are_whole_and_small_enough_to_ship():
    shipped = weights.find(weights.DEFAULT)
    shipped.verify()
    assert shipped.origin == "shipped" and set(shipped.files) == {"coarse", "refiner"}
    assert shipped.size_bytes < 40e6
    assert shipped.licence == "Apache-2.0" and shipped.metrics and shipped.card.limits
    card = (shipped.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "medical" in card


@pytest.mark.parametrize("side", ["L", "R"])
def test_every_bone_of_an_adult_is_found_either_side_up(method, side):
    hand = draw_hand(20261123, size=1024, side=side, bent=False)
    for turns in (0, 2):
        outcome = method.predict(np.ascontiguousarray(np.rot90(as_image(hand), turns)))
        masks = outcome.final.threshold(method.threshold)
        ground_truth = hand.masks if not turns else type(hand.masks).from_dense(np.rot90(hand.masks.dense(), 2, (1, 2)))
        dice = dice_contest(ground_truth, masks)
        assert outcome.location.found and all(f.fallback == "none" for f in outcome.frames.values())
        assert dice.mean() > 0.88 and dice[list(CARPALS)].mean() > 0.85
        assert (outcome.location.thumb == "left") == (side == "R")


def test_what_is_not_in_the_image_is_not_guessed(method):
    hand = draw_hand(5, size=1024, bent=False)
    image = as_image(hand)
    wrist = int(hand.masks.centroids_xy()[CARPALS[2]][1])
    outcome = method.predict(np.ascontiguousarray(image[: wrist - 150]))  # fingers and metacarpals alone
    masks = outcome.final.threshold(method.threshold)
    assert masks.present()[list(CARPALS)].sum() <= 2
    assert "missing" in {flag.rule for flag in flags(outcome, masks)}


def test_an_image_without_a_hand_has_no_bones(method):
    noise = np.random.default_rng(0).normal(0.3, 0.05, (700, 500)).astype(np.float32).clip(0, 1)
    outcome = method.predict(noise)
    assert not outcome.location.found
    assert outcome.final.threshold(method.threshold).present().sum() <= 1


def perturbed(masks, how):
    """Coarse masks with one mistake at the Capitate."""
    capitate, lunate = CARPALS[2], CARPALS[5]
    if how == "missing":
        return masks.replace({capitate: np.zeros(masks.size_hw, bool)})
    if how == "swapped with the Lunate":
        return masks.replace({capitate: masks.mask(lunate), lunate: masks.mask(capitate)})
    return masks.replace({capitate: np.roll(masks.mask(capitate), 120, axis=0)})


@pytest.mark.parametrize("how", ["missing", "swapped with the Lunate", "far off"])
def test_a_wrong_capitate_in_the_coarse_masks_costs_no_other_bone_anything(method, how):
    """Neither what the refiner says, nor what is taken. What the gate takes with caution then still gains."""
    everything = replace(method, settings=method.settings.with_gates(None, None).accepting_everything(share=1.0))
    concerned = {CARPALS[2], CARPALS[5]} if how.startswith("swapped") else {CARPALS[2]}
    others, costs = [bone for bone in CARPALS if bone not in concerned], []
    for seed in (31, 32):
        hand = draw_hand(seed, size=1024, bent=seed % 2 == 0)
        masks = method.predict(as_image(hand)).coarse.threshold()
        clean, wrong = (BoneProbabilities.from_masks(each) for each in (masks, perturbed(masks, how)))

        def dice_and_shares(seen, coarse, hand=hand):
            outcome = seen.refine(as_image(hand), coarse)
            shares = {INDEX[decision.bone]: decision.share for decision in outcome.decisions}
            return dice_contest(hand.masks, outcome.final.threshold())[others], np.array([shares[b] for b in others])

        without, with_it = (dice_and_shares(everything, coarse)[0] for coarse in (clean, wrong))
        assert (with_it > without - 0.005).all()
        (before, shares), (after, now) = (dice_and_shares(method, coarse) for coarse in (clean, wrong))
        assert (after > before - 0.005)[now >= shares].all()
        assert (after >= dice_contest(hand.masks, masks)[others])[now < shares].all()
        costs.extend(before - after)
    assert np.mean(costs) < 0.002
