"""The training of the shipped networks on one GPU, here with tiny ones on the CPU: it is killed, continued and done."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.synthetic import draw_hand
from handbone.weights.network_file import load_weights

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "zero_shot_gpu"
sys.path += [str(FOLDER), str(ROOT / "tests" / "weights")]
from draw import drawing, fill, label_bits, record_type  # noqa: E402
from feeding import Feeder  # noqa: E402
from ring import Ring  # noqa: E402
from sampling import places, read_images, read_labels  # noqa: E402
from settings import Settings  # noqa: E402
from weights_small import MODEL, save  # noqa: E402
from workers import Drawers  # noqa: E402

NETWORKS = ("coarse", "refiner", "prior")
# A machine that is lent for minutes has torch and little else; handbone is a folder there.
ABSENT = ("albumentations", "lightning", "pandas", "scipy", "matplotlib", "pycocotools", "openpyxl", "jinja2")
BARE = f"""import importlib.metadata, runpy, sys
version = importlib.metadata.version
def absent(name):
    if name == "handbone":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = absent
sys.modules.update(dict.fromkeys({ABSENT}))
sys.path.insert(0, {str(FOLDER)!r})
runpy.run_path({str(FOLDER / "train.py")!r}, run_name="__main__")
"""


def command(folder, **options):
    options = {
        "out": folder / "out", "start": folder / "start", "networks": ",".join(NETWORKS), "workers": 1, "ring": 6,
        "first": 3, "batch-coarse": 2, "batch-refiner": 2, "batch-prior": 2, "norm-batches": 3, "save-every": 1,
    } | options  # fmt: skip
    flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-c", BARE, *flags]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def until(condition, process=None, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with what is left of a training that was killed and continued, and its state when it was killed."""
    folder = tmp_path_factory.mktemp("trained")
    for seed, stage in enumerate(("coarse", "refiner")):
        save(folder / "start" / f"{stage}.safetensors", stage, seed=seed)
    with subprocess.Popen(
        command(folder, seconds=600), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until((folder / "out" / "state.pt").exists, process)
        process.kill()
    try:
        # Its workers notice by themselves.
        until(lambda: gone(process.pid), seconds=60)
    finally:
        if not gone(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    killed = torch.load(folder / "out" / "state.pt", weights_only=True)
    assert not (folder / "out" / "coarse.safetensors").exists()
    again = command(folder, seconds=killed["elapsed"] + 2, resume=True)
    done = subprocess.run(again, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, killed


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_killed_training_continues_and_writes_weights_that_handbone_loads(trained, name):
    folder, killed = trained
    network, card = load_weights(folder / "out" / f"{name}.safetensors")
    before = killed["networks"][name]
    rows = list(csv.DictReader((folder / "out" / "log.csv").open()))
    assert card.stage == name
    assert card.training["samples"] == int(rows[-1][f"{name}_samples"]) > before["samples"] > 0
    assert card.training["hands"] == int(rows[-1]["hands"]) > killed["drawn"]
    # The steps were those of the averaged network, in half precision.
    weights, old = dict(network.named_parameters()), before["averaged"]
    moved = [(value - old[f"module.{key}"]).abs().max() for key, value in weights.items()]
    assert 1e-4 < max(moved) < 0.2
    image = torch.rand(1, card.in_channels, card.size, card.size)
    assert torch.isfinite(network(image)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_batch_norm_statistics_are_those_of_the_averaged_network(trained, name):
    network, _ = load_weights(trained[0] / "out" / f"{name}.safetensors")
    layers = [part for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {int(layer.num_batches_tracked) for layer in layers} == {3}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "error"),
    [({}, "holds a training; give --resume"), ({"resume": True, "rate": 0.1}, "was trained with another --rate")],
)
def test_a_state_is_neither_overwritten_nor_continued_with_other_settings(trained, options, error):
    done = subprocess.run(command(trained[0], **options), env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert error in done.stderr


@pytest.mark.slow
def test_the_fusion_is_trained_with_the_networks_of_a_folder(tmp_path):
    model = MODEL.model_copy(update={"name": "unetplusplus"})
    for seed, stage in enumerate(("coarse", "refiner")):
        save(tmp_path / "start" / f"{stage}.safetensors", stage, model=model, seed=seed)
    options = {"networks": "fusion", "seconds": 1, "batch-fusion": 2}
    done = subprocess.run(command(tmp_path, **options), env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    network, card = load_weights(tmp_path / "out" / "refiner.safetensors")
    assert card.model.name == "unetplusplus_fusion" and card.in_channels == 30 and card.training["steps"] >= 1
    trunk, _ = load_weights(tmp_path / "start" / "refiner.safetensors")
    for name, tensor in trunk.state_dict().items():
        assert torch.allclose(network.trunk.state_dict()[name].float(), tensor.float(), rtol=1e-3, atol=1e-3), name
    assert network.fusion.unet.head.weight.abs().max() > 0


def test_the_fusion_learns_alone():
    with pytest.raises(ValidationError, match="from networks that learn no more"):
        Settings(out="out", networks="coarse,fusion")


def test_a_record_holds_the_hand_as_its_frames_say():
    side = 128
    kind = record_type(side)
    hands = np.zeros(3, kind)
    for seed, hand in enumerate(hands):
        fill(hand, np.random.default_rng(seed), 1.0)
    device = torch.device("cpu")
    planes = {name: torch.from_numpy(hands[name]) for name in ("full", "full_bits", "crop", "crop_bits")}
    index, generator = torch.arange(3), torch.Generator(device)
    views = []
    for plane, frame in (("full", "wrist_full"), ("crop", "wrist")):
        where = places(hands[frame], side, fineness=1, bend=0.0, generator=generator)
        views.append(read_labels(planes[f"{plane}_bits"], index, where, fineness=1))
    assert torch.isfinite(torch.from_numpy(hands["wrist"])).all()
    # The wrist through either image is the same wrist.
    whole, fine = views
    assert float(2 * (whole * fine).sum() / (whole + fine).sum()) > 0.85
    centre_xy = hands["centroids_xy"][0, 28]
    assert planes["full_bits"][0, int(centre_xy[1]), int(centre_xy[0])] >> 28 & 1


def test_labels_and_images_lie_where_the_frame_puts_them():
    hand = draw_hand(5, size=256)
    frame = Frame.around((120.0, 140.0), 110.0, 96, degrees=20.0)
    matrices = frame.inverse_matrix[None]
    where = places(matrices, 96, fineness=1, bend=0.0, generator=torch.Generator())
    bits, radiograph = torch.from_numpy(label_bits(hand.masks))[None], torch.from_numpy(hand.image)[None]
    index = torch.zeros(1, dtype=torch.long)
    image = read_images(radiograph, index, where, fineness=1)[0, 0].numpy()
    assert np.abs(image - frame.warp(hand.image) / 255).max() < 0.02
    polygons = {bone: [frame.to_grid(one) for one in each] for bone, each in hand.masks.polygons().items()}
    expected = torch.from_numpy(coverage(polygons, size_hw=(96, 96), outline=frame.scale)).float() / 255
    for fineness in (1, 2):
        where = places(matrices, 96, fineness=fineness, bend=0.0, generator=torch.Generator())
        assert (read_labels(bits, index, where, fineness=fineness)[0] - expected).abs().mean() < 2e-3


def test_for_the_prior_alone_no_radiograph_is_drawn():
    kind, draw = drawing(("prior",), 512, 0.5)
    assert set(kind.names) == {"canonical", "has_canonical"} and kind.itemsize < 2**21
    hand = np.zeros(1, kind)[0]
    draw(hand, np.random.default_rng(3))
    assert hand["has_canonical"] and (hand["canonical"] > 127).any((1, 2)).sum() > 20
    all_fields, _ = drawing(("coarse", "prior"), 128, 0.5)
    assert all_fields == record_type(128)


def test_no_more_hands_are_taken_than_asked_for():
    kind, draw = drawing(("prior",), 512, 1.0)
    with Drawers(1, kind=kind, draw=draw, seed=(5,)) as drawers:
        taken = [int(hand["has_canonical"]) for hand in drawers.take(1, wait=True)]
        until(lambda: drawers._ready.qsize() > 2)
        assert len(taken) == 1 and len(list(drawers.take(2))) == 2 and list(drawers.take(0)) == []


def a_ring(count):
    ring = Ring(count, np.dtype([("canonical", np.uint8, (1, 2, 2)), ("has_canonical", np.bool_)]), torch.device("cpu"))
    hands = np.zeros(3 * count, [("canonical", np.uint8, (1, 2, 2)), ("has_canonical", np.bool_)])
    hands["canonical"] += np.arange(3 * count, dtype=np.uint8)[:, None, None, None]
    hands["has_canonical"] = True
    return ring, hands


def test_hands_that_are_about_to_be_replaced_are_not_read():
    ring, hands = a_ring(8)
    ring.add(hands[:5])
    assert ring.canonical().tolist() == ring.steady().tolist() == [0, 1, 2, 3, 4]
    ring.add(hands[5:8])
    assert ring.canonical().tolist() == [2, 3, 4, 5, 6, 7]
    ring.add(hands[8:14])
    assert ring.steady().tolist() == [0, 1, 2, 3, 4, 5]
    ring.add(hands[14:15])
    assert ring.steady().tolist() == [1, 2, 3, 4, 5, 6]
    assert [int(ring.planes["canonical"][place].max()) for place in range(8)] == [8, 9, 10, 11, 12, 13, 14, 7]


class Hands:
    """Draws in no time."""

    def __init__(self, hands):
        self.hands, self.error = hands, None

    def take(self, most, *, wait):
        if self.error is not None:
            raise self.error
        for _ in range(most):
            yield self.hands[0]


def test_hands_come_in_beside_the_training_and_no_more_than_allowed():
    ring, hands = a_ring(4)
    drawers = Hands(hands)
    with Feeder(drawers, ring) as feeder:
        time.sleep(0.1)
        assert feeder.drawn == 0
        for allowed, expected in ((3, 3), (2, 5), (0, 5), (90, 95)):
            feeder.allow(allowed)
            until(lambda expected=expected: feeder.drawn >= expected, seconds=5)
            time.sleep(0.15)
            assert feeder.drawn == expected
        drawers.error = HandboneError("no worker that draws hands is left")
        feeder.allow(1)
        until(lambda: not feeder._thread.is_alive(), seconds=5)
        with pytest.raises(HandboneError, match="no worker that draws"):
            feeder.allow(1)
