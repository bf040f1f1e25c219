"""Exported networks in real files: both libraries compute what the file says, and refuse what they cannot read."""

import subprocess
import sys

import numpy as np
import pytest

from handbone.anatomy import COUNT
from handbone.core.box import Box
from handbone.core.errors import HandboneError, ShapeError
from handbone.networks import runtime
from handbone.networks.exported.fixed import INPUT, OUTPUT, NetworkOfSizes
from handbone.networks.exported.opening import open_exported
from handbone.networks.grid_network import ABSENT, GridNetwork

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'handbone[onnx]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install 'handbone[onnx]'")
pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'handbone[openvino]'")
RUNTIMES = ("onnx", "openvino")
SIZE_HW = (6, 8)
SCALES = np.linspace(-3, 3, COUNT, dtype=np.float32)


def write(path, size_hw=SIZE_HW, output=OUTPUT):
    """A network that gives bone b the image times SCALES[b], plus b."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    constants = [
        onnx.numpy_helper.from_array(values.reshape(1, COUNT, 1, 1), name)
        for name, values in (("scales", SCALES), ("shifts", np.arange(COUNT, dtype=np.float32)))
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", [INPUT, "scales"], ["scaled"]),
            helper.make_node("Add", ["scaled", "shifts"], [output]),
        ],
        "toy",
        [helper.make_tensor_value_info(INPUT, kind, [1, 1, *size_hw])],
        [helper.make_tensor_value_info(output, kind, [1, COUNT, *size_hw])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def expected(batch):
    return batch * SCALES[None, :, None, None] + np.arange(COUNT, dtype=np.float32)[None, :, None, None]


def images(count, seed=0, size_hw=SIZE_HW):
    return np.random.default_rng(seed).random((count, 1, *size_hw), np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("exported") / "coarse.onnx")


@pytest.fixture(scope="module", params=RUNTIMES)
def opened(request, file):
    return open_exported(file, SIZE_HW, runtime=request.param, precision="32", threads=1)


def test_a_file_computes_what_it_says(opened):
    batch = images(3)
    found = opened(batch)
    assert found.dtype == np.float32 and found.shape == (3, COUNT, *SIZE_HW) and not opened.half
    np.testing.assert_allclose(found, expected(batch), rtol=1e-5, atol=1e-5)


def test_an_array_that_came_is_not_written_to_by_the_next_call(opened):
    one, two = images(1, 1), images(1, 2)
    first = opened(one)
    kept = first.copy()
    opened(two)
    np.testing.assert_array_equal(first, kept)
    first += 1
    np.testing.assert_allclose(opened(one), kept, rtol=1e-6, atol=1e-6)


def test_the_mirrored_image_is_read_and_averaged(opened):
    image = images(1, 3)[0]
    there, back = (expected(each[None])[0] for each in (image, image[..., ::-1]))
    np.testing.assert_allclose(opened.logits(image, flip=True), (there + back[..., ::-1]) / 2, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 8, 6), (2, 1, 6, 7)])
def test_another_size_is_refused_with_the_file_s(opened, shape):
    with pytest.raises(ShapeError, match=r"\(N, C, 6, 8\)"):
        opened(np.zeros(shape, np.float32))


def test_files_of_several_sizes_are_one_network(tmp_path, file):
    other = write(tmp_path / "other.onnx", (4, 4))
    both = NetworkOfSizes(
        {
            SIZE_HW: open_exported(file, SIZE_HW, runtime="onnx", threads=1),
            (4, 4): open_exported(other, (4, 4), runtime="onnx", threads=1),
        }
    )
    for size_hw in (SIZE_HW, (4, 4)):
        batch = images(2, 4, size_hw)
        np.testing.assert_allclose(both(batch), expected(batch), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"not a network", None])
def test_a_damaged_or_missing_file_is_named_with_what_to_do(tmp_path, name, content):
    path = tmp_path / "coarse.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HandboneError, match=r"cannot read it \(.+\); export it again") as caught:
        open_exported(path, SIZE_HW, runtime=name)
    assert caught.value.where == str(path) and "\n" not in str(caught.value)


def test_half_a_file_is_refused(tmp_path, file):
    path = tmp_path / "coarse.onnx"
    path.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(HandboneError, match="ONNX Runtime cannot read it"):
        open_exported(path, SIZE_HW)


def test_onnx_runtime_refuses_bfloat16_before_it_opens_the_file(tmp_path):
    with pytest.raises(HandboneError, match="ask for bfloat16; use --runtime openvino, or weights whose precision"):
        open_exported(tmp_path / "nowhere.onnx", SIZE_HW, precision="bf16")


@pytest.mark.parametrize(("precision", "half"), [("bf16", True), ("32", False)])
def test_openvino_computes_in_the_precision_that_is_asked_for(file, precision, half):
    network = open_exported(file, SIZE_HW, runtime="openvino", precision=precision, threads=1)
    assert network.half is half
    np.testing.assert_allclose(network(images(1)), expected(images(1)), rtol=0.02, atol=0.1)


SIGNALLED = """
import pathlib, signal, sys
from handbone.networks.exported.opening import open_exported
came = []
signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
opened = [open_exported(pathlib.Path(sys.argv[1]), (6, 8), runtime="openvino", threads=1) for _ in range(3)]
while opened:
    del opened[0]
    signal.raise_signal(signal.SIGUSR1)
assert len(came) == 3
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_is_handled_although_networks_of_openvino_have_gone(file):
    """In a process of its own, which a wrong one ends: OpenVINO sets the stack for signals, and takes it away."""
    done = subprocess.run([sys.executable, "-c", SIGNALLED, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("asked", "limit", "threads"), [(3, 1, 3), (None, 2, 2), (None, None, None)])
def test_threads_are_those_asked_for_or_the_process_s_limit(monkeypatch, file, asked, limit, threads):
    given = {}

    class Taken(GridNetwork):
        def __init__(self, path, size_hw, **options):
            given.update(options, path=path, size_hw=size_hw)

        def __call__(self, batch):
            raise AssertionError

    monkeypatch.setattr("handbone.networks.exported.onnx.OnnxNetwork", Taken)
    monkeypatch.setattr(runtime, "_limits", [] if limit is None else [limit])
    open_exported(file, SIZE_HW, threads=asked)
    assert given == {"path": file, "size_hw": SIZE_HW, "precision": "auto", "threads": threads}


class Parts(GridNetwork):
    """Decodes the box that it is asked for, and remembers it; a pixel's logit is its column plus its value."""

    def __init__(self, seen_above=0.5):
        self.asked, self.seen_above = [], seen_above

    def __call__(self, batch):
        logits = np.full((len(batch), COUNT, *batch.shape[2:]), -40.0, np.float32)
        logits[:, 2] = np.where(batch[:, 0] > self.seen_above, 5 * batch[:, 0], -40)
        return logits

    def part(self, batch, box):
        self.asked.append(box)
        return self(batch)[0][:, *box.inside(Box.whole(batch.shape[2:]))].copy(), box


def spot(left, right):
    image = np.zeros((1, 10, 20), np.float32)
    image[0, 3:6, left:right] = 1
    return image


def test_outside_of_what_is_asked_for_logits_are_absent():
    network = Parts()
    found = network.logits(spot(4, 9), within=Box(2, 1, 12, 9))
    assert network.asked == [Box(2, 1, 12, 9)] and found.shape == (COUNT, 10, 20)
    inside = np.zeros((10, 20), bool)
    inside[1:9, 2:12] = True
    assert (found[:, ~inside] == ABSENT).all() and found[2, 4, 5] == 5


def test_the_mirrored_image_is_decoded_where_the_first_pass_shows_bones():
    network = Parts()
    found = network.logits(spot(4, 9), flip=True)
    # Columns 4 to 8 of twenty are 11 to 15 of the mirrored image.
    assert network.asked[1] == Box(11, 3, 16, 6)
    assert (found[2, 3:6, 4:9] == 5).all()
    nothing = Parts()
    nothing.logits(np.zeros((1, 10, 20), np.float32), flip=True)
    assert nothing.asked[1].is_empty
