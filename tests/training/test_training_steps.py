"""Single steps of a training without a trainer around them: weights of batches, rates, validation, statistics."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from training_small import Squares, register_small

from handbone.core.errors import HandboneError
from handbone.networks.losses.build import build_loss
from handbone.recipe.schema import Choice, ProgressiveSize, Train
from handbone.training.feed import EpochView, ValidationView, worker_count
from handbone.training.module import DiceSums, NetworkTraining
from handbone.weights.network_file import build_network

SIZE = 32


class Trainer(SimpleNamespace):
    """As much of lightning's trainer as a step asks for."""

    def __init__(self):
        strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision)
        super().__init__(current_epoch=0, global_step=0, check_val_every_n_epoch=1, strategy=strategy)


@pytest.fixture(scope="module", autouse=True)
def _small():
    register_small()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def module(samples=7, *, model="small_without_norm", trained=False, **train):
    torch.manual_seed(0)
    made = NetworkTraining(
        build_network(Choice(name=model), 1),
        Train(**{"batch_size": 2, "epochs": 4, **train}),
        size=SIZE,
        samples=samples,
        seed=3,
        trained=trained,
    )
    made.trainer_kept = Trainer()
    made._trainer = made.trainer_kept
    return made


def batches(count, batch):
    items = [Squares(count, SIZE)[index] for index in range(count)]
    for first in range(0, count, batch):
        part = items[first : first + batch]
        yield {
            "image": torch.stack([torch.from_numpy(each["image"]) for each in part]),
            "target": torch.stack([torch.from_numpy(each["target"]) for each in part]),
            "name": [each["name"] for each in part],
        }


@pytest.mark.parametrize(("samples", "batch", "accumulate"), [(7, 2, 1), (7, 2, 2), (7, 3, 2), (5, 2, 4), (6, 1, 3)])
def test_every_image_of_a_step_counts_the_same(samples, batch, accumulate):
    made = module(samples, batch_size=batch, accumulate_grad_batches=accumulate, loss="bce")
    loss = build_loss(made.settings.loss)
    singles = [float(loss(made.network(b["image"]), b["target"].float() / 255)) for b in batches(samples, 1)]
    weighted = [
        float(made.training_step(each, number)) / accumulate for number, each in enumerate(batches(samples, batch))
    ]
    window = batch * accumulate
    for step, first in enumerate(range(0, samples, window)):
        together = sum(weighted[step * accumulate : (step + 1) * accumulate])
        assert together == pytest.approx(
            sum(singles[first : first + window]) / len(singles[first : first + window]), rel=1e-4
        )
    assert made.train_loss == pytest.approx(sum(singles) / samples, rel=1e-5)


def test_the_loss_of_an_epoch_starts_anew():
    made, given = module(4), list(batches(4, 2))
    for _ in range(2):
        losses = [float(made.training_step(each, number)) for number, each in enumerate(given)]
    assert made.train_loss == pytest.approx(sum(losses) / 2, rel=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_epoch_with_what_to_do(value):
    made = module(2)
    made.configure_optimizers()
    given = next(batches(2, 2))
    given["image"] = given["image"] * value
    made.training_step(given, 0)
    made._trainer.current_epoch = 2
    with pytest.raises(HandboneError, match=r"the loss is not finite in epoch 3; lower train\.lr"):
        made.on_train_epoch_end()


@pytest.mark.parametrize(
    ("warmup", "scheduler", "expected"),
    [
        (0.0, Choice(name="multistep", milestones=(1.0,)), [1.0] * 8),
        (0.5, Choice(name="multistep", milestones=(1.0,)), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        (0.25, Choice(name="cosine", floor=0.0), [0.5, 0.9619, 0.8536, 0.6913, 0.5, 0.3087, 0.1464, 0.0381]),
    ],
)
def test_a_step_has_the_rate_of_the_schedule_times_that_of_the_warmup(warmup, scheduler, expected):
    made = module(4, warmup=warmup, scheduler=scheduler, lr=0.02)
    assert made.steps_per_epoch == 2
    optimiser, rates = made.configure_optimizers(), []
    for step in range(8):
        made._trainer.global_step = step
        made.optimizer_step(step // 2, step % 2, optimiser, lambda: None)
        rates.append(made.rate / 0.02)
    assert rates == pytest.approx(expected, abs=1e-4)


def test_the_warmup_changes_no_rate_that_a_schedule_goes_on_from():
    made = module(4, warmup=0.9, encoder_lr_factor=0.5, lr=0.02, scheduler=Choice(name="multistep"))
    optimiser = made.configure_optimizers()
    before = [group["lr"] for group in optimiser.param_groups]
    made.optimizer_step(0, 0, optimiser, lambda: None)
    assert [group["lr"] for group in optimiser.param_groups] == before
    assert made.rate < before[-1]


@pytest.mark.parametrize("name", ["cosine", "multistep", "plateau", "warm_restarts"])
def test_a_schedule_goes_on_where_it_was_saved(name):
    def rates(made, optimiser, epochs):
        found = []
        for _ in range(epochs):
            for step in range(2):
                made._trainer.global_step += 1
                made.optimizer_step(0, step, optimiser, lambda: None)
            made.step_schedule("epoch")
            made.step_schedule("validation", 0.5)
            found.append(made.rate)
        return found

    settings = {"plateau": {"patience": 1}, "warm_restarts": {"period": 2}}.get(name, {})
    options = {"scheduler": Choice(name=name, **settings), "warmup": 0.0, "epochs": 6}
    whole, first = module(4, **options), module(4, **options)
    expected = rates(whole, whole.configure_optimizers(), 6)
    optimiser = first.configure_optimizers()
    kept = {}
    begun = rates(first, optimiser, 3)
    first.on_save_checkpoint(kept)
    again = module(4, **options)
    again.on_load_checkpoint(kept)
    built = again.configure_optimizers()
    built.load_state_dict(optimiser.state_dict())
    assert begun + rates(again, built, 3) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 4}, [0, 1, 2, 3]),
        ({"epochs": 5, "validate_every": 2}, [1, 3, 4]),
        ({"epochs": 4, "validate_every": 9}, [3]),
        ({"epochs": 4, "progressive_resizing": (ProgressiveSize(size=32, share=0.5),)}, [2, 3]),
    ],
)
def test_epochs_at_the_full_size_are_validated_and_always_the_last(options, expected):
    made = module(4, **options)
    assert [epoch for epoch in range(options["epochs"]) if made.validates(epoch)] == expected
    for epoch in range(options["epochs"]):
        made._trainer.current_epoch = epoch
        made.training_step(next(batches(2, 2)), 0)
        told = made._trainer.check_val_every_n_epoch
        assert (told == 1) is (epoch in expected) and (told == 1 or told > options["epochs"])


@pytest.mark.parametrize(
    ("freeze", "trained", "resizing", "frozen"),
    [(False, True, False, False), (True, False, False, False), (True, True, False, True), (True, False, True, True)],
)
def test_statistics_are_frozen_where_they_are_known_already(freeze, trained, resizing, frozen):
    steps = (ProgressiveSize(size=32, share=0.5),) if resizing else ()
    made = module(4, model="small", trained=trained, freeze_batchnorm=freeze, progressive_resizing=steps)
    made.train()
    made._trainer.current_epoch = 3
    made.training_step(next(batches(2, 2)), 0)
    norms = [part for part in made.network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms and all(part.training is not frozen for part in norms)
    assert made.network.training


def test_what_is_random_in_a_network_is_that_of_the_seed_and_the_epoch():
    made = module(4, model="small")
    made.train()
    given = next(batches(2, 2))
    made.eval()
    losses = {}
    for epoch in (0, 1, 0):
        made._trainer.current_epoch = epoch
        made.training_step(given, 0)
        losses.setdefault(epoch, []).append(torch.rand(3).tolist())
    assert losses[0][0] == losses[0][1] != losses[1][0]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_the_dice_of_sums_is_torchmetrics_over_all_pixels(seed, images):
    from torchmetrics.functional.classification import multilabel_f1_score

    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, 5, 9, 7, generator=generator)
    target = torch.randint(0, 256, (images, 5, 9, 7), generator=generator, dtype=torch.uint8)
    target[:, 4] = 0
    dice = DiceSums(5)
    for image, truth in zip(logits, target, strict=True):
        dice.add(image[None], truth[None])
    flat = [t.permute(0, 2, 3, 1).reshape(-1, 5) for t in (logits > 0, target > 127)]
    expected = multilabel_f1_score(flat[0].float(), flat[1].int(), num_labels=5, average=None)
    assert dice.per_bone[:4].tolist() == pytest.approx(expected[:4].tolist(), abs=1e-6)
    assert dice.per_bone[4].isnan() and dice.score == pytest.approx(float(expected[:4].mean()), abs=1e-6)
    whole = DiceSums(5)
    whole.add(logits, target)
    assert torch.equal(whole.sums, dice.sums)


def test_padding_of_a_validation_does_not_count():
    made = module(4)
    made.on_validation_epoch_start()
    given = next(batches(3, 3))
    made.validation_step({**given, "counted": torch.tensor([True, False, True])}, 0)
    logits = made.network(given["image"])
    alone = DiceSums(29)
    alone.add(logits[[0, 2]], given["target"][[0, 2]])
    assert torch.equal(made.dice.sums, alone.sums)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(0, 20))
def test_places_behind_the_last_image_are_padding(count, place):
    view = ValidationView(Squares(count, SIZE, augment=False))
    found = view[place]
    assert len(view) == count and found["counted"] is (place < count) and found["name"] == f"{place % count}.png"


def test_rounds_of_an_epoch_are_epochs_of_the_dataset():
    class Watched(Squares):
        seen = []

        def at_size(self, size):
            return self

        def set_epoch(self, epoch):
            self.seen.append(epoch)

    view = EpochView(Watched(), Train(epochs=3, samples_per_image=3), size=SIZE)
    for key in ((0, 0, 1), (0, 2, 1), (1, 0, 0), (2, 1, 3)):
        view[key]
    assert Watched.seen == [0, 2, 3, 7]


@pytest.mark.parametrize(
    ("wanted", "free_mib", "processes", "found"),
    [(4, 6000, 1, 4), (4, 30, 1, 3), (4, 30, 2, 1), (4, 5, 1, 0), (0, 99, 1, 0)],
)
def test_workers_are_as_many_as_shared_memory_holds(monkeypatch, wanted, free_mib, processes, found):
    """Each worker has three batches under way, and one in two places."""
    monkeypatch.setattr("handbone.training.feed.shutil.disk_usage", lambda _: SimpleNamespace(free=free_mib * 2**20))
    monkeypatch.setattr("handbone.training.feed.Path.is_dir", lambda _: True)
    assert worker_count(wanted, int(1.6 * 2**20), processes) == found
