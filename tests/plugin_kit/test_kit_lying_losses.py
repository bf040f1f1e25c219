"""Losses that do not do what they say: the contract finds them out and says so in words."""

import pytest
import torch
from plugins_lying import complaints
from torch import nn

from handbone.plugin_kit.contracts import LossContract
from handbone.plugins.specs import LossSpec


class Plain(nn.Module):
    """Binary cross-entropy; lying plugins change one thing."""

    def forward(self, logits, target):
        return nn.functional.binary_cross_entropy_with_logits(logits, target)


class PerPixel(Plain):
    def forward(self, logits, target):
        return nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


class Detached(Plain):
    def forward(self, logits, target):
        return super().forward(logits.detach(), target)


class UpsideDown(Plain):
    def forward(self, logits, target):
        return -super().forward(logits, target)


class Softmax(Plain):
    def forward(self, logits, target):
        return -(target * logits.log_softmax(1)).mean() + 1e-3 * super().forward(logits, target)


class BareDice(Plain):
    def forward(self, logits, target):
        p = logits.sigmoid()
        return 1 - (2 * (p * target).sum((0, 2, 3)) / (p.sum((0, 2, 3)) * target.sum((0, 2, 3))).sqrt()).mean()


class Logarithm(Plain):
    def forward(self, logits, target):
        p = logits.sigmoid()
        return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


class HalfSums(Plain):
    def forward(self, logits, target):
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(logits, target)
        p = logits.sigmoid().half()
        t = target.half()
        return (1 - 2 * (p * t).cumsum(-1).sum(dtype=torch.half) / (p.sum() + t.sum() + 1)).float()


class Scribbler(Plain):
    def forward(self, logits, target):
        return super().forward(logits, target.mul_(0.5))


class Number(Plain):
    def forward(self, logits, target):
        return float(super().forward(logits, target))


class Double(Plain):
    def forward(self, logits, target):
        return super().forward(logits, target).double()


class Flat(Plain):
    def forward(self, logits, target):
        return 0 * super().forward(logits, target)


class Random(Plain):
    def forward(self, logits, target):
        return super().forward(logits, target) + 1e-3 * torch.rand(())


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (PerPixel, "must be a scalar, but got the shape (2, 29, 64, 64)"),
        (Detached, "the loss must be differentiable, but it has no gradient"),
        (Scribbler, "the loss must not change its inputs, but it changed one"),
        (Number, "must be a tensor, but got a float"),
        (Double, "must be float32, but got torch.float64"),
        (Flat, "the gradient of random logits must be finite and not zero, but it is not"),
        (Flat, "the ground truth must have a lower loss than the opposite, but has 0 against 0"),
        (UpsideDown, "the ground truth must have a lower loss than the opposite, but has"),
        (Softmax, "does it use a softmax over channels?"),
        (BareDice, "targets without bone and logits of 0 must be finite, but got nan"),
        (Logarithm, "must be finite, but got"),
        (HalfSums, "under torch.bfloat16 autocast must be finite, but got nan"),
        (Random, "must be the same for the same masks, but is"),
        (lambda: len, "build must return a torch.nn.Module"),
    ],
)
def test_lying_losses_are_found_out(loss, words):
    spec = LossSpec(name="mine", summary="A loss", build=lambda settings: loss())
    found = complaints(LossContract, spec)
    assert any(words in reason for reason in found.values()), found
