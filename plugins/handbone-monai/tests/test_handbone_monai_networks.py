"""MONAI's networks through handbone's hooks."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import handbone_monai
import pytest
import torch
from monai.networks import nets
from torch import nn

from handbone.core.errors import HandboneError
from handbone.plugin_kit.contracts import ModelContract
from handbone.plugins import registry
from handbone.recipe.schema import Choice

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
SMALL = {
    "monai_basic_unetplusplus": {"features": [8, 8, 8, 16, 16, 8]},
    "monai_unet": {"channels": [8, 8, 16], "strides": [2, 4]},
    "monai_attention_unet": {"channels": [8, 8, 16], "strides": [2, 4]},
    "monai_segresnet": {"init_filters": 8},
}


def build(name, *, in_channels=1, **settings):
    spec, settings = registry().get("model", Choice(name=name, provider="handbone-monai", **settings))
    return spec.build(settings, in_channels=in_channels, classes=29)


def test_the_installed_entry_point_is_this_module():
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups == {"handbone": {"monai": handbone_monai.__name__}}
    assert {entry.name: entry for entry in entry_points(group="handbone")}["monai"].load() is handbone_monai
    ours = [provided for provided in registry().provided("model") if provided.package == "handbone-monai"]
    assert [provided.spec.name for provided in ours] == sorted(SMALL)


class TestBasicUNetPlusPlus(ModelContract):
    plugin = handbone_monai
    name = "monai_basic_unetplusplus"
    settings = SMALL[name]


class TestUNet(ModelContract):
    plugin = handbone_monai
    name = "monai_unet"
    settings = SMALL[name]


class TestAttentionUnet(ModelContract):
    plugin = handbone_monai
    name = "monai_attention_unet"
    settings = SMALL[name]


class TestSegResNet(ModelContract):
    plugin = handbone_monai
    name = "monai_segresnet"
    settings = SMALL[name]


@pytest.mark.parametrize("name", SMALL)
def test_every_bone_starts_rare(name):
    torch.manual_seed(0)
    network = build(name, **SMALL[name]).eval()
    with torch.inference_mode():
        assert 0.002 < torch.sigmoid(network(torch.rand(1, 1, 64, 64))).mean() < 0.05


def test_basic_unetplusplus_is_monais_with_its_features():
    theirs = nets.BasicUNetPlusPlus(spatial_dims=2, in_channels=1, out_channels=29).eval()
    ours = build("monai_basic_unetplusplus").eval()
    own = ours.core.network.state_dict()
    ours.core.network.load_state_dict({name: value for name, value in theirs.state_dict().items() if name in own})
    image = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(ours(image), theirs((image - ours.mean) / ours.deviation)[0])


def test_unet_and_segresnet_have_monais_parameters():
    unet = nets.UNet(2, 1, 29, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
    segresnet = nets.SegResNet(2, 16, 1, 29)
    ours = {"monai_unet": build("monai_unet"), "monai_segresnet": build("monai_segresnet", init_filters=16)}
    for theirs, name in ((unet, "monai_unet"), (segresnet, "monai_segresnet")):
        assert ours[name].core.network.state_dict().keys() == theirs.state_dict().keys()


def test_settings_reach_the_network():
    small = SMALL["monai_basic_unetplusplus"]
    network = build("monai_basic_unetplusplus", **small, norm="batch", act="gelu", dropout=0.3).train()
    has = [any(isinstance(part, kind) for part in network.modules()) for kind in (nn.BatchNorm2d, nn.GELU, nn.Dropout)]
    assert has == [True, True, True]
    assert not any(isinstance(part, nn.InstanceNorm2d | nn.LeakyReLU) for part in network.modules())
    image = torch.rand(1, 1, 32, 32)
    assert not torch.equal(network(image), network(image)), "dropout differs from call to call"
    assert not any("residual" in name for name, _ in build("monai_unet", num_res_units=0).named_modules())


def test_sizes_that_do_not_come_out_even_are_one_sentence():
    network = build("monai_unet", channels=[8, 8, 8, 8, 8, 8, 8], strides=[2, 2, 2, 2, 2, 2])
    assert network(torch.rand(1, 1, 128, 192)).shape[-2:] == (128, 192)
    for side in (64, 96):
        with pytest.raises(HandboneError, match=rf"reads sides of 128, 192, 256 .* but {side} x {side} came; choose"):
            network(torch.rand(1, 1, side, side))


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("monai_unet", {"strides": [2, 2]}, "5 channels need 4 strides, but 2 came"),
        ("monai_unet", {"chanels": [8, 8]}, r"unknown setting 'chanels' \(did you mean 'channels'"),
        ("monai_basic_unetplusplus", {"features": [8, 8]}, "features = .*at least 6"),
        ("monai_basic_unetplusplus", {"norm": "layer"}, "norm = 'layer'.*'instance' or 'batch'"),
        ("monai_segresnet", {"init_filters": 12}, "init_filters = 12.*multiple of 8"),
        ("monai_segresnet", {"blocks_down": [1, 2]}, "blocks_down of 2 levels needs blocks_up of 1, but 3 came"),
    ],
)
def test_mistakes_are_named(name, settings, sentence):
    with pytest.raises(HandboneError, match=sentence):
        build(name, **settings)
