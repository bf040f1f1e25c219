"""Loading a network imports nothing of torch's compiler, which is there for those who use it; and draws no weights."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from handbone.networks.unfilled import Unfilled

pytestmark = pytest.mark.usefixtures("one_thread")
LOADING = """
import sys, torch
from handbone.weights import find_weights
from handbone.weights.network_file import load_weights
network, card = load_weights(find_weights("zero_shot")[0])
with torch.inference_mode():
    network(torch.zeros(1, 1, 64, 64))
assert not {"torch._dynamo", "sympy"} & sys.modules.keys(), "the compiler was imported"
from timm.models.naflexvit import disable_compiler
import torchvision.ops
compiled = torch.compile(lambda x: x + 1, backend="eager")
assert compiled(torch.ones(2)).tolist() == [2, 2]
assert sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu") is True
"""


@pytest.mark.slow
def test_a_network_is_loaded_without_the_compiler_which_works_afterwards():
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_openvino_is_imported_without_its_converters_which_work_afterwards():
    """In a process of its own, as this one may have imported it."""
    code = (
        "import sys; from handbone.networks.light_imports import import_openvino as it; openvino = it()\n"
        "assert openvino is it() and not {'openvino.tools.ovc', 'openvino_telemetry'} & sys.modules.keys()\n"
        "openvino.Core()\n"
        "from openvino.tools import ovc; ovc.convert_model = lambda *given, **named: (given, named)\n"
        "assert openvino.convert_model(1, input=2) == ((1,), {'input': 2})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_was_decorated_asks_the_compiler_once_it_is_called():
    from handbone.networks.light_imports import _disable

    calls = []
    wrapped = _disable(lambda *given, **named: calls.append((given, named)) or 7)
    assert not calls and wrapped(1, of=2) == 7 and calls == [((1,), {"of": 2})]


def test_unfilled_networks_draw_nothing_and_others_do():
    state = torch.get_rng_state()
    with Unfilled(10**6):
        layer, scales = nn.Conv2d(3, 4, 3), nn.init.constant_(torch.empty(5), 0.25)
        nn.init.kaiming_normal_(layer.weight)
    assert layer.weight.shape == (4, 3, 3, 3) and torch.equal(torch.get_rng_state(), state)
    assert scales.tolist() == [0.25] * 5, "a buffer that no file holds"
    nn.Conv2d(3, 4, 3)
    assert not torch.equal(torch.get_rng_state(), state)
