"""What a plugin builds that is not what its spec promises is an error that names the thing, its package and version."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from handbone.anatomy import COUNT
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.radiograph import Radiograph
from handbone.plugins import (
    EnsemblerSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    OptimiserSpec,
    PluginManager,
    PrompterSpec,
    ReaderSpec,
    WeightsSpec,
    WriterSpec,
    hookimpl,
)


def got(spec):
    """What a recipe that names the spec gets."""

    class Plugin:
        pass

    hook = {"loss": "losses", "weights": "weights"}.get(spec.kind, f"{spec.kind}s")
    plugin = Plugin()
    setattr(plugin, f"handbone_{hook}", hookimpl(lambda: [spec]))
    plugins = PluginManager(entry_points=False)
    plugins.register(plugin, package="handbone-liar", version="1.2")
    assert not plugins.problems
    return plugins.get(spec.kind, spec.name)


def lies(spec, *arguments, **settings):
    """The sentence of the error that building gives."""
    given, values = got(spec)
    with pytest.raises(HandboneError) as error:
        given.build(values, *arguments, **settings)
    assert f"the {spec.kind} 'x' of handbone-liar 1.2 " in str(error.value)
    return str(error.value)


def loss(build):
    return LossSpec(name="x", summary="", build=build)


class Net(nn.Module):
    """Gives what it is told to give."""

    def __init__(self, give):
        super().__init__()
        self.scale, self.give = nn.Parameter(torch.ones(())), give

    def forward(self, image):
        return self.give(image * self.scale)


def network(give):
    spec, settings = got(ModelSpec(name="x", summary="", build=lambda settings, *, in_channels, classes: Net(give)))
    return spec.build(settings, in_channels=1, classes=29)


def right(x):
    return x.expand(-1, 29, -1, -1)


@pytest.mark.parametrize(
    ("give", "sentence"),
    [
        (lambda x: x, r"returns logits of shape \(2, 1, 32, 32\) instead of \(2, 29, 32, 32\)"),
        (lambda x: right(x)[..., ::2, ::2], r"shape \(2, 29, 16, 16\)"),
        (lambda x: [right(x)], "does not return a tensor of logits, but a list"),
        (lambda x: right(x) > 0, "is not a floating-point type"),
    ],
)
def test_a_network_with_wrong_logits_fails_at_its_first_image(give, sentence):
    with pytest.raises(HandboneError, match=f"the model 'x' of handbone-liar 1.2 .*{sentence}"):
        network(give)(torch.ones(2, 1, 32, 32))


def test_a_right_network_is_looked_at_once_and_can_be_copied():
    net = network(right)
    assert net(torch.ones(2, 1, 32, 32)).shape == (2, 29, 32, 32)
    assert copy.deepcopy(net)(torch.ones(1, 1, 8, 8)).shape == (1, 29, 8, 8)
    assert pickle.loads(pickle.dumps(net))(torch.ones(1, 1, 8, 8)).shape == (1, 29, 8, 8)
    assert set(net.state_dict()) == {"scale"}


def test_what_is_no_module_or_cannot_be_built():
    model = ModelSpec(name="x", summary="", build=lambda settings, **_: lambda image: image)
    assert "is not a torch.nn.Module, but a function" in lies(model, in_channels=1, classes=29)
    model = ModelSpec(name="x", summary="", build=lambda settings: nn.Identity())
    assert "cannot be built (TypeError" in lies(model, in_channels=1, classes=29)
    assert "is not a torch.nn.Module, but a NoneType" in lies(loss(lambda settings: None))
    optimiser = OptimiserSpec(name="x", summary="", build=lambda settings, groups: groups)
    assert "is not a torch.optim.Optimizer, but a list" in lies(optimiser, [])
    prompter = PrompterSpec(name="x", summary="", build=lambda settings: SimpleNamespace(size=4, embed=print))
    assert "has no 'mask_size' and no 'encoder_id'" in lies(prompter)
    writer = WriterSpec(name="x", summary="", build=lambda settings, *, folder: SimpleNamespace(write=print))
    assert "has no 'close'" in lies(writer, folder=None)
    weights = WeightsSpec(name="x", summary="", build=lambda settings: "nowhere")
    assert "are not in a folder: 'nowhere'" in lies(weights)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (lambda x: x, r"does not return a scalar tensor, but a tensor of the shape \(2, 29, 4, 4\)"),
        (lambda x: 1.0, "does not return a scalar tensor, but a float"),
        (lambda x: x.sum() * float("nan"), "returns nan on its first batch"),
        (lambda x: x.detach().sum(), "returns a value without a gradient"),
    ],
)
def test_a_loss_with_a_wrong_value_fails_at_its_first_batch(value, sentence):
    class Wrong(nn.Module):
        def forward(self, logits, target):
            return value(logits)

    spec, settings = got(loss(lambda settings: Wrong()))
    logits = torch.ones(2, 29, 4, 4, requires_grad=True)
    with pytest.raises(HandboneError, match=f"the loss 'x' of handbone-liar 1.2 {sentence}"):
        spec.build(settings)(logits, logits.detach())


def test_an_ensembler_has_to_give_probabilities_of_the_same_size():
    def member(size):
        return BoneProbabilities.from_crops([(np.zeros((0, 0), np.float32), (0, 0, 0, 0))] * COUNT, size)

    def join(give):
        spec, settings = got(EnsemblerSpec(name="x", summary="", build=lambda settings: give))
        return spec.build(settings)({"a": member((8, 9)), "b": member((8, 9))})

    assert join(lambda members: members["a"]).size_hw == (8, 9)
    with pytest.raises(HandboneError, match=r"returns an image of size \(4, 4\) instead of its members' \(8, 9\)"):
        join(lambda members: member((4, 4)))
    with pytest.raises(HandboneError, match="does not return BoneProbabilities, but a dict"):
        join(lambda members: members)
    with pytest.raises(HandboneError, match=r"the ensembler 'x' of handbone-liar 1.2 failed .KeyError: 'c'"):
        join(lambda members: members["c"])
    assert "does not build a function, but an int" in lies(
        EnsemblerSpec(name="x", summary="", build=lambda settings: 1)
    )


def test_a_reader_and_a_metric(tmp_path):
    spec, settings = got(ReaderSpec(name="x", summary="", extensions=(".x",), build=lambda settings: lambda path: path))
    with pytest.raises(HandboneError, match=r"the reader 'x' .*does not return a Radiograph of a.x, but a PosixPath"):
        spec.build(settings)(tmp_path / "a.x")
    image = Radiograph(np.zeros((2, 2), np.float32), False, 8)
    spec, settings = got(ReaderSpec(name="x", summary="", extensions=(".x",), build=lambda s: lambda path: image))
    assert spec.build(settings)(tmp_path / "a.x") is image
    for metrics, sentence in ((np.zeros(3), r"but float64 of \(3,\)"), ([0.0] * COUNT, "but a list")):
        spec, settings = got(
            MetricSpec(name="x", summary="", build=lambda s, f=metrics: lambda ground_truth, predicted: f)
        )
        with pytest.raises(
            HandboneError,
            match=f"the metric 'x' .*does not return an array of 29 numbers, one for each bone, {sentence}",
        ):
            spec.build(settings)(None, None)
