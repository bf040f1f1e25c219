"""Networks rewritten for prediction give the logits of the plain ones."""

import copy

import pytest
import torch
from torch import nn

from handbone.networks.architectures.bone_network import BoneNetwork
from handbone.networks.folding import for_prediction
from handbone.networks.upsampling import UpsampledBlock, UpsampledConvolution
from handbone.recipe.schema import Choice
from handbone.weights.network_file import build_network

SHAPE = (1, 1, 64, 64)
LITE = {"encoder": "test_efficientnet", "encoder_depth": 3, "options": {"decoder_channels": [8, 8, 8]}}


def with_statistics(network):
    """A network whose batch norms do something."""
    torch.manual_seed(3)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)
    return network.eval()


def of_kind(kind):
    return sum(isinstance(part, nn.BatchNorm2d) for part in kind.modules())


def differs(network, other, shape=SHAPE):
    torch.manual_seed(4)
    image = torch.rand(shape).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted, found = network(image), other(image)
    return float((wanted - found).abs().max() / wanted.abs().max())


@pytest.mark.parametrize(
    ("name", "settings", "blocks"),
    [("unet", LITE, 0), ("unetplusplus", LITE, 4), ("fpn", {"encoder": "resnet18"}, 0)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_logits_stay_the_same(name, settings, blocks):
    network = with_statistics(build_network(Choice(name=name, encoder_weights=None, **settings), 1))
    quick = for_prediction(copy.deepcopy(network), 1)
    assert of_kind(quick) == 0 < of_kind(network)
    assert differs(network, quick) < 1e-4
    assert sum(isinstance(part, UpsampledBlock) for part in quick.modules()) == blocks


def test_every_process_folds_alike():
    """Python gives the identity of a tensor that is gone to a later one; that must not decide what is folded."""
    model = Choice(name="unet", encoder="mobilenet_v2", encoder_weights=None)
    network = with_statistics(build_network(model, 1))
    folded = [of_kind(for_prediction(copy.deepcopy(network), 1)) for _ in range(8)]
    assert folded == [0] * 8


@pytest.mark.parametrize("channels", [2, 5])
def test_convolution_of_an_enlarged_map(channels):
    torch.manual_seed(0)
    plain = nn.Conv2d(5, 3, 3, padding=1)
    small, beside = torch.rand(2, channels, 4, 6), torch.rand(2, 5 - channels, 8, 12) if channels < 5 else None
    large = nn.functional.interpolate(small, scale_factor=2.0, mode="nearest")
    with torch.inference_mode():
        wanted = plain(large if beside is None else torch.cat([large, beside], 1))
        found = UpsampledConvolution(plain, channels)(small, beside)
    assert torch.allclose(found, wanted, atol=1e-6)


class _Read(nn.Module):
    """A network in which something else than the batch norm reads the convolution, too."""

    def __init__(self, twice):
        super().__init__()
        self.convolution, self.norm, self.twice = nn.Conv2d(1, 29, 3, padding=1), nn.BatchNorm2d(29), twice

    def forward(self, image):
        given = self.convolution(image)
        normal = self.norm(given)
        return {"adds": lambda: given + normal, "convolves": lambda: normal + self.convolution(image)}[self.twice]()


@pytest.mark.parametrize("twice", ["adds", "convolves"])
def test_what_others_read_is_not_folded(twice):
    network = with_statistics(BoneNetwork(_Read(twice), in_channels=1))
    quick = for_prediction(copy.deepcopy(network), 1)
    assert of_kind(quick) == 1
    assert differs(network, quick) == 0


class _Values(nn.Module):
    """A network whose course depends on values."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 29, 1), nn.BatchNorm2d(29))

    def forward(self, image):
        return self.layers(image) if float(image.mean()) > 0 else self.layers(-image)


class _OwnSize(nn.Module):
    """A network that reads images of one size only."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 29, 1), nn.BatchNorm2d(29))

    def forward(self, image):
        assert image.shape[2:] == (96, 96)
        return self.layers(image)


def test_a_network_of_another_size_stays_as_it_is():
    network = with_statistics(BoneNetwork(_OwnSize(), in_channels=1))
    quick = for_prediction(copy.deepcopy(network), 1)
    assert of_kind(quick) == 1
    assert differs(network, quick, (1, 1, 96, 96)) == 0


def test_a_network_that_needs_values_stays_as_it_is():
    network = with_statistics(BoneNetwork(_Values(), in_channels=1))
    quick = for_prediction(copy.deepcopy(network), 1)
    assert of_kind(quick) == 1
    assert differs(network, quick) == 0
