"""The anatomical prior in the method: off without a network, in weights, recipes, flags, gate and presence."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from gate_trials import nested
from prior_hands import toy_hand

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.method.calibration.gate import CalibrationSample, Gate
from handbone.method.calibration.presence import Presence, features
from handbone.method.evidence import MergeEvidence
from handbone.method.prior.stage import PriorStage
from handbone.method.quality_control import flags
from handbone.method.settings import MethodSettings, PriorSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe.schema import Choice, Recipe
from handbone.runs.steps.order import STEPS
from handbone.weights import find_prior, pack, prior_file
from handbone.weights.network_file import WeightsCard, build_network, save_weights

sys.path.append(str(Path(__file__).parents[1] / "weights"))
from weights_small import save, write_run

TRIQUETRUM, PISIFORM, LUNATE = (anatomy.INDEX[name] for name in ("Triquetrum", "Pisiform", "Lunate"))


class Reader:
    """Stands in for a coarse network: says the same masks of every image."""

    def __init__(self, masks):
        self.masks = masks

    def logits(self, image, flip=False, within=None):
        return 16 * self.masks.astype(np.float32) - 8


def whole(_):
    return 16 * toy_hand().numpy() - 8


@pytest.fixture(scope="module")
def hand():
    return toy_hand().numpy() > 0.5


@pytest.fixture(scope="module")
def prior_weights(tmp_path_factory):
    choice = Choice(name="mask_denoiser")
    card = WeightsCard(model=choice, in_channels=29, size=256, stage="prior")
    return save_weights(tmp_path_factory.mktemp("prior") / "prior.safetensors", build_network(choice, 29), card)


def predict(masks, prior=None, **settings):
    if prior is not None:
        settings["prior"] = prior.settings
    network = None if prior is None else prior.logits
    stage = Stage(Reader(masks), masks.shape[-1])
    method = TwoStage(stage, settings=MethodSettings(**settings), prior_network=network)
    return method.predict(np.zeros(masks.shape[1:], np.float32))


def test_without_a_network_nothing_is_judged(hand):
    outcome = predict(hand)
    assert outcome.prior is None and "prior" not in outcome.seconds
    assert not {flag.rule for flag in flags(outcome, outcome.final.threshold())} & {"unlike", "expected"}
    assert Recipe(name="r").predict.prior is None


def test_exchanged_names_come_out_right_and_are_recorded_not_flagged(hand):
    wrong = hand.copy()
    wrong[[TRIQUETRUM, PISIFORM]] = hand[[PISIFORM, TRIQUETRUM]]
    outcome = predict(wrong, PriorStage(whole, PriorSettings(rename=True)))
    masks = outcome.final.threshold()
    assert np.array_equal(masks.dense(), hand)
    recorded = json.loads(json.dumps(outcome.prior.to_json()))
    assert sorted(recorded["renamed"]) == [["Pisiform", "Triquetrum"], ["Triquetrum", "Pisiform"]]
    assert not [flag for flag in flags(outcome, masks) if flag.rule == "unlike"]


def test_bones_out_of_place_and_bones_that_should_be_there_are_flagged(hand):
    wrong = hand.copy()
    wrong[LUNATE] = np.roll(hand[LUNATE], 8, axis=1)
    wrong[PISIFORM] = False
    outcome = predict(wrong, PriorStage(whole))
    found = {flag.rule: flag for flag in flags(outcome, outcome.final.threshold())}
    assert found["unlike"].bones == ("Lunate",) and "0." in found["unlike"].message
    assert found["expected"].bones == ("Pisiform",)


def test_its_weights_lie_beside_the_coarse_ones(tmp_path, prior_weights):
    folder = tmp_path / "run" / "weights"
    settings = MethodSettings(prior=PriorSettings(repair=("carpals",)))
    coarse = save(folder / "coarse.safetensors", "coarse", method=settings)
    assert find_prior(tmp_path / "run") is None
    assert TwoStage.from_path(tmp_path / "run").prior_stage is None
    (folder / "prior.safetensors").write_bytes(prior_weights.read_bytes())
    assert find_prior(tmp_path / "run") == find_prior(folder) == folder / "prior.safetensors"
    # A weights file alone is what it is.
    assert find_prior(coarse) is None and TwoStage.from_path(coarse).prior_stage is None
    method = TwoStage.from_path(tmp_path / "run")
    assert method.prior_stage.settings.repair == ("carpals",)
    assert method.prior_stage.agreement(BoneProbabilities.from_dense(toy_hand().numpy())).shape == (anatomy.COUNT,)
    (folder / "prior.safetensors").write_bytes(coarse.read_bytes())
    with pytest.raises(HandboneError, match="'coarse', not of an anatomical prior"):
        TwoStage.from_path(tmp_path / "run")


def test_sets_carry_it(tmp_path, prior_weights):
    run = write_run(tmp_path / "run", refiner=False)
    settings = MethodSettings(prior=PriorSettings(repair=("carpals",)))
    save(run / "weights" / "coarse.safetensors", "coarse", method=settings)
    (run / "weights" / "prior.safetensors").write_bytes(prior_weights.read_bytes())
    found = pack(run, tmp_path / "small", name="small")
    assert set(found.files) == {"coarse", "prior"}
    assert "mask_denoiser" in found.card.files["prior.safetensors"].network
    found.verify()
    assert found.files["prior"].stat().st_size < 4e6
    assert TwoStage.from_path(tmp_path / "small").prior_stage.settings.repair == ("carpals",)


def test_a_recipe_names_weights_that_have_one(tmp_path, prior_weights):
    assert prior_file(str(prior_weights)) == prior_weights
    run = write_run(tmp_path / "run", refiner=False)
    with pytest.raises(HandboneError, match=r"no anatomical prior; .*predict.prior = false"):
        prior_file(str(run))
    (run / "weights" / "prior.safetensors").write_bytes(prior_weights.read_bytes())
    assert prior_file(str(run)) == run / "weights" / "prior.safetensors"


def test_only_the_steps_that_use_it_are_done_again():
    assert {step.name for step in STEPS if "predict.prior" in step.counted} == {"calibration", "predictions", "report"}


def test_presence_learns_from_its_agreement_and_older_cards_still_work(hand):
    old = Presence.model_validate({"coefficients": (-2.0, 2.0, 0.0, 0.0, 0.0)})
    assert not old.needs_prior and old.of(BoneProbabilities.from_dense(hand.astype(np.float32))).min() > 0.9
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (4000, 5))
    right = rng.random(4000) < 1 / (1 + np.exp(-(0.5 + 2 * rows[:, 4])))
    fitted = Presence.fit([(rows, right)])
    assert fitted.needs_prior and fitted.coefficients[5] == pytest.approx(2.0, abs=0.2)
    assert Presence.model_validate_json(fitted.model_dump_json()) == fitted
    with pytest.raises(ValueError, match="5 features need 6"):
        Presence(features=fitted.features, coefficients=old.coefficients)


def test_a_mask_that_disagrees_is_likely_wrong(hand):
    wrong = hand.copy()
    wrong[LUNATE] = np.roll(hand[LUNATE], 8, axis=1)
    presence = {
        "features": ("sureness", "margin", "area", "stray", "prior"),
        "coefficients": (1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    }
    outcome = predict(wrong, PriorStage(whole), presence=presence)
    assert outcome.presence.argmin() == LUNATE
    agreement = outcome.prior.agreement
    table, _ = features(outcome.final, 0.5, agreement)
    assert table.shape == (anatomy.COUNT, 5)
    assert table[0, 4] == pytest.approx(np.log(agreement[0] / (1 - agreement[0])))
    with pytest.raises(HandboneError, match=r"calibrated with an anatomical prior.*prior\.safetensors"):
        predict(wrong, presence=presence)


def samples(count, *, judged):
    """Refined carpals of which the prior alone tells the harmful ones."""
    rng = np.random.default_rng(3)
    found = []
    for image in range(count):
        for bone in anatomy.CARPALS:
            bad = rng.random() < 0.3
            prior = {"prior_before": 0.9, "prior_after": 0.7 if bad else 0.95} if judged else {}
            evidence = MergeEvidence(0.9, 1.0, 0.02, 0.9, 0.9, **prior)
            found.append(CalibrationSample(image, bone, evidence, -0.05 if bad else 0.02))
    return found


def test_the_gate_learns_from_its_agreement_and_older_cards_still_work():
    blind, judged = (Gate.fit(samples(40, judged=judged), 40) for judged in (False, True))
    assert not blind.needs_prior and judged.needs_prior
    (gain, degraded), (less, _) = (nested(samples(40, judged=each), 40) for each in (True, False))
    assert gain > less + 0.005 and degraded == 0
    old = json.loads(blind.model_dump_json())
    del old["features"]
    old["coefficients"] = [*old["coefficients"][:5], *old["coefficients"][7:]]
    assert Gate.model_validate(old).features == ("agreement", "area", "shift", "sureness")
    with pytest.raises(ValueError, match="8 features"):
        Gate(features=judged.features, coefficients=blind.coefficients, threshold=0.5, images=4)
