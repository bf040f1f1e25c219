"""Whether exported networks may stay, and what a way of predicting that gives no result says of itself."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from handbone.anatomy import COUNT
from handbone.core.errors import HandboneError
from handbone.networks import runtime
from handbone.networks.grid_network import GridNetwork
from handbone.weights.exported import Parity
from handbone.workflows.bench import case as module
from handbone.workflows.bench.case import Case, Measured, measure
from handbone.workflows.export_model.parity import LEAST_DICE, _Recorder, compare, images, refuse_if_worse

# torchmetrics imports torchvision, which some CPU builds of torch lack operators for.
runtime.ensure_torchvision()
SIDE = 12


class Said(GridNetwork):
    """Says the logits that it is told, batch by batch."""

    def __init__(self, logits):
        self.logits_of, self.half = list(logits), True

    def __call__(self, batch):
        return self.logits_of.pop(0)[None]


def logits(seed, shape=(COUNT, SIDE, SIDE)):
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


BATCHES = [np.zeros((1, 1, SIDE, SIDE), np.float32)] * 3


def test_the_dice_of_an_export_is_torchmetrics_over_images_and_bones():
    from torchmetrics.functional.segmentation import dice_score

    wanted = [logits(seed) for seed in range(3)]
    got = [each + logits(seed + 9) / 9 for seed, each in enumerate(wanted)]
    found = compare(Said(wanted), Said(got), BATCHES)
    target, said = (torch.from_numpy(np.stack(each) >= 0).int() for each in (wanted, got))
    expected = dice_score(said, target, COUNT, average="none", input_format="one-hot").mean()
    assert found.dice == pytest.approx(float(expected)) and found.dice < 1 and found.images == 3
    assert found.max_difference == pytest.approx(max(np.abs(a - b).max() for a, b in zip(wanted, got, strict=True)))


def test_bones_that_neither_sees_are_alike_and_a_mask_out_of_nothing_is_not():
    nothing, one = np.full((COUNT, SIDE, SIDE), -9, np.float32), np.full((COUNT, SIDE, SIDE), -9, np.float32)
    one[3, 4, 5] = 0.0  # one half is in the mask
    assert compare(Said([nothing]), Said([nothing.copy()]), BATCHES[:1]) == Parity(max_difference=0, dice=1, images=1)
    assert compare(Said([nothing]), Said([one]), BATCHES[:1]).dice == pytest.approx((COUNT - 1) / COUNT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_is_as_far_off_as_can_be(value):
    wanted = logits(1)
    got = wanted.copy()
    got[0, 0, 0] = value
    found = compare(Said([wanted]), Said([got]), BATCHES[:1])
    assert found.max_difference == float(np.finfo(np.float32).max)
    json.dumps(found.model_dump(), allow_nan=False)


def parity(dice):
    return Parity.model_construct(max_difference=0.25, dice=dice, images=2)


def test_an_export_is_refused_below_the_least_dice_and_not_at_it():
    refuse_if_worse({"coarse": parity(LEAST_DICE), "refiner": parity(1.0)})
    for worse in (LEAST_DICE - 1e-6, 0.0, float("nan")):
        with pytest.raises(HandboneError, match=r"the exported refiner network .* logits off by up to 0.25"):
            refuse_if_worse({"coarse": parity(1.0), "refiner": parity(worse)})


def test_what_a_network_was_shown_stays_as_it_was():
    """The method may write into an array that it has shown."""
    recorder = _Recorder(Said([logits(1), logits(2)]))
    batch = np.ones((1, 1, SIDE, SIDE), np.float32)
    assert np.array_equal(recorder(batch), logits(1)[None]) and recorder.half
    batch[:] = 0
    recorder(batch[..., :6])
    assert [len(shown) for shown in recorder.shown.values()] == [1, 1]
    assert recorder.shown[1, 1, SIDE, SIDE][0].all()


def test_exports_are_compared_on_a_straight_and_a_bent_hand(monkeypatch):
    drawn = []

    def draw(seed, *, size, bent):
        drawn.append((seed, size, bent))
        return SimpleNamespace(image=np.full((2, 2), 255, np.uint8))

    monkeypatch.setattr("handbone.workflows.export_model.parity.draw_hand", draw)
    assert [image.dtype for image in images()] == [np.float32] * 2 and images()[0].max() == 1
    assert [bent for *_, bent in drawn[:2]] == [False, True] and len({seed for seed, *_ in drawn}) == 2


CASE = Case("onnx", "bf16", 3, "small", "hand.png", 2)


def answering(monkeypatch, *, stdout="", stderr="", code=0, error=None):
    asked = []

    def run(command, **options):
        asked.append((command, options))
        if error:
            raise error
        return SimpleNamespace(stdout=stdout, stderr=stderr, returncode=code)

    monkeypatch.setattr(module.subprocess, "run", run)
    return asked


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"stderr": "Traceback\n  File x\nValueError: no such thing\n", "code": 1}, "ValueError: no such thing"),
        ({"stderr": "\n", "code": -9}, "ended with exit code -9"),
        ({"stdout": "loading\n", "stderr": "killed", "code": 137}, "killed"),
        ({"error": subprocess.TimeoutExpired("x", 1)}, "took more than 1800 seconds"),
    ],
)
def test_a_way_without_a_result_says_why_and_costs_no_other(monkeypatch, said, error):
    answering(monkeypatch, **said)
    assert measure(CASE) == Measured("onnx", "bf16", 3, error=error)


def test_a_result_is_found_among_whatever_libraries_print(monkeypatch):
    made = {"runtime": "onnx", "precision": "bf16", "threads": 3, "image_seconds": 1.5, "pass_seconds": {"1": 0.2}}
    lines = ["warning: slow", *(f"handbone bench {json.dumps(made | {'threads': count})}" for count in (9, 3)), "bye"]
    asked = answering(monkeypatch, stdout="\n".join(lines), stderr="a library complains", code=0)
    assert measure(CASE) == Measured(**made)
    [(command, options)] = asked
    assert command[:3] == [sys.executable, "-m", "handbone.workflows.bench.case"] and options["timeout"] == 1800
    assert Case(**json.loads(command[3])) == CASE


def test_the_process_of_a_case_prints_its_result_or_the_sentence_of_its_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["case", json.dumps(module.asdict(CASE))])
    monkeypatch.setattr(module, "_measure_here", lambda case, started: Measured("onnx", "bf16", 3, image_seconds=2.0))
    module._main()

    def broken(case, started):
        raise HandboneError("is no weights", where=case.weights)

    monkeypatch.setattr(module, "_measure_here", broken)
    module._main()
    values = [json.loads(line.removeprefix("handbone bench ")) for line in capsys.readouterr().out.splitlines()]
    assert values[0]["image_seconds"] == 2.0 and values[1]["error"] == "small: is no weights"


def test_memory_is_the_most_that_this_process_held():
    assert 30 < module._most_memory_mb() < 100_000, "in MB"


def test_median_times_are_of_one_image_in_each_batch(monkeypatch):
    """Twice as long for a batch of four is half as long for each."""
    passes = []

    class Network:
        def __call__(self, batch):
            passes.append(batch.shape)

    clock = iter(
        [
            10.0,
            11.0,
            20.0,
            24.0,
            30.0,
            32.0,
            *(40.0, 41.0, 50.0, 51.0, 60.0, 61.0),
            *(70.0, 72.0, 80.0, 82.0, 90.0, 92.0),
        ]
    )
    method = SimpleNamespace(predict=lambda image: None, coarse_stage=SimpleNamespace(size=8, predictor=Network()))
    monkeypatch.setattr("handbone.method.two_stage.TwoStage.from_path", lambda *_, **__: method)
    monkeypatch.setattr("handbone.method.settings.read_settings", lambda weights: SimpleNamespace(but=lambda **_: None))
    monkeypatch.setattr("handbone.networks.runtime.prepare", lambda threads: None)
    monkeypatch.setattr("handbone.formats.image_files.read_image", lambda path: SimpleNamespace(image=None))
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    times = iter([7.5, *clock])
    found = module._measure_here(Case("torch", "32", 1, "small", "hand.png", 3), started=5.0)
    assert (found.start_seconds, found.image_seconds) == (2.5, 2.0), "the median of 1, 4 and 2 seconds"
    assert found.pass_seconds == {"1": 1.0, "4": 0.5}
    assert passes == [(1, 1, 8, 8)] * 3 + [(4, 1, 8, 8)] * 3
