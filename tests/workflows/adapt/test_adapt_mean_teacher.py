"""The loop: the same weights however often it is interrupted, and what moves in it."""

import copy

import cv2
import numpy as np
import pytest
import torch

from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.workflows.adapt import mean_teacher
from handbone.workflows.adapt.mean_teacher import MeanTeacher, chosen, self_train
from handbone.workflows.adapt.pseudo_masks import PseudoMasks
from handbone.workflows.adapt.radiographs import Radiograph
from handbone.workflows.adapt.settings import AdaptSettings, steps_for

SETTINGS = AdaptSettings(round_steps=4, learning_rate=1e-2, ema=0.5)
STEPS = 7


def outliner(hand, folder):
    """What gives two radiographs with true masks, and notes what it is asked for."""
    path = folder / "own.png"
    cv2.imwrite(str(path), hand.image)
    polygons = {n * 29 + bone: polygons for n in range(3) for bone, polygons in hand.masks.polygons().items()}
    masks = PseudoMasks(hand.masks.size_hw, Frame.letterbox(hand.masks.size_hw, (64, 64)), polygons, {})

    def of(turn, numbers):
        of.asked.append((turn, tuple(numbers)))
        return [Radiograph(path, masks)] * 2

    of.asked = []
    return of


@pytest.fixture
def outlined(hand, tmp_path):
    return outliner(hand, tmp_path)


@pytest.fixture(scope="module")
def uninterrupted(network, hand, tmp_path_factory):
    """The state of both networks after a training that nothing stops."""
    folder = tmp_path_factory.mktemp("whole")
    training, outlined = trainer(network), outliner(hand, folder)
    self_train(training, 2, outlined, folder / "whole.pt")
    assert [turn for turn, _ in outlined.asked] == [0, 1]
    return state_of(training)


def trainer(network):
    return MeanTeacher(copy.deepcopy(network), size=64, steps=STEPS, settings=SETTINGS)


def state_of(training):
    sides = {"student": training.student, "teacher": training.teacher}
    return {f"{side}.{name}": t.clone() for side, part in sides.items() for name, t in part.state_dict().items()}


@pytest.mark.parametrize("stop", [0, 3, 4, 6])
def test_an_interrupted_training_ends_with_the_same_weights(
    network, outlined, uninterrupted, tmp_path, monkeypatch, stop
):
    monkeypatch.setattr(mean_teacher, "_CHECKPOINT_EVERY", 3)
    learn = MeanTeacher.learn

    def stopped(self, own):
        if self.step == stop:
            raise KeyboardInterrupt
        return learn(self, own)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MeanTeacher, "learn", stopped)
        self_train(trainer(network), 2, outlined, tmp_path / "parts.pt")
    again = trainer(network)
    self_train(again, 2, outlined, tmp_path / "parts.pt")
    found = state_of(again)
    assert all(torch.equal(found[name], tensor) for name, tensor in uninterrupted.items())


def test_the_teacher_follows_the_student_and_the_norms_keep_their_statistics(network, outlined, tmp_path):
    training = trainer(network)
    before = state_of(training)
    own = outlined(0, [0])[0]
    training.learn(own)
    after = state_of(training)
    for name, value in network.named_parameters():
        student, teacher = after[f"student.{name}"], after[f"teacher.{name}"]
        torch.testing.assert_close(teacher, 0.5 * (value + student))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and not any("running" in name for name in moved)
    rates = [training.optimiser.param_groups[0]["lr"]]
    while training.step < STEPS:
        training.learn(own)
        rates.append(training.optimiser.param_groups[0]["lr"])
    assert rates[0] == SETTINGS.learning_rate and rates[-1] < 0.06 * rates[0] and rates == sorted(rates)[::-1]


def test_each_step_sees_a_synthetic_hand_and_an_own_radiograph(network, outlined, monkeypatch):
    seen = []
    make = mean_teacher.make_example
    monkeypatch.setattr(
        mean_teacher, "make_example", lambda image, *a, **k: seen.append(image.name) or make(image, *a, **k)
    )
    training, own = trainer(network), outlined(0, [0])[0]
    training.learn(own)
    training.learn(own)
    assert seen[1::2] == ["own.png"] * 2 and len(set(seen[::2])) == 2 and "own.png" not in seen[::2]


def test_a_lost_loss_ends_it(network, outlined):
    training = trainer(network)
    with torch.no_grad():
        next(training.student.parameters()).fill_(torch.nan)
    with pytest.raises(HandboneError, match="not finite in step 1"):
        training.learn(outlined(0, [0])[0])


def test_rounds_go_through_all_radiographs_before_any_comes_again():
    settings = AdaptSettings(round_steps=10)
    picked = [number for turn in range(5) for number in chosen(turn, 25, settings)]
    assert sorted(picked[:25]) == list(range(25)) and sorted(picked[25:]) == list(range(25))
    assert picked[:25] != picked[25:]
    assert sorted(chosen(3, 4, settings)) == [0, 1, 2, 3]


@pytest.mark.parametrize("radiographs, steps", [(1, 300), (100, 300), (200, 600), (5000, 1500)])
def test_steps_grow_with_the_radiographs_within_bounds(radiographs, steps):
    assert steps_for(radiographs) == steps


def test_values_of_a_checkpoint_are_data_alone(network, tmp_path):
    training = trainer(network)
    training.save(tmp_path / "c.pt")
    assert set(torch.load(tmp_path / "c.pt", weights_only=True)) == {"step", "student", "teacher", "optimiser"}
    assert np.isscalar(training.step)
