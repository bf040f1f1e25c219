"""Drawn radiographs in files, and a set of small untrained networks."""

import cv2
import pytest
import torch

from handbone.recipe.schema import Choice
from handbone.synthetic import draw_hand
from handbone.weights.card import seal
from handbone.weights.network_file import WeightsCard, build_network, save_weights

MODEL = Choice(name="unet", encoder="test_efficientnet", encoder_weights=None)


@pytest.fixture(scope="module", autouse=True)
def _small(one_thread):
    """All networks here are small."""


@pytest.fixture(scope="session")
def hand():
    """An adult's straight hand."""
    return draw_hand(3, size=512, bent=False, side="R")


@pytest.fixture(scope="session")
def network():
    """A network that sees no bone anywhere yet."""
    torch.manual_seed(0)
    return build_network(MODEL, 1)


@pytest.fixture(scope="session")
def radiographs(hand, tmp_path_factory):
    """A folder whose name and whose files' names must not travel with weights."""
    folder = tmp_path_factory.mktemp("clinic") / "of_doe"
    folder.mkdir()
    cv2.imwrite(str(folder / "doe_0.png"), hand.image)
    cv2.imwrite(str(folder / "doe_1.png"), hand.image[:, ::-1])
    return folder


@pytest.fixture(scope="session")
def base(network, tmp_path_factory):
    """A coarse network and a refiner as a set."""
    folder = tmp_path_factory.mktemp("base") / "small"
    for stage in ("coarse", "refiner"):
        card = WeightsCard(model=MODEL, in_channels=1, size=64, stage=stage)
        save_weights(folder / f"{stage}.safetensors", network, card, half=True)
    seal(folder, name="small", licence="Apache-2.0", data="Synthetic hands.", limits=("Reads 64 pixels.",))
    return folder
