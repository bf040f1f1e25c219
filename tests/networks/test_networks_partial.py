"""A part of the grid is decoded to what the whole grid gives there, and the mirrored image is read where bones show."""

import copy

import numpy as np
import pytest
from torch import nn
from weights_small import SETTINGS, save

from handbone.core.box import Box
from handbone.networks.folding import for_prediction
from handbone.networks.grid_network import ABSENT, GridNetwork
from handbone.networks.partial import decoded_box, decodes_parts
from handbone.recipe.schema import Choice
from handbone.training.inference import Predictor
from handbone.weights.network_file import build_network

MODEL = Choice(name="unetplusplus", encoder_weights=None, **SETTINGS)
SIDE, BOX = 128, Box(40, 60, 70, 90)
IMAGE = np.random.default_rng(5).random((1, SIDE, SIDE), np.float32)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    path = tmp_path_factory.mktemp("partial") / "coarse.safetensors"
    return Predictor(save(path, "coarse", model=MODEL, logit=0.0), "32", device="cpu")


def test_a_part_is_what_the_whole_grid_gives_there(predictor):
    whole = predictor.logits(IMAGE)
    part, at = predictor.part(IMAGE[None], BOX)
    assert at == Box(24, 32, 88, 128) and part.shape == (29, *at.size_hw)
    asked = whole[:, *BOX.inside(Box.whole((SIDE, SIDE)))]
    np.testing.assert_allclose(part[:, *BOX.inside(at)], asked, atol=1e-4 * np.abs(whole).max())


def test_what_is_not_asked_for_is_absent(predictor):
    logits = predictor.logits(IMAGE, within=BOX)
    assert logits.shape == (29, SIDE, SIDE)
    _, at = predictor.part(IMAGE[None], BOX)
    asked = np.zeros((SIDE, SIDE), bool)
    asked[at.inside(Box.whole((SIDE, SIDE)))] = True
    assert (logits[:, ~asked] == ABSENT).all() and (logits[:, asked] != ABSENT).all()


def test_nothing_asked_for_is_not_read(predictor, monkeypatch):
    monkeypatch.setattr(predictor._module, "normalised", None)
    part, at = predictor.part(IMAGE[None], Box(0, 0, 0, 0))
    assert at.is_empty and part.shape == (29, 0, 0)


@pytest.mark.parametrize("size", [64, SIDE])
def test_a_box_that_reaches_everywhere_is_the_whole_grid(predictor, size):
    assert decoded_box(predictor._module, Box(10, 10, size - 10, size - 10), (size, size)) == Box.whole((size, size))


def test_few_sizes_are_decoded(predictor):
    corners = np.random.default_rng(1).integers(0, 480, (200, 2))
    boxes = [Box(x, y, x + 30, min(y + 200, 512)) for x, y in corners.tolist()]
    decoded = [decoded_box(predictor._module, box, (512, 512)) for box in boxes]
    assert {each.size_hw for each in decoded} <= {(high, wide) for high in (128, 256, 384) for wide in (128,)}
    for box, at in zip(boxes, decoded, strict=True):
        assert at.left % 8 == at.top % 8 == 0 and at.shared(Box.whole((512, 512))) == at and box.shared(at) == box


class Halves(GridNetwork):
    """Gives parts; sees a bone in dark pixels, and in the mirrored image a stronger one everywhere."""

    def __init__(self):
        self.asked = []

    def __call__(self, batch):
        raise AssertionError("the whole grid was read")

    def part(self, batch, box):
        self.asked.append(box)
        mirrored = len(self.asked) > 1
        seen = np.where(batch[0, 0] < 0.5, 4.0, 2.0 if mirrored else -8.0).astype(np.float32)
        return np.repeat(seen[None, *box.inside(Box.whole(seen.shape))], 29, 0), box


def test_the_mirrored_image_is_read_where_the_first_pass_shows_bones():
    image = np.ones((1, 32, 48), np.float32)
    image[0, 10:20, 5:12] = 0
    image[0, 12:14, 8:10] = 1  # inside the box, and no bone in the first pass
    network = Halves()
    logits = network.logits(image, flip=True)
    assert network.asked == [Box(0, 0, 48, 32), Box(48 - 12, 10, 48 - 5, 20)]
    assert (logits[:, 10:12, 5:12] == 4).all() and (logits[:, 12:14, 8:10] == -3).all()
    logits[:, 10:20, 5:12] = -8
    assert (logits == -8).all()


def test_networks_that_look_at_the_whole_map_are_not_cut():
    network = build_network(MODEL, 1).eval()
    assert decodes_parts(for_prediction(copy.deepcopy(network), 1)) and not decodes_parts(network)
    attention = MODEL.model_copy(update={"options": {**SETTINGS["options"], "decoder_attention_type": "scse"}})
    assert not decodes_parts(for_prediction(build_network(attention, 1).eval(), 1))
    assert not decodes_parts(nn.Conv2d(1, 29, 1))
