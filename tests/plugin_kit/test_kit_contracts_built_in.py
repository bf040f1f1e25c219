"""handbone's own networks, losses, ensemblers and so on keep the contracts that it holds plugins to."""

import pytest
from prompters_small import write_checkpoint

import handbone.formats.hooks
import handbone.method.ensembling.hooks
import handbone.networks.architectures.hooks
import handbone.networks.losses.hooks
import handbone.networks.optimisers
import handbone.networks.prompters.hooks
from handbone.plugin_kit.contracts import (
    EnsemblerContract,
    LossContract,
    ModelContract,
    OptimiserContract,
    PrompterContract,
    ReaderContract,
    SchedulerContract,
    WriterContract,
)
from handbone.plugin_kit.contracts.running import run_contract
from handbone.plugin_kit.contracts.toys import write_toy_image
from handbone.plugins import registry

pytestmark = pytest.mark.slow


class TestUnet(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "unet"
    settings = {"encoder": "resnet18"}
    sizes_hw = ((64, 64), (96, 64))


class TestUnetPlusPlusWithLite0(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "unetplusplus"
    settings = {"encoder": "tf_efficientnet_lite0"}
    sizes_hw = ((64, 64), (96, 64))


class TestPan(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "pan"
    settings = {"encoder": "resnet18"}


class TestFusion(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "unetplusplus_fusion"
    settings = {"encoder": "resnet18"}
    in_channels = (30,)


class TestMaskDenoiser(ModelContract):
    plugin = handbone.networks.architectures.hooks
    name = "mask_denoiser"
    sizes_hw = ((64, 64), (96, 64))
    in_channels = (1, 29)


@pytest.mark.parametrize(
    ("contract", "plugin"),
    [
        (LossContract, handbone.networks.losses.hooks),
        (EnsemblerContract, handbone.method.ensembling.hooks),
        (OptimiserContract, handbone.networks.optimisers),
        (SchedulerContract, handbone.networks.optimisers),
        (WriterContract, handbone.formats.hooks),
    ],
)
def test_all_of_a_kind(contract, plugin):
    names = [each.spec.name for each in registry().provided(contract.kind) if each.package == "handbone"]
    assert names
    for name in names:
        found = run_contract(type(name, (contract,), {"plugin": plugin, "name": name}))
        assert [each for each in found if each.state != "passed"] == [], name


class TestClassWise(EnsemblerContract):
    plugin = handbone.method.ensembling.hooks
    name = "class_wise"
    settings = {"choices": {"wrist": "a"}}


class TestImages(ReaderContract):
    plugin = handbone.formats.hooks
    name = "image"

    @pytest.fixture(autouse=True)
    def _sample(self, tmp_path):
        type(self).sample = write_toy_image(tmp_path / "sample.png")


class TestSegmentAnything(PrompterContract):
    plugin = handbone.networks.prompters.hooks
    name = "segment_anything"

    @pytest.fixture(autouse=True)
    def _checkpoint(self, tmp_path):
        write_checkpoint(tmp_path / "small.pth")
        type(self).settings = {"checkpoint": str(tmp_path / "small.pth")}
