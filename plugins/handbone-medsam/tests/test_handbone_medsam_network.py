"""LiteMedSAM's image encoder as a network: its own features at its own size, any size, frozen or tuned."""

import handbone_medsam
import pytest
import torch
from handbone_medsam.network import EncoderOfOneSize
from handbone_medsam.weights import lite_medsam, packaged_tensors
from torch import nn

from handbone.core.errors import HandboneError
from handbone.plugin_kit.contracts import ModelContract
from handbone.plugins import PluginManager
from handbone.recipe.schema import Choice


def build(**settings):
    plugins = PluginManager(entry_points=False)
    plugins.register(handbone_medsam, package="handbone-medsam", version="0.1.0")
    spec, settings = plugins.get("model", Choice(name="litemedsam", **settings))
    return spec.build(settings, in_channels=1, classes=29)


class TestFrozen(ModelContract):
    """Tuned, the encoder takes 3 GB an image: below, one step of that."""

    plugin = handbone_medsam
    name = "litemedsam"
    settings = {"encoder_weights": "litemedsam", "freeze_encoder": True}
    sizes_hw = ((96, 64),)


def test_at_its_own_size_it_gives_litemedsams_own_embedding():
    network, theirs = build().eval(), lite_medsam()
    theirs.load_state_dict(packaged_tensors()[0])
    seen = []
    network.encoder.encoder.register_forward_hook(lambda module, given, came: seen.append(came))
    radiograph = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        network(radiograph)
        wanted = theirs.image_encoder.eval()(radiograph.expand(-1, 3, -1, -1))
    assert torch.allclose(seen[0], wanted, atol=1e-4)


def test_the_embedding_lies_where_the_image_does():
    class Mean(nn.Module):
        """An encoder whose embedding is the image, four times coarser."""

        img_size = 256

        def forward(self, image):
            assert image.shape[-2:] == (256, 256)
            return nn.functional.avg_pool2d(image, 4)

    radiograph = torch.zeros(1, 3, 512, 384)
    radiograph[..., 256:264, 128:136] = 1
    embedding = EncoderOfOneSize(Mean())(radiograph)
    assert embedding.shape == (1, 3, 64, 48)
    assert embedding[0, 0].argmax() == 32 * 48 + 16


def test_a_frozen_encoder_keeps_its_statistics():
    network = build(freeze_encoder=True).train()
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    network(torch.rand(2, 1, 64, 64)).mean().backward()
    assert all(torch.equal(value, before[name]) for name, value in network.encoder.state_dict().items())
    assert all(parameter.grad is None for parameter in network.encoder.parameters())


def test_a_tuned_encoder_gets_gradients_everywhere():
    network = build().train()
    network(torch.rand(1, 1, 64, 64)).square().mean().backward()
    idle = [name for name, value in network.named_parameters() if value.ndim > 1 and not value.grad.any()]
    assert idle == []


def test_weights_from_a_file_and_wrong_ones(tmp_path):
    source = {f"image_encoder.{name}": value for name, value in lite_medsam().image_encoder.state_dict().items()}
    torch.save(source, tmp_path / "own.pth")
    filled = build(encoder_weights=str(tmp_path / "own.pth")).encoder.encoder.state_dict()
    assert all(torch.equal(value, source[f"image_encoder.{name}"]) for name, value in filled.items())
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(HandboneError, match="choose weights of the same encoder"):
        build(encoder_weights=str(tmp_path / "other.pth"))
    with pytest.raises(HandboneError, match="freeze_encoder needs pretrained weights"):
        build(encoder_weights="none", freeze_encoder=True)
