"""handbone's own networks, losses, ensemblers and so on keep the contracts that it holds plugins to."""

import sys
from pathlib import Path

import pytest

import handbone.data.hooks
import handbone.ensemble.hooks
import handbone.losses.hooks
import handbone.models.hooks
import handbone.prompters.hooks
import handbone.training.hooks
import handbone.writers.hooks
from handbone.plugins import registry
from handbone.plugins.testing import (
    EnsemblerContract,
    LossContract,
    ModelContract,
    OptimiserContract,
    PrompterContract,
    ReaderContract,
    SchedulerContract,
    WriterContract,
)
from handbone.plugins.testing.running import run_contract
from handbone.plugins.testing.toys import write_toy_picture

sys.path.append(str(Path(__file__).parents[1] / "prompters"))
from prompters_small import write_checkpoint


class TestUnet(ModelContract):
    plugin = handbone.models.hooks
    name = "unet"
    settings = {"encoder": "resnet18"}
    sizes_hw = ((64, 64), (96, 64))


class TestUnetPlusPlusWithLite0(ModelContract):
    plugin = handbone.models.hooks
    name = "unetplusplus"
    settings = {"encoder": "tf_efficientnet_lite0"}
    sizes_hw = ((64, 64), (96, 64))


class TestPan(ModelContract):
    plugin = handbone.models.hooks
    name = "pan"
    settings = {"encoder": "resnet18"}


class TestMaskDenoiser(ModelContract):
    plugin = handbone.models.hooks
    name = "mask_denoiser"
    sizes_hw = ((64, 64), (96, 64))
    in_channels = (1, 29)


@pytest.mark.parametrize(
    ("contract", "plugin"),
    [
        (LossContract, handbone.losses.hooks),
        (EnsemblerContract, handbone.ensemble.hooks),
        (OptimiserContract, handbone.training.hooks),
        (SchedulerContract, handbone.training.hooks),
        (WriterContract, handbone.writers.hooks),
    ],
)
def test_all_of_a_kind(contract, plugin):
    names = [each.spec.name for each in registry().provided(contract.kind) if each.package == "handbone"]
    assert names
    for name in names:
        found = run_contract(type(name, (contract,), {"plugin": plugin, "name": name}))
        assert [each for each in found if each.state != "passed"] == [], name


class TestClassWise(EnsemblerContract):
    plugin = handbone.ensemble.hooks
    name = "class_wise"
    settings = {"choices": {"wrist": "a"}}


class TestPictures(ReaderContract):
    plugin = handbone.data.hooks
    name = "picture"

    @pytest.fixture(autouse=True)
    def _sample(self, tmp_path):
        type(self).sample = write_toy_picture(tmp_path / "sample.png")


class TestSegmentAnything(PrompterContract):
    plugin = handbone.prompters.hooks
    name = "segment_anything"

    @pytest.fixture(autouse=True)
    def _checkpoint(self, tmp_path):
        write_checkpoint(tmp_path / "small.pth")
        type(self).settings = {"checkpoint": str(tmp_path / "small.pth")}
