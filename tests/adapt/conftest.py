"""Drawn radiographs in files, and the shipped weights as a set that reads only 256 pixels."""

import cv2
import pytest

from handbone.phantom import draw_hand
from handbone.training.weights import load_weights, save_weights
from handbone.weights import DEFAULT, find
from handbone.weights.card import seal


@pytest.fixture(scope="module", autouse=True)
def _small(one_thread):
    """All networks here are small."""


@pytest.fixture(scope="session")
def hand():
    """An adult's straight hand."""
    return draw_hand(3, size=512, bent=False, side="R")


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory):
    """A folder whose name and whose files' names must not travel with weights."""
    folder = tmp_path_factory.mktemp("clinic") / "of_doe"
    folder.mkdir()
    for number in (0, 2):
        cv2.imwrite(str(folder / f"doe_{number}.png"), draw_hand(900 + number, size=400, bent=False).image)
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The shipped coarse network and refiner on a small grid."""
    folder = tmp_path_factory.mktemp("base") / "small"
    for stage, path in find(DEFAULT).files.items():
        network, card = load_weights(path)
        extra = dict(card.extra)
        if stage == "coarse":
            extra["coarse"] = {**extra["coarse"], "find_hand": 256}
        card = card.model_copy(update={"size": 256, "extra": extra})
        save_weights(folder / f"{stage}.safetensors", network, card, half=True)
    seal(folder, name="small", licence="Apache-2.0", data="Synthetic hands.", limits=("Reads 256 pixels.",))
    return folder
