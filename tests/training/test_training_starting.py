"""Where a network starts, and how a trained one is computed: files, sets, channels, devices, numbers."""

import numpy as np
import pytest
import torch
from torch import nn
from weights_small import MODEL, save

from handbone.anatomy import COUNT
from handbone.core.errors import HandboneError, ShapeError
from handbone.networks.grid_network import GridNetwork
from handbone.recipe.schema import Choice, Network
from handbone.training.inference import Predictor
from handbone.training.starting import built, ready_made, start, start_file
from handbone.weights.network_file import build_network

OTHER = Choice(**{**MODEL.model_dump(), "options": {"decoder_channels": [8, 8, 4]}})


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save(tmp_path_factory.mktemp("weights") / "coarse.safetensors", "coarse", seed=5)


def network(model=MODEL, weights=None):
    return Network(size=64, model=model, weights=None if weights is None else str(weights))


def test_without_weights_a_network_starts_anew_and_without_training_there_is_none():
    assert start_file(network(), 1, "coarse") is None
    torch.manual_seed(3)
    one = start(network(), 1, "coarse")
    torch.manual_seed(3)
    other = build_network(MODEL, 1)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    with pytest.raises(HandboneError, match=r"no weights are given, and train\.epochs = 0 needs matching weights"):
        ready_made(network(), 1, "coarse")


def test_a_file_of_the_same_network_brings_its_tensors(weights):
    assert (
        start_file(network(weights=weights), 1, "coarse")
        == weights
        == ready_made(network(weights=weights), 1, "coarse")
    )
    torch.manual_seed(5)
    expected = build_network(MODEL, 1).state_dict()
    for name, tensor in built(network(), 1, weights).state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_further_channels_start_without_influence(weights):
    wide, narrow = (built(network(), channels, weights).eval() for channels in (1 + COUNT, 1))
    image = torch.rand(1, 1, 64, 64)
    further = torch.cat([image, torch.rand(1, COUNT, 64, 64)], 1)
    with torch.inference_mode():
        torch.testing.assert_close(wide(further), narrow(image), atol=1e-4, rtol=1e-4)


def test_a_file_of_another_network_is_refused(weights):
    with pytest.raises(HandboneError, match="does not fit the network"):
        start(network(OTHER, weights), 1, "coarse")
    with pytest.raises(HandboneError, match=r"was trained with another network .*; set model to that network"):
        ready_made(network(OTHER, weights), 1, "coarse")
    with pytest.raises(HandboneError, match="was trained with another network"):
        ready_made(network(MODEL, weights), 1 + COUNT, "coarse")


@pytest.mark.parametrize("content", [b"", b"not a file of tensors", b"\x08" + bytes(7) + b"{}"])
def test_a_damaged_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    with pytest.raises(HandboneError, match="damaged"):
        start(network(weights=path), 1, "coarse")


class Ordered(nn.Module):
    """Each channel is the image times its number; a bias tells left from right."""

    def forward(self, image):
        scale = torch.arange(1.0, COUNT + 1, device=image.device).view(1, -1, 1, 1)
        ramp = torch.linspace(0, 1, image.shape[-1], device=image.device)
        return image[:, :1] * scale + ramp


@pytest.mark.parametrize("size", [(32, 32), (40, 24), (1, 7)])
@pytest.mark.parametrize("batch", [1, 3])
def test_logits_come_in_anatomy_order_and_in_one_piece_of_memory(size, batch):
    images = np.random.default_rng(0).random((batch, 1, *size), np.float32)
    found = Predictor(Ordered(), "32", device="cpu")(images)
    expected = Ordered()(torch.from_numpy(images)).numpy()
    assert found.shape == (batch, COUNT, *size) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert all(plane.flags.c_contiguous for plane in found)


def test_bfloat16_rounds_and_keeps_the_order():
    class Half(nn.Module):
        def forward(self, image):
            return Ordered()(image).to(torch.bfloat16)

    images = np.random.default_rng(1).random((1, 1, 16, 20), np.float32)
    found = Predictor(Half(), "bf16", device="cpu")
    expected = Ordered()(torch.from_numpy(images)).numpy()
    assert found.half and found(images).dtype == np.float32
    np.testing.assert_allclose(found(images), expected, rtol=1e-2)
    np.testing.assert_array_equal(found(images), Half()(torch.from_numpy(images)).float().numpy())


def test_a_mirrored_image_is_read_as_well_and_its_logits_are_turned_back():
    predictor = Predictor(Ordered(), "32", device="cpu")
    image = np.random.default_rng(2).random((1, 24, 32), np.float32)
    plain, both = (predictor.logits(image, flip=flip) for flip in (False, True))
    mirrored = predictor(np.ascontiguousarray(image[None, :, :, ::-1]))[0][..., ::-1]
    np.testing.assert_allclose(both, (plain + mirrored) / 2, rtol=1e-5, atol=1e-5)
    with pytest.raises(ShapeError, match=r"\(C, H, W\)"):
        predictor.logits(image[0])


def test_a_predictor_of_a_file_says_what_the_network_says(weights):
    predictor = Predictor(weights, "32", device="cpu")
    torch.manual_seed(5)
    network = build_network(MODEL, 1).eval()
    image = np.random.default_rng(3).random((1, 1, 64, 64), np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(predictor(image), expected, atol=2e-3)
    assert predictor.card.stage == "coarse" and predictor.card.model == MODEL and isinstance(predictor, GridNetwork)


def test_a_network_given_as_a_module_is_used_in_evaluation():
    module = nn.Sequential(nn.Dropout(0.9), Ordered()).train()
    predictor = Predictor(module, "32", device="cpu")
    image = np.ones((1, 1, 8, 8), np.float32)
    np.testing.assert_array_equal(predictor(image), predictor(image))
    assert predictor.card is None and not module.training


@pytest.mark.parametrize("device", ["no_such", "cuda:99", "meta2"])
def test_a_device_that_there_is_not_is_refused_by_name(device):
    if device.startswith("cuda") and torch.cuda.device_count() > 99:
        pytest.skip("there are a hundred")
    with pytest.raises(HandboneError, match=f"the device '{device}' cannot be used"):
        Predictor(Ordered(), device=device)
