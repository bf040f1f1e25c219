"""Networks that do not do what they say: the contract finds them out and says so in words."""

import pytest
import torch
from plugins_lying import complaints
from torch import nn

from handbone.plugin_kit.contracts import ModelContract
from handbone.plugins.specs import ModelSpec


class Honest(nn.Module):
    """A network with nothing to hide; lying plugins change one thing."""

    def __init__(self, in_channels, classes):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(in_channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.last = nn.Conv2d(8, classes, 1)

    def forward(self, image):
        return self.last(self.first(image))


class HalfSize(Honest):
    def forward(self, image):
        return super().forward(image)[..., ::2, ::2]


class Sigmoid(Honest):
    def forward(self, image):
        return super().forward(image).sigmoid()


class Double(Honest):
    def forward(self, image):
        return super().forward(image).double()


class NotANumber(Honest):
    def forward(self, image):
        return super().forward(image) / image.amax()


class Idle(Honest):
    def __init__(self, in_channels, classes):
        super().__init__(in_channels, classes)
        self.spare = nn.Linear(3, 3)


class Deaf(Honest):
    def forward(self, image):
        return (
            self.last(self.first(image) + 0 * self.first(image).detach())
            if not self.training
            else self.last(0 * self.first(image) + torch.rand_like(image[:, :1]).expand(-1, 8, -1, -1))
        )


class Moody(Honest):
    def forward(self, image):
        return nn.functional.dropout(super().forward(image), 0.5, training=True)


class Sociable(Honest):
    def forward(self, image):
        return super().forward(image) + image.mean()


class Forgetful(Honest):
    def __init__(self, in_channels, classes):
        super().__init__(in_channels, classes)
        self.shift = torch.rand(classes, 1, 1)

    def forward(self, image):
        return super().forward(image) + self.shift


class Scribbler(Honest):
    def forward(self, image):
        return super().forward(image.mul_(0.5))


class OneValue(Honest):
    def __init__(self, in_channels, classes):
        super().__init__(in_channels, classes)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8))

    def forward(self, image):
        deep = self.first(image)
        return self.last(deep + self.pool(deep))


def model(build):
    return ModelSpec(
        name="mine", summary="A network", build=lambda s, *, in_channels, classes: build(in_channels, classes)
    )


SMALL = {"sizes_hw": ((64, 64), (96, 64))}


def test_an_honest_network_passes():
    assert complaints(ModelContract, model(Honest), **SMALL) == {}


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (HalfSize, "logits must have the shape (1, 29, 64, 64), but got (1, 29, 32, 32)"),
        (Sigmoid, "must return logits, but its output is always in [0, 1], as after a sigmoid"),
        (Double, "logits must be float32, but got torch.float64"),
        (NotANumber, "logits of a black image must be finite, but"),
        (Idle, "gradients must reach every trainable parameter (use requires_grad_(False) for frozen ones), "
            "but none reaches spare.weight, spare.bias"),
        (Deaf, "but the gradient of first.0.weight is always zero"),
        (Moody, "in evaluation the same image must give the same logits, but they differ the second time"),
        (Sociable, "must not depend on its neighbours in the batch, but they differ by"),
        (Forgetful, "must return the same logits, but they differ; is some tensor neither a parameter nor a buffer?"),
        (Scribbler, "the network must not change its input, but it changed it"),
        (OneValue, "Expected more than 1 value per channel"),
        (lambda *_: print, "build must return a torch.nn.Module, but returned a builtin_function_or_method"),
    ],
)  # fmt: skip
def test_lying_networks_are_found_out(network, words):
    found = complaints(ModelContract, model(network), **SMALL)
    assert any(words in reason for reason in found.values()), found
