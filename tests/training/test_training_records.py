"""What a training keeps: its best weights, its history, whole checkpoints; and how its trainer is made."""

import logging
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from handbone.core.errors import HandboneError
from handbone.recipe.schema import Train
from handbone.training.callbacks import BestWeights, History, WholeCheckpoints, read_history
from handbone.training.trainer import close_connections, make_trainer, quiet

FIRST = {"epoch": "1", "train_loss": "0.500000", "val_dice": "0.40000", "lr": "0.001", "seconds": "1.00", "size": "64"}


class Told(SimpleNamespace):
    """A module as callbacks see it."""

    def log(self, name, value, **_):
        self.logged = {**getattr(self, "logged", {}), name: value}

    def log_dict(self, values):
        self.logged = {**getattr(self, "logged", {}), **values}

    def step_schedule(self, interval, score=None):
        self.stepped = [*getattr(self, "stepped", []), (interval, score)]


def trainer(epoch=0, *, first=True):
    strategy = SimpleNamespace(reduce=lambda sums, reduce_op: sums)
    return SimpleNamespace(current_epoch=epoch, is_global_zero=first, strategy=strategy)


def validated(score):
    return Told(dice=SimpleNamespace(sums=torch.zeros(1), score=score), network=nn.Linear(1, 1))


@pytest.fixture
def best(tmp_path):
    saved = []
    kept = BestWeights(tmp_path / "best", lambda path, network, facts: saved.append((path, facts)), {"seed": 7})
    return kept, saved


def test_the_weights_of_the_best_validation_are_kept(best, tmp_path):
    kept, saved = best
    for epoch, score in enumerate((0.2, 0.5, 0.5, 0.4, 0.61)):
        module = validated(score)
        kept.on_validation_epoch_end(trainer(epoch), module)
        assert module.logged == {"val_dice": score} and module.stepped == [("validation", score)]
    assert [facts["epoch"] for _, facts in saved] == [1, 2, 5], "an equal score is no better one"
    assert saved[-1] == (tmp_path / "best", {"seed": 7, "epoch": 5, "val_dice": 0.61})
    assert (kept.score, kept.epoch) == (0.61, 5)


def test_one_process_alone_writes_and_all_know_the_score(best):
    kept, saved = best
    kept.on_validation_epoch_end(trainer(first=False), validated(0.7))
    assert saved == [] and (kept.score, kept.epoch) == (0.7, 1)


def test_weights_as_they_came_have_to_be_beaten(best):
    kept, saved = best
    kept.begin(nn.Linear(1, 1), 0.5, {"start": "a file"}, writes=True)
    kept.on_validation_epoch_end(trainer(0), validated(0.5))
    kept.on_validation_epoch_end(trainer(1), validated(0.51))
    assert [facts for _, facts in saved] == [
        {"seed": 7, "start": "a file", "epoch": 0, "val_dice": 0.5},
        {"seed": 7, "start": "a file", "epoch": 2, "val_dice": 0.51},
    ]
    kept.begin(nn.Linear(1, 1), 0.2, {}, writes=False)
    assert len(saved) == 2


def test_the_best_score_goes_on_from_a_checkpoint(best, tmp_path):
    kept, saved = best
    kept.on_validation_epoch_end(trainer(3), validated(0.8))
    again = BestWeights(tmp_path / "best", lambda *given: saved.append(given), {})
    again.load_state_dict(kept.state_dict())
    again.on_validation_epoch_end(trainer(4), validated(0.79))
    assert (again.score, again.epoch, again.summary) == (0.8, 4, {"seed": 7}) and len(saved) == 1


def ended(loss=0.25, *, validates=True, score=0.5, rate=0.001, size=64):
    return Told(
        dice=SimpleNamespace(score=score), validates=lambda epoch: validates, train_loss=loss, rate=rate, size=size
    )


def run(history, epoch, module):
    history.on_train_start(trainer(epoch), module)
    history.on_train_epoch_start(trainer(epoch), module)
    history.on_train_epoch_end(trainer(epoch), module)


def test_an_epoch_is_a_row_of_text_and_a_continued_training_goes_on_below(tmp_path):
    path = tmp_path / "history.csv"
    history = History(path, 0, "coarse")
    run(history, 0, ended())
    run(history, 1, ended(validates=False))
    run(history, 2, ended(0.125, score=0.75))
    rows = read_history(path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["val_dice"] for row in rows] == ["0.50000", "", "0.75000"]
    assert (rows[2]["train_loss"], rows[2]["lr"], rows[2]["size"]) == ("0.125000", "0.001", "64")
    again = History(path, 2, "coarse")
    assert again.rows == rows[:2]
    run(again, 2, ended(0.1))
    assert [row["train_loss"] for row in read_history(path)] == ["0.250000", "0.250000", "0.100000"]
    assert path.read_text().splitlines()[0] == "epoch,train_loss,val_dice,lr,seconds,size"


def test_plugins_are_told_each_epoch_in_numbers(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("handbone.training.callbacks.notify", lambda event, **facts: told.append((event, facts)))
    history = History(tmp_path / "history.csv", 0, "refiner")
    run(history, 0, ended(validates=False))
    run(history, 1, ended())
    assert [event for event, _ in told] == ["handbone_epoch_ended"] * 2
    assert [(facts["stage"], facts["epoch"]) for _, facts in told] == [("refiner", 0), ("refiner", 1)]
    assert "val_dice" not in told[0][1]["metrics"] and told[1][1]["metrics"]["val_dice"] == 0.5
    assert all(isinstance(value, float) for _, facts in told for value in facts["metrics"].values())
    other = History(tmp_path / "other.csv", 0, "refiner")
    other.on_train_epoch_end(trainer(0, first=False), ended())
    assert len(told) == 2 and not (tmp_path / "other.csv").exists(), "one process alone writes and tells"


def test_no_history_has_no_rows(tmp_path):
    assert read_history(tmp_path / "none.csv") == []
    (tmp_path / "one.csv").write_text(",".join(FIRST) + "\n" + ",".join(FIRST.values()) + "\n")
    assert read_history(tmp_path / "one.csv") == [FIRST]


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, path)

    def interrupted(value, target):
        with open(target, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("handbone.training.callbacks.torch.save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        WholeCheckpoints().save_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"epoch": 1} and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy": "no_such"}, "the trainer cannot be created: .*check train.devices, train.nodes, train.strategy"),
        ({"precision": "16"}, "train.precision = '16' needs a CUDA device; use 'auto', 'bf16' or '32'"),
        (
            {"loggers": ("wandb",)},
            r"needs 'wandb', which is not installed; pip install 'handbone\[wandb\]'",
        ),
    ],
)
def test_a_trainer_that_cannot_be_is_one_sentence(tmp_path, monkeypatch, changes, words):
    monkeypatch.setattr("handbone.training.trainer.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("handbone.training.trainer.torch.cuda.is_available", lambda: False)
    with quiet(), pytest.raises(HandboneError, match=words):
        make_trainer(Train(epochs=1, **changes), tmp_path, "small")


def test_a_trainer_has_the_recipe_s_settings(tmp_path):
    with quiet():
        made = make_trainer(
            Train(epochs=3, accumulate_grad_batches=2, gradient_clip_norm=0.5, precision="32"), tmp_path, "small"
        )
    assert (made.max_epochs, made.accumulate_grad_batches, made.gradient_clip_val) == (3, 2, 0.5)
    assert made.precision == "32-true" and made.logger is None and made.num_sanity_val_steps == 0


def test_torchruns_processes_are_those_of_the_training(tmp_path, monkeypatch):
    asked = {}

    def trainer_of(**options):
        asked.update(options)

    monkeypatch.setattr("handbone.training.trainer.lightning.Trainer", trainer_of)
    for name, value in {"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6"}.items():
        monkeypatch.setenv(name, value)
    make_trainer(Train(epochs=1, precision="32"), tmp_path, "small")
    assert (asked["devices"], asked["num_nodes"]) == (2, 3)
    make_trainer(Train(epochs=1, precision="32", devices=4), tmp_path, "small")
    assert (asked["devices"], asked["num_nodes"]) == (4, 1), "the recipe's word goes before torchrun's"


def test_lightning_is_quiet_only_while_we_train():
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    with pytest.raises(ZeroDivisionError), quiet():
        assert logger.level == logging.ERROR
        raise ZeroDivisionError
    assert logger.level == before
    close_connections()
    assert not torch.distributed.is_initialized()
