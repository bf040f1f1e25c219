"""handbone's contracts for plugins, and tests of this plugin's own behaviour."""

import numpy as np
import torch
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.plugin_kit.contracts import CommandContract, EnsemblerContract, LossContract, ModelContract
from typer.testing import CliRunner

import handbone_example


class TestUNet(ModelContract):
    plugin = handbone_example
    name = "example_unet"
    settings = {"width": 4}


class TestFocalTversky(LossContract):
    plugin = handbone_example
    name = "example_focal_tversky"


class TestMedian(EnsemblerContract):
    plugin = handbone_example
    name = "example_median"


class TestAreas(CommandContract):
    plugin = handbone_example
    name = "example-areas"


def test_it_is_registered_without_a_problem(plugin_manager):
    plugin_manager.register(handbone_example, package="mine")
    assert plugin_manager.problems == []
    assert plugin_manager.get("model", "example_unet")[1].width == 16


def test_the_loss_of_a_perfect_mask_is_close_to_zero(tiny_hand):
    target = torch.from_numpy(tiny_hand.masks.dense()).float()[None]
    spec = handbone_example.handbone_losses()[0]
    loss = spec.build(spec.settings())
    assert loss(40 * target - 20, target) < 1e-3 < loss(0 * target, target)


def test_the_median_is_that_of_numpy():
    planes = np.random.default_rng(0).random((3, 29, 20, 30)).astype(np.float32)
    members = {name: BoneProbabilities.from_dense(plane) for name, plane in zip("abc", planes, strict=True)}
    joined = handbone_example.handbone_ensemblers()[0].build(None)(members)
    assert np.abs(joined.dense() - np.median(planes, axis=0)).max() < 0.03


def test_areas_are_those_of_the_masks(tiny_run):
    from typer import Typer

    app = Typer()
    app.command()(handbone_example.handbone_commands()[0].build())
    done = CliRunner().invoke(app, [str(tiny_run / "predictions.csv"), "--bones", "Radius"])
    assert done.exit_code == 0 and "Radius" in done.output
