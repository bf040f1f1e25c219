"""The coarse stage overfits four small synthetic hands, with the same engine, targets and store as any run."""

import numpy as np
import pytest

from handbone.data.grid_dataset import LabelledImage
from handbone.evaluation.metrics import dice_contest
from handbone.method.coarse import predict_coarse
from handbone.method.datasets import CoarseDataset
from handbone.recipe.schema import Choice, Coarse, Train
from handbone.synthetic import draw_hand
from handbone.training.engine import fit
from handbone.training.inference import Predictor

pytestmark = pytest.mark.slow
SIZE = 192


def test_four_synthetic_hands_are_learned_to_a_dice_above_95(tmp_path):
    hands = [draw_hand(seed, size=SIZE) for seed in range(4)]
    images = [
        LabelledImage(f"hand{n}.png", lambda h=hand: h.image, hand.masks.size_hw, hand.masks.polygons())
        for n, hand in enumerate(hands)
    ]
    network = Coarse(
        size=SIZE,
        model=Choice(name="unet", encoder="resnet18", encoder_weights="none"),
        train=Train(epochs=4, samples_per_image=35, batch_size=4, lr=3e-3, workers=0, precision="32"),
    )
    data = CoarseDataset(images, size=SIZE)
    result = fit(
        network=network,
        in_channels=1,
        train=data,
        validation=data,
        folder=tmp_path,
        seed=0,
        description="overfit",
        card={"stage": "coarse"},
    )
    predictor = Predictor(result.weights, "32")
    dice = [
        dice_contest(hand.masks, predict_coarse(predictor, hand.image.astype(np.float32) / 255, SIZE).threshold())
        for hand in hands
    ]
    assert np.mean(dice) > 0.95
