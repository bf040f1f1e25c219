"""Pseudo-masks: no weight where views disagree, none for bones that contradict anatomy."""

import numpy as np
import pytest
import torch

from handbone.anatomy import COUNT, INDEX
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.data.augment import Augmenter
from handbone.data.grid_dataset import LabelledImage
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import Stage
from handbone.networks.losses.build import build_loss
from handbone.recipe.schema import Augment, LossTerm
from handbone.workflows.adapt import views
from handbone.workflows.adapt.learning import make_example, weighted_loss
from handbone.workflows.adapt.pseudo_masks import PseudoMasks, outline

CAPITATE = INDEX["Capitate"]
AS_IT_IS = Augment(probability=0, wrist_bend=0, elastic=0, brightness=0, contrast=0, gamma=0, noise=0, blur=0, flip=0)


@pytest.fixture
def seen_as(hand, monkeypatch):
    """Pseudo-masks of the hand, of which each of the eight views sees the masks that it is told."""

    def outlined(each):
        answers = iter([BoneProbabilities.from_masks(masks) for masks in each])
        monkeypatch.setattr(views, "predict_coarse", lambda *_, **__: next(answers))
        return outline(Stage(None, 512), MethodSettings(), hand.image.astype(np.float32) / 255)

    return outlined


def example_of(hand, masks):
    image = LabelledImage("a.png", lambda: hand.image, masks.size_hw, masks.polygons)
    frame, rng = Frame.letterbox(masks.size_hw, (512, 512)), np.random.default_rng(0)
    return make_example(image, frame, Augmenter(AS_IT_IS), rng, dropped=masks.dropped)


def test_where_all_views_agree_everything_counts(hand, seen_as):
    masks = seen_as([hand.masks] * 8)
    assert masks.dropped == {} and masks.usable
    example = example_of(hand, masks)
    assert (example.weight == 255).all()
    whole = hand.masks.mask(CAPITATE)
    assert np.count_nonzero((example.target[CAPITATE] > 127) ^ whole) < 0.01 * whole.sum()


@pytest.mark.parametrize("dissenting, weight", [(1, 255), (4, 0)])
def test_pixels_on_which_views_disagree_have_no_weight(hand, seen_as, dissenting, weight):
    whole = hand.masks.mask(CAPITATE)
    rows = np.flatnonzero(whole.any(1))
    disputed = whole.copy()
    disputed[: rows[-len(rows) // 3]] = False
    without = hand.masks.replace({CAPITATE: whole & ~disputed})
    masks = seen_as([without] * dissenting + [hand.masks] * (8 - dissenting))
    assert CAPITATE not in masks.dropped
    found = example_of(hand, masks).weight
    # Contours of the disputed part run through its outermost pixels.
    middle = disputed & np.roll(disputed, 2, 0) & np.roll(disputed, -2, 0)
    assert middle.any() and (found[CAPITATE][middle] == weight).all()
    assert (found[CAPITATE][rows[0] : rows[len(rows) // 2]] == 255).all()
    assert (np.delete(found, CAPITATE, 0) == 255).all()


def test_a_bone_that_few_views_see_has_no_weight_anywhere(hand, seen_as):
    without = hand.masks.replace({CAPITATE: np.zeros(hand.masks.size_hw, bool)})
    masks = seen_as([without, hand.masks, hand.masks] * 2 + [hand.masks] * 2)
    assert masks.dropped == {CAPITATE: "views-disagree"}
    weight = example_of(hand, masks).weight
    assert not weight[CAPITATE].any() and (np.delete(weight, CAPITATE, 0) == 255).all()


def test_a_mask_that_no_hand_can_have_is_dropped_although_all_views_agree(hand, seen_as):
    lunate = INDEX["Lunate"]
    moved = np.roll(hand.masks.mask(lunate), -110, axis=1)
    masks = seen_as([hand.masks.replace({lunate: moved})] * 8)
    assert masks.dropped[lunate] in ("apart", "swapped-labels")
    assert not example_of(hand, masks).weight[lunate].any()
    assert masks.usable and len(masks.dropped) < 10  # its neighbours are flagged, too


def test_a_bone_that_lies_far_off_alone_is_dropped_by_the_pose(hand, seen_as, monkeypatch):
    monkeypatch.setattr("handbone.workflows.adapt.pseudo_masks.flags", lambda *_: [])
    tip = INDEX["finger-11"]
    masks = seen_as([hand.masks.replace({tip: np.roll(hand.masks.mask(tip), -120, axis=1)})] * 8)
    assert masks.dropped == {tip: "out-of-place"}


def test_a_radiograph_with_few_credible_bones_is_left_out(hand, seen_as):
    nothing = np.zeros(hand.masks.size_hw, bool)
    assert seen_as([hand.masks.replace(dict.fromkeys(range(14), nothing))] * 8).usable
    assert not seen_as([hand.masks.replace(dict.fromkeys(range(15), nothing))] * 8).usable


def test_they_survive_their_file(hand, seen_as):
    nothing = np.zeros(hand.masks.size_hw, bool)
    masks = seen_as([hand.masks.replace({CAPITATE: nothing})] * 8)
    again = PseudoMasks.from_json(masks.to_json())
    assert again.size_hw == masks.size_hw and again.frame == masks.frame and again.dropped == masks.dropped
    assert again.polygons.keys() == masks.polygons.keys()
    for key, polygons in masks.polygons.items():
        assert all(map(np.array_equal, again.polygons[key], polygons))


def test_views_see_the_hand_in_different_ways_and_give_it_back_in_place(hand):
    class Reader:
        """Sees one bone: the bright half of the image."""

        def __init__(self):
            self.seen = []

        def logits(self, image, *, flip, within=None):
            self.seen.append(image)
            return np.repeat(np.where(image > 0.5, 9.0, -9.0).astype(np.float32), COUNT, 0)

    image = np.zeros((80, 80), np.float32)
    image[20:60, 20:40] = 1
    reader = Reader()
    passes = views.read_views(Stage(reader, 64), image, Frame.letterbox((80, 80), (64, 64)))
    assert len({each.tobytes() for each in reader.seen}) >= 6  # brightness alone changes nothing of black and white
    masks = [each.threshold(0.5) for each in passes]
    assert views.agreement(masks, masks[0]).min() > 0.95


def test_the_loss_is_that_of_the_engine_where_everything_has_weight():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, COUNT, 16, 16, generator=generator)
    target = torch.rand(1, COUNT, 16, 16, generator=generator)
    usual = build_loss([LossTerm(name="bce"), LossTerm(name="dice")])(logits, target)
    torch.testing.assert_close(weighted_loss(logits, target, torch.ones_like(target)), usual)


def test_what_has_no_weight_teaches_nothing():
    logits = torch.zeros(1, COUNT, 8, 8, requires_grad=True)
    weight = torch.zeros(1, COUNT, 8, 8)
    weight[:, 3:, :4] = 1
    weighted_loss(logits, torch.ones_like(weight), weight).backward()
    assert torch.equal(logits.grad != 0, weight > 0)
