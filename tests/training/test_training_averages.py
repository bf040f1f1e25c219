"""What a training adds up: averaged weights by their formula, the bar's work, the callbacks' order, claimed folders."""

import json
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from handbone.core.errors import HandboneError
from handbone.recipe.schema import ProgressiveSize, Train
from handbone.training import callbacks, trainer
from handbone.training.callbacks import AveragedWeights, Bar, BestWeights, History
from handbone.training.frameworks import EarlyStopping, ModelCheckpoint
from handbone.training.trainer import make_callbacks
from handbone.training.work import FitResult, Work, _claim, carry_out


def averaged(decay, values):
    """What is kept of a weight that has these values after each step, and of a count beside it."""
    model = nn.BatchNorm1d(1)
    kept = AveragedModel(model, use_buffers=True, avg_fn=AveragedWeights(decay)._kwargs["avg_fn"])
    for step, value in enumerate(values):
        with torch.no_grad():
            model.weight.fill_(value)
            model.num_batches_tracked.fill_(step)
        kept.update_parameters(model)
    return kept.module.weight.item(), int(kept.module.num_batches_tracked)


@settings(max_examples=20)
@given(st.floats(0.05, 0.999), st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_averaged_weights_forget_the_start_soon_and_then_decay_as_asked(decay, values):
    expected = values[0]
    for n, value in enumerate(values[1:], start=1):
        share = min(decay, (1 + n) / (10 + n))
        expected = share * expected + (1 - share) * value
    weight, count = averaged(decay, values)
    assert weight == pytest.approx(expected, abs=1e-4) and count == len(values) - 1, "a count is no average"


def test_a_long_average_is_that_of_the_decay_alone():
    weight, _ = averaged(0.5, [3.0] * 10 + [1.0] * 4)
    assert weight == pytest.approx(1 + 2 * 0.5**4)


def module_of(*, samples=12, full=64, **train):
    made = Train(**{"epochs": 4, **train})
    validates = [made.resizing_at(e) is None and (e + 1) % made.validate_every == 0 for e in range(made.epochs)]
    validates[-1] = True
    return SimpleNamespace(settings=made, samples=samples, _full_size=full, validates=validates.__getitem__)


HALVES = (ProgressiveSize(size=32, share=0.5),)


@pytest.mark.parametrize(
    ("train", "validation", "work"),
    [
        ({}, 6, 4 * (12 + 2)),
        ({"validate_every": 3}, 6, 4 * 12 + 2 * 2),
        ({"progressive_resizing": HALVES}, 6, 2 * 12 / 4 + 2 * (12 + 2)),
        ({"progressive_resizing": HALVES, "epochs": 2}, 9, 12 / 4 + 12 + 3),
    ],
)
def test_the_bar_s_work_counts_images_by_their_pixels_and_validation_a_third(train, validation, work):
    bar = Bar("x", module_of(**train), validation, 0)
    epochs = train.get("epochs", 4)
    assert bar._cost(0, epochs) == pytest.approx(work)
    assert bar._cost(0, 1) + bar._cost(1, epochs) == pytest.approx(work) and bar._cost(2, 2) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (61, "0:01:01"), (3599.4, "0:59:59"), (90061, "25:01:01")]
)
def test_remaining_time_is_told_in_hours_minutes_and_seconds(seconds, text):
    assert callbacks._clock(seconds) == text


def test_an_epoch_without_a_terminal_is_one_line_with_what_is_left(monkeypatch, capfd):
    clock = iter([100.0, 130.0])
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    module = module_of(samples=12)
    module.train_loss, module.dice = 0.25, SimpleNamespace(score=0.8125)
    bar = Bar("coarse", module, 6, 1)
    bar.on_train_start(None, module)
    bar.on_train_epoch_end(SimpleNamespace(current_epoch=1), module)
    # Of four equal epochs the first was trained before; the second took 30 seconds and two remain.
    assert "coarse: epoch 2/4, loss 0.2500, Dice 0.812, 0:01:00 left" in capfd.readouterr().err


@pytest.mark.parametrize(("ema", "patience"), [(None, None), (0.9, None), (None, 3), (0.99, 2)])
def test_weights_are_scored_before_the_plain_ones_are_put_back_and_the_checkpoint_is_last(tmp_path, ema, patience):
    best = BestWeights(tmp_path / "best", lambda *_: None, {})
    history = History(tmp_path / "history.csv", 0, "coarse")
    module = module_of(ema=ema, patience=patience)
    made = make_callbacks(module, best, history, tmp_path, "x", 5, 0)
    expected = [BestWeights, *[AveragedWeights] * (ema is not None), *[EarlyStopping] * (patience is not None)]
    assert [type(each) for each in made] == [*expected, History, Bar, ModelCheckpoint]
    if patience is not None:
        stop = next(each for each in made if isinstance(each, EarlyStopping))
        assert (stop.monitor, stop.mode, stop.patience) == ("val_dice", "max", patience)
    assert made[-1].dirpath == str(tmp_path) and made[-1].filename == "last"


@pytest.mark.parametrize(
    ("asked", "gpu", "bf16", "found"),
    [
        ("auto", False, False, "32-true"),
        ("auto", False, True, "bf16-mixed"),
        ("auto", True, False, "16-mixed"),
        ("auto", True, True, "bf16-mixed"),
        ("16", True, False, "16-mixed"),
        ("32", True, True, "32-true"),
    ],
)
def test_a_precision_is_the_best_that_the_machine_has_or_the_one_asked_for(monkeypatch, asked, gpu, bf16, found):
    monkeypatch.setattr(trainer.torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(trainer.runtime, "supports_bf16", lambda: bf16)
    assert trainer._precision(asked) == found


@pytest.mark.parametrize("here", ["1", "4"])
def test_without_torchrun_devices_and_machines_are_the_recipe_s(monkeypatch, here):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert trainer._spread(Train(epochs=1, devices=3, nodes=2)) == (3, 2)
    assert trainer._spread(Train(epochs=1)) == ("auto", 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert trainer._spread(Train(epochs=1)) == (int(here), 1), "torchrun on this machine alone"


def state(folder, *, fingerprint, through=None, files=()):
    content = {"fingerprint": fingerprint} | ({} if through is None else {"through": through})
    (folder / "fit.json").write_text(json.dumps(content))
    for name in files:
        (folder / name).write_bytes(b"")


THROUGH = {"best_score": 0.5, "best_epoch": 2, "epochs": 3}
FILES = ("best.safetensors", "weights.safetensors", "history.csv")


def test_a_training_that_is_through_is_known_by_its_fingerprint_and_its_weights(tmp_path):
    state(tmp_path, fingerprint=[1], through=THROUGH, files=FILES)
    assert _claim(tmp_path, [1]) == THROUGH
    (tmp_path / "weights.safetensors").unlink()
    assert _claim(tmp_path, [1]) is None, "its weights are gone: it goes on from its last epoch"
    assert (tmp_path / "history.csv").exists()


@pytest.mark.parametrize("damage", ['{"fingerprint": [1', "[1]", "null"])
def test_another_fingerprint_or_a_damaged_one_starts_anew_in_an_empty_folder(tmp_path, damage):
    state(tmp_path, fingerprint=[2], through=THROUGH, files=FILES)
    assert _claim(tmp_path, [1]) is None
    assert {path.name for path in tmp_path.iterdir()} == {"fit.json"}
    assert json.loads((tmp_path / "fit.json").read_text()) == {"fingerprint": [1]}
    state(tmp_path, fingerprint=[1], files=FILES)
    (tmp_path / "fit.json").write_text(damage)
    assert _claim(tmp_path, [1]) is None and not (tmp_path / "history.csv").exists()


@pytest.mark.parametrize(("train", "validation"), [(0, 3), (2, 0)])
def test_a_training_without_images_is_refused_before_anything_is_written(tmp_path, train, validation):
    made = {name: None for name in ("settings", "size", "in_channels", "stage", "begin", "save", "fingerprint")}
    work = Work(**made, description="coarse", train=range(train), validation=range(validation))
    said = f"coarse: {train} training and {validation} validation images, but both need at least one"
    with pytest.raises(HandboneError, match=said):
        carry_out(work, folder=tmp_path / "coarse", seed=1)
    assert not (tmp_path / "coarse").exists()


def test_a_finished_training_is_what_it_left(tmp_path):
    state(tmp_path, fingerprint=[1], through=THROUGH, files=FILES)
    made = {name: None for name in ("settings", "size", "in_channels", "stage", "begin", "save")}
    work = Work(**made, description="coarse", train=range(2), validation=range(1), fingerprint=[1])
    assert carry_out(work, folder=tmp_path, seed=1) == FitResult(
        tmp_path / "weights.safetensors", history=tmp_path / "history.csv", **THROUGH
    )
