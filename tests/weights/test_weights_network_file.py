import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from handbone.core.errors import HandboneError, ShapeError
from handbone.recipe.schema import Choice
from handbone.training.inference import Predictor
from handbone.weights.network_file import WeightsCard, build_network, load_weights, read_card, save_weights

MODEL = Choice(
    name="unet", encoder="resnet18", encoder_weights="imagenet", options={"decoder_channels": [32, 16, 8, 8, 8]}
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = build_network(MODEL, 1, pretrained=False)
    network.train()(torch.rand(2, 1, 64, 64))
    return network.eval()


@pytest.fixture
def card():
    return WeightsCard(model=MODEL, in_channels=1, size=64, stage="coarse", extra={"roi": {"size_px": 512.0}})


def test_what_is_saved_is_loaded(tmp_path, network, card):
    path = save_weights(tmp_path / "w.safetensors", network, card)
    loaded, same = load_weights(path)
    assert same == card == read_card(path) and not loaded.training
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(image), network(image))
    again = save_weights(tmp_path / "again.safetensors", loaded, card)
    assert again.read_bytes() == path.read_bytes()


def test_loading_needs_no_hub(tmp_path, network, card):
    # The card names ImageNet weights of a hub that this machine cannot reach; all tensors are in the file.
    load_weights(save_weights(tmp_path / "w.safetensors", network, card))


def test_the_card_is_plain_json_in_the_header(tmp_path, network, card):
    path = save_weights(tmp_path / "w.safetensors", network, card)
    with safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()["handbone"])
    assert header["model"] == MODEL.model_dump(by_alias=True) and header["bones"][21] == "Capitate"


def test_mistakes_are_named(tmp_path, network, card):
    with pytest.raises(HandboneError, match="no such weights file"):
        load_weights(tmp_path / "missing.safetensors")
    path = save_weights(tmp_path / "w.safetensors", network, card)
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:5000])
    with pytest.raises(HandboneError, match=r"cut.safetensors: is not a complete"):
        load_weights(tmp_path / "cut.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(HandboneError, match="no handbone card"):
        load_weights(tmp_path / "foreign.safetensors")
    wrong = card.model_copy(update={"model": Choice(name="unet", encoder="resnet34")})
    with pytest.raises(HandboneError, match="does not fit the network"):
        load_weights(save_weights(tmp_path / "wrong.safetensors", network, wrong))


def test_predictor_gives_the_networks_logits(tmp_path, network, card):
    predictor = Predictor(save_weights(tmp_path / "w.safetensors", network, card), "32", device="cpu")
    image = np.random.default_rng(0).random((1, 64, 64), np.float32)
    logits = predictor.logits(image)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)[None])[0].numpy()
    assert logits.dtype == np.float32 and logits.shape == (29, 64, 64)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    mirrored = predictor.logits(image[..., ::-1])[..., ::-1]
    np.testing.assert_allclose(predictor.logits(image, flip=True), (logits + mirrored) / 2, atol=1e-4)
    half = Predictor(network, "bf16", device="cpu").logits(image)
    assert half.dtype == np.float32 and np.abs(half - logits).max() < 0.1 * np.abs(logits).max()
    with pytest.raises(ShapeError, match="but got"):
        predictor.logits(image[0])
