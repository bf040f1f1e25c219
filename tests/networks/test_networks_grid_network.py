"""Logits of networks come out as the plainest code gives them, to the last bit."""

import numpy as np
import pytest
import torch
from weights_small import MODEL

from handbone.core.errors import ShapeError
from handbone.training.inference import Predictor
from handbone.weights.network_file import build_network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network(MODEL, 1).eval()


def plainly(network, image, *, half):
    """(29, H, W) of (1, H, W)."""
    batch = torch.from_numpy(image)[None].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        return network(batch).float().contiguous().numpy()[0]


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_one_image_and_its_mirror(network, precision):
    predictor = Predictor(network, precision, device="cpu")
    image = np.random.default_rng(1).random((1, 64, 96), np.float32)
    there = plainly(network, image, half=precision == "bf16")
    np.testing.assert_array_equal(predictor.logits(image), there)
    back = plainly(network, np.ascontiguousarray(image[..., ::-1]), half=precision == "bf16")[..., ::-1]
    np.testing.assert_array_equal(predictor.logits(image, flip=True), (there + back) / 2)


def test_a_batch_is_its_images_one_by_one(network):
    predictor = Predictor(network, "32", device="cpu")
    batch = np.random.default_rng(2).random((3, 1, 64, 64), np.float32)
    single = np.stack([predictor.logits(image) for image in batch])
    np.testing.assert_allclose(predictor(batch), single, atol=1e-5)


def test_an_image_without_channels_is_refused(network):
    with pytest.raises(ShapeError, match=r"\(C, H, W\)"):
        Predictor(network, "32", device="cpu").logits(np.zeros((64, 64), np.float32))
