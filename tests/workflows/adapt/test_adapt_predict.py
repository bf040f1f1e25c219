"""The shipped network as teacher, on a small grid: what it contours in a radiograph that it has to find its way in."""

import numpy as np
import pytest

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.evaluation.metrics import dice_contest
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage
from handbone.training.inference import Predictor
from handbone.weights import DEFAULT, find
from handbone.workflows.adapt.pseudo_masks import outline

SETTINGS = MethodSettings(find_hand=256)


@pytest.fixture(scope="module")
def teacher():
    return Stage(Predictor(find(DEFAULT).files["coarse"]), 256)


def test_an_upside_down_hand_is_outlined_nearly_as_it_is(teacher, hand):
    image = np.rot90(hand.image, 2).astype(np.float32) / 255
    masks = outline(teacher, SETTINGS, np.ascontiguousarray(image))
    assert masks.usable and len(masks.dropped) < 8
    kept = [bone for bone in range(COUNT) if bone not in masks.dropped]
    found, sure, possible = (
        BoneMasks.from_polygons({bone: masks.polygons[n * COUNT + bone] for bone in kept}, image.shape)
        for n in range(3)
    )
    ground_truth = BoneMasks.from_dense(np.rot90(hand.masks.dense(), 2, (1, 2)))
    assert dice_contest(ground_truth, found)[kept].mean() > 0.85
    assert (sure.areas()[kept] < possible.areas()[kept]).all()


def test_without_a_hand_there_is_nothing_to_outline(teacher):
    noise = np.random.default_rng(0).normal(0.3, 0.05, (300, 200)).astype(np.float32).clip(0, 1)
    assert outline(teacher, SETTINGS, noise) is None
