import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_small import EVERYTHING, Squares, fit_small, register_small, small_network

import handbone
from handbone.core.errors import HandboneError
from handbone.networks import runtime
from handbone.recipe.schema import Choice, ProgressiveSize, Train
from handbone.training import engine, starting, trainer
from handbone.training.base import parameter_groups
from handbone.training.callbacks import AveragedWeights
from handbone.training.feed import EpochSampler, EpochView, worker_count
from handbone.training.module import DiceSums, NetworkTraining
from handbone.weights.network_file import build_network, load_weights

pytestmark = pytest.mark.slow


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_it_learns_and_leaves_what_it_promises(tmp_path, capfd):
    result = fit_small(tmp_path, epochs=12, samples_per_image=4)
    table = rows(result.history)
    assert list(table[0]) == ["epoch", "train_loss", "val_dice", "lr", "seconds", "size"]
    assert [row["epoch"] for row in table] == [str(n) for n in range(1, 13)] and result.epochs == 12
    assert float(table[-1]["train_loss"]) < float(table[0]["train_loss"]) and result.best_score > 0.5
    module, card = load_weights(result.weights)
    assert (card.stage, card.size, card.in_channels, card.model.name) == ("coarse", 32, 1, "small")
    assert card.training == {"epoch": result.best_epoch, "seed": 3, "val_dice": round(result.best_score, 6)}
    # The score can be had again from the file that was kept, and follows its definition.
    validation, sums = Squares(2, augment=False), torch.zeros(3, 29)
    for item in (validation[0], validation[1]):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=runtime.supports_bf16()):
            predicted = module(torch.from_numpy(item["image"])[None])[0] > 0
        true = torch.from_numpy(item["target"]) > 127
        sums += torch.stack([m.sum((1, 2)) for m in (predicted & true, predicted, true)])
    dice = (2 * sums[0] / (sums[1] + sums[2]))[sums[2] > 0].mean()
    assert float(dice) == pytest.approx(result.best_score, abs=2e-3)
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 12 and lines[0].startswith("small: epoch 1/12, loss "), "one line an epoch and nothing else"


def test_a_repeated_call_returns_at_once_and_other_settings_start_anew(tmp_path):
    first = fit_small(tmp_path, epochs=2)
    before = first.weights.stat().st_mtime_ns
    assert fit_small(tmp_path, epochs=2) == first and first.weights.stat().st_mtime_ns == before
    assert fit_small(tmp_path, epochs=2, loggers=()) == first, "what does not change the result is no reason"
    again = fit_small(tmp_path, epochs=3)
    assert again.epochs == 3 == len(rows(again.history))


@pytest.mark.parametrize("file", ["last.ckpt", "fit.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"PK\x03\x04 half of it"])
def test_a_damaged_state_begins_the_training_anew_with_a_line(tmp_path, file, content, capfd):
    whole = fit_small(tmp_path / "whole", epochs=2)
    shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
    (tmp_path / "damaged" / "weights.safetensors").unlink()
    (tmp_path / "damaged" / file).write_bytes(content)
    capfd.readouterr()
    again = fit_small(tmp_path / "damaged", epochs=2)
    said = capfd.readouterr().err
    assert f"{file} is damaged" in said and "begins anew" in said and "epoch 1/2" in said
    assert again.weights.read_bytes() == whole.weights.read_bytes()


def test_killed_and_continued_gives_the_bytes_of_an_uninterrupted_training(tmp_path):
    script = str(Path(__file__).parents[1] / "helpers" / "training_small.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(handbone.__file__).parents[1])}
    history, last = tmp_path / "killed" / "history.csv", tmp_path / "killed" / "last.ckpt"
    process = subprocess.Popen([sys.executable, script, str(tmp_path / "killed")], env=environment)
    deadline = time.monotonic() + 600
    while len(rows(history) if history.is_file() else ()) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert last.is_file() and not (tmp_path / "killed" / "weights.safetensors").exists()
    network = small_network(**EVERYTHING, size=96)
    continued = fit_small(tmp_path / "killed", network)
    whole = fit_small(tmp_path / "whole", network)
    assert continued.weights.read_bytes() == whole.weights.read_bytes()

    def lasting(path):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(path)]

    assert lasting(continued.history) == lasting(whole.history)
    assert [row["size"] for row in rows(whole.history)] == ["64"] * 2 + ["96"] * 4
    assert [row["val_dice"] != "" for row in rows(whole.history)] == [False] * 2 + [True] * 4


def test_ctrl_c_loses_at_most_the_current_epoch(tmp_path):
    class Stopped(Squares):
        def at_size(self, size):
            return self

        def __getitem__(self, index):
            if self.epoch == 2:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit_small(tmp_path / "a", epochs=3, train=Stopped())
    assert signal.getsignal(signal.SIGINT) is handler, "a second Ctrl-C must work"
    assert len(rows(tmp_path / "a" / "history.csv")) == 2
    continued = fit_small(tmp_path / "a", epochs=3)
    assert continued.weights.read_bytes() == fit_small(tmp_path / "b", epochs=3).weights.read_bytes()


def test_seeds_make_trainings_repeatable(tmp_path):
    bytes_of = {
        name: fit_small(tmp_path / name, epochs=1, seed=seed).weights.read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    }
    assert bytes_of["a"] == bytes_of["b"] != bytes_of["c"]


def test_accumulated_batches_equal_the_bigger_batch(tmp_path):
    # 7 images: the last window has fewer batches, and the last batch fewer images.
    common = {"model": "small_without_norm", "epochs": 2, "loss": "bce", "precision": "32", "gradient_clip_norm": None}
    one = fit_small(tmp_path / "one", train=Squares(7), batch_size=4, **common)
    many = fit_small(tmp_path / "many", train=Squares(7), batch_size=2, accumulate_grad_batches=2, **common)
    ones, manys = load_file(one.weights), load_file(many.weights)
    for name, tensor in ones.items():
        torch.testing.assert_close(manys[name], tensor, atol=1e-5, rtol=1e-4)
    assert float(rows(one.history)[-1]["train_loss"]) == pytest.approx(
        float(rows(many.history)[-1]["train_loss"]), abs=1e-5
    )


def test_averaged_weights_are_the_ones_kept(tmp_path, monkeypatch):
    seen = []
    update = AveragedWeights.on_train_batch_end

    def watched(self, trainer, module, *rest):
        update(self, trainer, module, *rest)
        seen.append(module.network.head[1].weight.detach().clone())

    monkeypatch.setattr(AveragedWeights, "on_train_batch_end", watched)
    result = fit_small(tmp_path, epochs=2, ema=0.6, precision="32")
    average = seen[0]
    for n, weight in enumerate(seen[1:], start=1):
        decay = min(0.6, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * weight
    assert result.best_epoch == 2
    kept = load_file(result.weights)["head.1.weight"]
    torch.testing.assert_close(kept, average, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(kept, seen[-1], atol=1e-4)


def test_stops_early_and_keeps_the_best(tmp_path):
    result = fit_small(tmp_path, model="small_without_norm", epochs=30, patience=2, lr=1e-12, warmup=0.0)
    assert result.epochs == 3 and result.best_epoch == 1


def test_validates_every_so_often_and_at_the_end(tmp_path):
    result = fit_small(tmp_path, epochs=5, validate_every=2)
    assert [row["epoch"] for row in rows(result.history) if row["val_dice"]] == ["2", "4", "5"]


def test_data_processes_give_the_same_training(tmp_path):
    alone = fit_small(tmp_path / "alone", epochs=2)
    helped = fit_small(tmp_path / "helped", epochs=2, workers=1)
    assert helped.weights.read_bytes() == alone.weights.read_bytes()


@pytest.mark.parametrize("name", ["multistep", "cosine", "warm_restarts", "plateau"])
def test_schedules_move_the_rate(tmp_path, name):
    settings = {"warm_restarts": {"period": 2}, "plateau": {"patience": 1}, "multistep": {"milestones": (0.5,)}}
    scheduler = Choice(name=name, **settings.get(name, {}))
    rate = 3e-8 if name == "plateau" else 0.01
    common = {"model": "small_without_norm", "epochs": 4, "warmup": 0.0, "encoder_lr_factor": 0.1}
    result = fit_small(tmp_path, scheduler=scheduler, lr=rate, **common)
    shares = [float(row["lr"]) / rate for row in rows(result.history)]
    expected = {
        "multistep": [1, 1, 0.1, 0.1],
        # The rate of an epoch's last step: steps 1, 3, 5 and 7 of 8; the warm restarts' cosine has 4 steps.
        "cosine": [0.9623, 0.6944, 0.3156, 0.0477],
        "warm_restarts": [0.855, 0.155, 0.855, 0.155],
        "plateau": [1, 1, 1, 0.5],
    }
    assert shares == pytest.approx(expected[name], abs=0.001)


def test_warmup_rises_to_the_full_rate(tmp_path):
    scheduler = Choice(name="multistep", milestones=(1.0,))
    result = fit_small(tmp_path, epochs=4, scheduler=scheduler, warmup=0.5, lr=0.01)
    assert [float(row["lr"]) for row in rows(result.history)] == pytest.approx([0.005, 0.01, 0.01, 0.01])


def test_one_image_a_batch_with_pooled_batch_norm(tmp_path):
    model = Choice(name="pspnet", encoder="resnet18", encoder_weights="none")
    network = small_network(epochs=1, batch_size=1, size=64).model_copy(update={"model": model})
    result = fit_small(tmp_path, network, train=Squares(3))
    assert all(t.isfinite().all() for t in load_file(result.weights).values() if t.is_floating_point())


def test_starts_from_a_file_or_a_run(tmp_path):
    first = fit_small(tmp_path / "first", epochs=1)
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    (run / "weights" / "coarse.safetensors").write_bytes(first.weights.read_bytes())
    for source in (first.weights, run):
        network = small_network().model_copy(update={"weights": str(source)})
        module = starting.start(network, 1, "coarse")
        assert torch.equal(module.head[1].weight, load_file(first.weights)["head.1.weight"])
    other = small_network("small_without_norm").model_copy(update={"weights": str(first.weights)})
    with pytest.raises(HandboneError, match="does not fit the network"):
        starting.start(other, 1, "coarse")


def test_mistakes_are_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(HandboneError, match="loss is not finite in epoch 1; lower train"):
        fit_small(tmp_path / "a", epochs=2, lr=1e30, gradient_clip_norm=None, warmup=0.0)
    with pytest.raises(HandboneError, match="0 training and 2 validation images"):
        fit_small(tmp_path / "b", train=Squares(0), epochs=1)
    monkeypatch.setattr(trainer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HandboneError, match=r"pip install 'handbone\[wandb\]'"):
        fit_small(tmp_path / "c", epochs=1, loggers=("wandb",))
    if not torch.cuda.is_available():
        with pytest.raises(HandboneError, match="needs a CUDA device"):
            fit_small(tmp_path / "d", epochs=1, precision="16")


def test_tensorboard_by_a_word(tmp_path):
    pytest.importorskip("tensorboard")
    fit_small(tmp_path, epochs=1, loggers=("csv", "tensorboard"))
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_an_epochs_order_is_new_complete_and_shared_out():
    whole = list(EpochSampler(5, rounds=2, seed=1))
    assert sorted(whole) == [(0, turn, index) for turn in range(2) for index in range(5)]
    sampler = EpochSampler(5, rounds=2, seed=1)
    sampler.set_epoch(1)
    assert [key[1:] for key in sampler] != [key[1:] for key in whole]
    shares = [list(EpochSampler(5, rounds=1, seed=1, rank=rank, world=2)) for rank in range(2)]
    assert [len(share) for share in shares] == [3, 3] and {key[2] for share in shares for key in share} == set(range(5))


def test_every_reading_of_an_image_is_augmented_anew_at_the_epochs_size():
    settings = Train(epochs=3, progressive_resizing=(ProgressiveSize(size=64, share=0.34),), samples_per_image=2)
    assert [settings.size_at(epoch, 96) for epoch in range(3)] == [64, 96, 96]
    view = EpochView(Squares(), settings, size=96)
    first, again, second, later = (view[key]["image"] for key in ((0, 0, 1), (0, 0, 1), (0, 1, 1), (1, 0, 1)))
    assert (first == again).all() and (first != second).any()
    assert first.shape[-1] == 64 and later.shape[-1] == 96


def test_parameter_groups():
    register_small()
    network = build_network(Choice(name="small"), 1)
    settings = Train(lr=0.1, encoder_lr_factor=0.5, weight_decay=0.2)
    groups = parameter_groups(network, settings)
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [(0.05, 0.2), (0.05, 0), (0.1, 0.2), (0.1, 0)]
    assert sum(len(g["params"]) for g in groups) == len(list(network.parameters()))
    frozen = parameter_groups(network, settings.model_copy(update={"encoder_lr_factor": 0.0}))
    assert len(frozen) == 2 and not any(p.requires_grad for p in network.encoder.parameters())


def test_dice_of_sums():
    dice = DiceSums(3)
    target = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    target[0, 0, :2] = 255  # 8 pixels, of which 4 are found
    logits = torch.full((1, 3, 4, 4), -1.0)
    logits[0, 0, 1:3] = 1.0
    target[0, 1, 0] = 255  # missed
    logits[0, 2, 0] = 1.0  # a bone that no image has
    dice.add(logits, target)
    assert dice.per_bone[:2].tolist() == [0.5, 0.0] and dice.per_bone[2].isnan()
    assert dice.score == 0.25 and DiceSums(2).score == 0.0


def test_workers_fit_into_shared_memory(monkeypatch):
    usage = type("Usage", (), {"free": 64 * 2**20})
    monkeypatch.setattr("handbone.training.feed.shutil.disk_usage", lambda _: usage)
    assert worker_count(4, 30 * 2**20) == 0 and worker_count(2, 2**20) == 2
    assert worker_count(0, 1) == 0


def test_the_module_tells_its_steps():
    register_small()
    module = NetworkTraining(
        build_network(Choice(name="small"), 1),
        Train(batch_size=2, accumulate_grad_batches=3),
        size=32,
        samples=9,
        seed=0,
    )
    assert module.steps_per_epoch == 2
    # Windows of 3 and 2 batches: 6 and 3 images.
    assert [module._share(i, n) for i, n in enumerate((2, 2, 2, 2, 1))] == [1.0, 1.0, 1.0, 2.0, 1.0]


def test_settings_that_do_not_matter_are_not_in_the_fingerprint():
    prints = [
        json.dumps(engine._fingerprint(small_network(**{"workers": n, "lr": lr}), 1))
        for n, lr in ((0, 0.1), (3, 0.1), (0, 0.2))
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(("keep", "steps"), [(True, 2), (False, 2 + 4 + 4)])
def test_a_rise_has_its_own_batch_and_norms_may_keep_its_statistics(tmp_path, keep, steps):
    progressive_resizing = [{"size": 64, "share": 0.34, "batch_size": 2}]
    network = small_network(
        size=96,
        epochs=3,
        progressive_resizing=progressive_resizing,
        batch_size=1,
        freeze_batchnorm=keep,
        scheduler=Choice(name="cosine"),
    )
    result = fit_small(tmp_path, network)
    # Four images: two steps of two, then four steps of one in each of two epochs.
    assert int(load_file(result.weights)["encoder.1.num_batches_tracked"]) == steps
    assert [row["size"] for row in csv.DictReader(result.history.open())] == ["64", "96", "96"]


def test_norms_may_keep_the_statistics_of_the_weights_that_a_training_starts_from(tmp_path):
    first = fit_small(tmp_path / "first", small_network(epochs=1))
    more = {"epochs": 1, "batch_size": 1, "freeze_batchnorm": True}
    second = fit_small(tmp_path / "second", small_network(**more).model_copy(update={"weights": str(first.weights)}))
    tracked = [int(load_file(each.weights)["encoder.1.num_batches_tracked"]) for each in (first, second)]
    assert tracked[0] == tracked[1] > 0
