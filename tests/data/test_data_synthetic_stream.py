"""Synthetic hands drawn while networks train."""

import numpy as np
import pytest
import torch

from handbone.core.bone_masks import BoneMasks
from handbone.data import synthetic_stream
from handbone.data.synthetic_stream import SyntheticStream
from handbone.method.datasets import CoarseDataset, RefineDataset
from handbone.method.roi_placement import place_roi
from handbone.recipe import schema
from handbone.synthetic.patients import average_patient


def test_items_depend_on_seed_epoch_and_index_only():
    data = CoarseDataset(SyntheticStream(3), size=96, augment=schema.Augment(wrist_bend=0))
    first = data[1]
    data.set_epoch(1)
    assert len(data) == 3 and not torch.equal(first["image"], data[1]["image"])
    data.set_epoch(0)
    again = data[1]
    assert torch.equal(first["image"], again["image"]) and torch.equal(first["target"], again["target"])
    assert not torch.equal(first["image"], data[2]["image"])
    assert first["image"].shape == (1, 96, 96) and first["target"].shape == (29, 96, 96)
    assert first["name"] == "synthetic hand-0-0-1.png"


def test_a_refiner_reads_images_drawn_fine_enough_for_its_roi():
    drawn = []

    def roi(image):
        drawn.append(image.size_hw)
        masks = BoneMasks.from_polygons(image.polygons, image.size_hw)
        return place_roi(masks, schema.Roi(), 64).frame

    data = RefineDataset(SyntheticStream(8, seed=5), roi, size=64, roi_share=0.25)
    targets = [data[index]["target"].numpy() for index in range(8)]
    assert all(max(size) <= 256 for size in drawn) and max(max(size) for size in drawn) == 256
    # Carpals fill the ROI's middle.
    assert all((t[19:27, 16:48, 16:48] > 127).any(0).mean() > 0.3 for t in targets)
    assert np.isfinite(targets).all()


def test_a_stream_and_coarse_channels_exclude_each_other():
    with pytest.raises(ValueError, match="turn one of them off"):
        schema.Recipe(name="x", synthetic={"stream": 5}, refine={"coarse_channels": True})
    # A refiner that is not trained needs no coarse masks of training images.
    used = {"coarse_channels": True, "weights": "zero_shot", "train": {"epochs": 0}}
    schema.Recipe(name="x", synthetic={"stream": 5}, refine=used)


def test_hands_to_calibrate_with_vary_more_and_are_bent_as_often_as_asked(monkeypatch):
    asked = []
    draw = synthetic_stream.draw_hand
    monkeypatch.setattr(synthetic_stream, "draw_hand", lambda *args, **more: asked.append(more) or draw(*args, **more))
    usual, varied = SyntheticStream(3, "upright_adult"), SyntheticStream(3, "upright_adult", spread=4.0, bent=1.0)
    assert usual.draw(9, 0, 64).polygons and asked.pop() == {
        "size": 64,
        "variety": "upright_adult",
        "bent": None,
        "patient": None,
        "looks": "training",
    }
    assert all(varied.draw(9, index, 64).polygons for index in range(3))
    assert [each["bent"] for each in asked] == [True] * 3
    scales = np.log([each["patient"].shape.scale / average_patient().shape.scale for each in asked])
    assert scales[..., :2].std() > 2 * 0.07
