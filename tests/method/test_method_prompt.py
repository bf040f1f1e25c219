"""The third stage, with a network that answers as it is told."""

import numpy as np
import pytest
import torch
from stages_hands import DiscReader, disc_image, hand_points

from handbone.anatomy import CARPALS, COUNT, INDEX, NAMES
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.method.calibration.gate import Gate
from handbone.method.prompt import predict_prompted
from handbone.method.roi_placement import place_roi
from handbone.method.settings import MethodSettings, PromptSettings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe import schema
from handbone.recipe.schema import Choice

CAPITATE, LUNATE = INDEX["Capitate"], INDEX["Lunate"]


def radiograph():
    points = hand_points(unit=260.0, at=np.array([520.0, 900.0]), noise=0.0, degrees=10.0)
    points[INDEX["Pisiform"]] += 0.3 * (points[INDEX["Pisiform"]] - points[CAPITATE])
    return disc_image(points, (1300, 1100), 9)


class Oracle:
    """Answers each prompt with the disc of the grey value under its first point, the whole grid, and nothing."""

    size, mask_size, encoder_id, decoder, points = 512, 256, "oracle", torch.nn.Identity(), True

    def __init__(self, nonsense=False):
        self.nonsense, self.embedded, self.asked = nonsense, 0, []

    def embed(self, grid):
        self.embedded += 1
        self.grid = grid
        return torch.zeros(1, 1, 1, 1)

    def candidates(self, embedding, prompts):
        self.asked.append(prompts)
        logits = torch.full((len(prompts), 3, self.mask_size, self.mask_size), -9.0)
        logits[:, 1] = 9.0
        for row, points in enumerate(prompts.points_xy):
            x, y = np.rint(points[0]).astype(int)
            disc = np.abs(self.grid - self.grid[y, x]) < 0.01
            logits[row, 0][torch.from_numpy(disc[::2, ::2])] = 9.0
        if self.nonsense:
            logits[:, 0] = -9.0
        return logits, torch.tensor([[0.7, 0.9, 0.2]]).expand(len(prompts), -1)


def settings(**more):
    return schema.Prompt(prompter=Choice(name="none"), **more)


def dice(one, other, bone):
    a, b = one.mask(bone), other.mask(bone)
    return 2 * np.count_nonzero(a & b) / max(np.count_nonzero(a) + np.count_nonzero(b), 1)


def method(prompter, refiner=None, gate=None, coarse=None, **more):
    # Discs of nine pixels change much when one pixel is repaired.
    chosen = MethodSettings(
        refiner=None if refiner is None else {},
        prompt=PromptSettings(prompt=settings(**{"min_agreement": 0.5, **more}), gate=gate),
    )
    return TwoStage(Stage(coarse or DiscReader(shrinks=1), 1024), refiner, chosen, prompter)


def current(image, misses=()):
    return TwoStage(Stage(DiscReader(shrinks=2, misses=misses), 1024)).predict(image).coarse


def test_the_roi_is_embedded_once_and_masks_come_back_in_the_images_pixels():
    image, ground_truth = radiograph()
    before = current(image)
    frame = place_roi(before.threshold(), schema.Roi(), 512).frame
    oracle = Oracle()
    prompted = predict_prompted(oracle, image, frame, before, bones=range(COUNT), settings=settings())
    assert oracle.embedded == 1 and sum(map(len, oracle.asked)) == len(prompted.answers) > 8
    assert max(map(len, oracle.asked)) == 8
    after = prompted.probabilities.threshold()
    for bone in CARPALS:
        assert dice(after, ground_truth, bone) > max(0.85, dice(before.threshold(), ground_truth, bone) + 0.1)
    answer = next(a for a in prompted.answers if a.bone == "Capitate")
    assert answer.candidate == 0 and answer.predicted_iou == pytest.approx(0.7) and 0.3 < answer.agreement < 0.9


def test_the_networks_own_estimate_alone_would_take_the_whole_grid():
    image, _ = radiograph()
    before = current(image)
    frame = place_roi(before.threshold(), schema.Roi(), 512).frame
    prompted = predict_prompted(Oracle(), image, frame, before, bones=[CAPITATE], settings=settings(iou_weight=1.0))
    assert prompted.answers[0].candidate == 1


def test_bones_without_a_mask_are_not_asked_for_and_nothing_is_embedded_for_nothing():
    image, _ = radiograph()
    before = current(image, misses=(CAPITATE,))
    frame = place_roi(before.threshold(), schema.Roi(), 512).frame
    prompted = predict_prompted(Oracle(), image, frame, before, bones=CARPALS, settings=settings())
    assert {a.bone for a in prompted.answers} == {NAMES[bone] for bone in CARPALS if bone != CAPITATE}
    assert not prompted.probabilities.threshold().present()[CAPITATE]
    oracle = Oracle()
    nothing = BoneProbabilities.from_dense(np.zeros((COUNT, *image.shape), np.float32))
    empty = predict_prompted(oracle, image, frame, nothing, bones=CARPALS, settings=settings())
    assert empty.answers == [] and oracle.embedded == 0 and not empty.probabilities.threshold().present().any()


def test_as_a_third_stage_it_changes_its_own_bones_and_says_so_apart_from_the_refiner():
    image, ground_truth = radiograph()
    stages = Stage(DiscReader(shrinks=1), 1024), Stage(DiscReader(shrinks=1), 512)
    outcome = method(Oracle(), stages[1], bones=("Capitate", "Lunate")).predict(image)
    plain = TwoStage(*stages, MethodSettings(refiner={})).predict(image)
    assert [d.bone for d in outcome.prompt_decisions] == ["Capitate", "Lunate"]
    assert all(d.used for d in outcome.prompt_decisions)
    assert [d.bone for d in outcome.decisions] == [NAMES[bone] for bone in CARPALS]
    assert outcome.frames == plain.frames
    assert list(outcome.seconds) == ["coarse", "roi", "refine", "merge", "prompt"]
    final, before = outcome.final.threshold(), plain.final.threshold()
    for bone in range(COUNT):
        if bone in (CAPITATE, LUNATE):
            assert dice(final, ground_truth, bone) > dice(before, ground_truth, bone)
        else:
            assert np.array_equal(final.crops[bone], before.crops[bone])


def test_without_a_refiner_it_finds_its_own_roi():
    image, ground_truth = radiograph()
    outcome = method(Oracle()).predict(image)
    assert (
        outcome.frames["prompt"].fallback == "none" and outcome.decisions == [] and len(outcome.prompt_decisions) == 8
    )
    assert dice(outcome.final.threshold(), ground_truth, CAPITATE) > 0.85


def test_the_gate_refuses_nonsense():
    image, _ = radiograph()
    outcome = method(Oracle(nonsense=True), coarse=DiscReader(), iou_weight=1.0).predict(image)
    assert outcome.final == outcome.coarse
    assert [d.used for d in outcome.prompt_decisions] == [False] * 8
    assert {a.candidate for a in outcome.answers} == {1}
    with pytest.raises(HandboneError, match="no prompter"):
        TwoStage(Stage(DiscReader(), 64)).prompt(image, outcome)


def test_an_answer_has_to_agree_more_than_a_refined_mask():
    image, _ = radiograph()
    outcome = method(Oracle(), min_agreement=0.97).predict(image)
    assert not any(d.used for d in outcome.prompt_decisions)
    assert "agrees too little" in outcome.prompt_decisions[0].reason and "< 0.97" in outcome.prompt_decisions[0].reason


def test_the_calibrated_gate_decides_beside_the_limits():
    image, _ = radiograph()
    everything_degrades = Gate(coefficients=(9.0,) + (0.0,) * (4 + COUNT), threshold=0.5, images=10)
    nothing_degrades = everything_degrades.model_copy(update={"coefficients": (-9.0,) + (0.0,) * (4 + COUNT)})
    used = {}
    for name, gate in (("shut", everything_degrades), ("open", nothing_degrades), ("limits", None)):
        outcome = method(Oracle(), gate=gate).predict(image)
        used[name] = [d.used for d in outcome.prompt_decisions]
    assert not any(used["shut"]) and used["open"] == used["limits"] and any(used["open"])


def test_settings_survive_json():
    made = schema.Prompt(prompter=Choice(name="segment_anything", checkpoint="a.pth"), bones=("thumb",), tune={})
    recipe = schema.Recipe(name="x", prompt=made, roi=schema.Roi(size_px=700))
    kept = PromptSettings.from_recipe(recipe)
    assert PromptSettings.model_validate(kept.model_dump(mode="json", by_alias=True)) == kept
