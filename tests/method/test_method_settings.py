"""One frozen value that decides every mask beside the networks, and travels in their card."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from stages_hands import DiscReader
from weights_small import save

from handbone.anatomy import CARPALS, COUNT
from handbone.core.errors import HandboneError, UnknownNameError
from handbone.method.calibration.gate import Gate
from handbone.method.calibration.presence import Presence
from handbone.method.settings import MethodSettings, PromptSettings, RefinerSettings, read_settings
from handbone.method.two_stage import Stage, TwoStage
from handbone.recipe import schema
from handbone.weights.network_file import read_card

GATE = Gate(coefficients=(1.0, *[0.0] * (4 + COUNT)), threshold=0.25, images=30, gain=0.01, degraded=0.002)
PROMPT = schema.Prompt(prompter={"name": "none"})
FULL = MethodSettings(
    threshold=0.35,
    invert="yes",
    precision="32",
    flip_tta=True,
    views=("turned",),
    find_hand=64,
    postprocess=True,
    presence=Presence(coefficients=(0.0,) * 5, images=30, wrong_hidden=0.75),
    refiner=RefinerSettings(gate=GATE, roi=schema.Roi(size_px=700), flip_safe=False),
)


def test_everything_travels_in_the_card_of_the_coarse_network(tmp_path):
    save(tmp_path / "coarse.safetensors", "coarse", method=FULL)
    save(tmp_path / "refiner.safetensors", "refiner", seed=1)
    assert read_settings(tmp_path) == FULL
    method = TwoStage.from_path(tmp_path)
    assert method.settings == FULL and method.threshold == 0.35 and len(method.rois) == 1
    assert method.rois[0].roi.size_px == 700
    assert not method.coarse_stage.predictor.half and not method.refine_stage.predictor.half, "precision of the card"


def test_a_stage_whose_file_was_left_behind_is_left_out(tmp_path):
    path = save(tmp_path / "coarse.safetensors", "coarse", method=FULL)
    assert TwoStage.from_path(path).settings == FULL.model_copy(update={"refiner": None})
    assert TwoStage.from_path(tmp_path).refine_stage is None


def test_networks_that_do_not_belong_together_are_refused(tmp_path):
    save(tmp_path / "coarse.safetensors", "coarse", method=FULL.model_copy(update={"refiner": None}))
    save(tmp_path / "refiner.safetensors", "refiner", seed=1)
    with pytest.raises(HandboneError, match="network of the stage 'refiner', and no settings for it; take all files"):
        TwoStage.from_path(tmp_path)
    with pytest.raises(HandboneError, match="settings of the stage 'refiner', and no network for it"):
        TwoStage(Stage(DiscReader(), 64), settings=FULL)


def test_a_network_that_was_just_trained_is_used_by_the_defaults(tmp_path):
    save(tmp_path / "coarse.safetensors", "coarse")
    save(tmp_path / "refiner.safetensors", "refiner", seed=1)
    assert TwoStage.from_path(tmp_path).settings == MethodSettings(refiner=RefinerSettings())


def test_settings_of_another_version_are_refused(tmp_path):
    card = read_card(save(tmp_path / "coarse.safetensors", "coarse", method=FULL))
    for extra, words in (
        ({"coarse": {"find_hand": 64}}, "has no settings of the method"),
        ({"method": {"treshold": 0.35}}, r"cannot be read \(treshold: "),
    ):
        with pytest.raises(HandboneError, match=rf"{words}.*make the weights again"):
            MethodSettings.from_card(card.model_copy(update={"extra": extra}), where=tmp_path)


def test_a_recipe_says_all_of_it_before_anything_is_calibrated():
    recipe = schema.Recipe(
        name="r",
        data={"invert": "no"},
        predict={"threshold": 0.35, "find_hand": 256, "views": ["brightness"], "flip_tta": True, "precision": "32"},
        prompt=PROMPT,
        merge={"feather": 0.2},
    )
    settings = MethodSettings.from_recipe(recipe)
    assert (settings.threshold, settings.invert, settings.precision) == (0.35, "no", "32")
    assert (settings.find_hand, settings.postprocess) == (256, True)
    assert (settings.views, settings.flip_tta) == (("brightness",), True)
    assert settings.refiner.merge.feather == settings.prompt.merge.feather == 0.2
    assert settings.presence is settings.refiner.gate is settings.prompt.gate is None
    plain = MethodSettings.from_recipe(schema.Recipe(name="r", refine=None))
    assert plain.refiner is plain.prompt is plain.prior is None and not plain.postprocess
    assert MethodSettings.model_validate_json(settings.model_dump_json(by_alias=True)) == settings


def test_nothing_is_assigned_after_construction():
    method = TwoStage(Stage(DiscReader(), 64))
    for value in (method, method.settings, FULL.refiner):
        with pytest.raises((dataclasses.FrozenInstanceError, ValueError)):
            value.threshold = 0.1
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.settings = FULL
    variant = dataclasses.replace(method, settings=method.settings.but(threshold=0.3))
    assert (method.threshold, variant.threshold) == (0.5, 0.3)


def test_what_is_not_told_stays_as_the_weights_say():
    assert FULL.but(threshold=None, views=None, flip_tta=None, invert=None) == FULL
    changed = FULL.but(threshold=0.6, views=[], flip_tta=False, invert="auto")
    assert (changed.threshold, changed.views, changed.flip_tta, changed.invert) == (0.6, (), False, "auto")
    assert changed.refiner == FULL.refiner
    with pytest.raises(UnknownNameError, match="did you mean 'turned'"):
        FULL.but(views=["turnd"])
    with pytest.raises(ValueError, match="threshold"):
        FULL.but(threshold=1.5)


def test_accepting_everything_leaves_no_limit():
    settings = MethodSettings(
        presence=FULL.presence, refiner=FULL.refiner, prompt=PromptSettings(prompt=PROMPT, gate=GATE)
    )
    eager = settings.accepting_everything()
    assert eager.presence is eager.refiner.gate is eager.prompt.gate is None
    for limits in (eager.refiner.merge, eager.prompt.limits):
        assert limits.min_agreement == limits.area_ratio[0] == 0
        assert min(limits.area_ratio[1], limits.max_shift) > 1e6
    averaged = settings.model_copy(update={"refiner": RefinerSettings(merge=schema.Merge(share=0.6, feather=0.2))})
    merge = averaged.accepting_everything().refiner.merge
    assert (merge.share, merge.feather) == (0.6, 0.2), "how masks are merged stays"
    assert averaged.accepting_everything(share=0.45).refiner.merge.share == 0.45
    careful = schema.Merge(share=0.6, cautious_share=0.3)
    prompted = PromptSettings(prompt=PROMPT, merge=careful).limits
    assert (prompted.share, prompted.cautious_share) == (1.0, 0.0)
    assert eager.refiner.roi == FULL.refiner.roi and settings.prompt.limits.min_agreement == 0.9


def test_reading_them_waits_neither_for_torch_nor_for_scikit_learn():
    code = (
        "import sys; from handbone.method.settings import read_settings; read_settings('zero_shot'); "
        "print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_predicting_waits_for_no_library_that_only_other_work_needs():
    code = (
        "import sys, handbone.method.two_stage, handbone.cli.predict, handbone.workflows.predict\n"
        "others = ('torch', 'sklearn', 'scipy', 'pandas', 'jinja2', 'numba', 'matplotlib', 'openvino', 'onnxruntime')\n"
        "print([name for name in others if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_threshold_decides_masks_rois_and_the_gate():
    """A disc whose edge is faint: the lower threshold gives the larger mask in every stage."""

    class Faint(DiscReader):
        def logits(self, image, flip=False, within=None):
            wide = super().logits(image)
            core = DiscReader(shrinks=self.shrinks + 2).logits(image)
            # Inside .99, on the faint edge .4.
            return np.where(core > 0, 5.0, np.where(wide > 0, np.log(0.4 / 0.6), -9.0)).astype(np.float32)

    from test_method_two_stage import radiograph

    image, _ = radiograph()
    areas = {}
    for threshold in (0.35, 0.5):
        settings = MethodSettings(threshold=threshold, refiner={})
        outcome = TwoStage(Stage(Faint(), 1024), Stage(Faint(), 512), settings).predict(image)
        areas[threshold] = outcome.final.threshold(threshold).areas()
        assert all(decision.evidence.before > 0 for decision in outcome.decisions)
    assert (areas[0.35] > areas[0.5]).all() and (areas[0.35] > 1.2 * areas[0.5]).sum() == COUNT - len(CARPALS)
