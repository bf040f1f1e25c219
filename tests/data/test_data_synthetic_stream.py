"""Phantoms drawn while networks train."""

import numpy as np
import pytest
import torch

from handbone.core.bone_masks import BoneMasks
from handbone.data import synthetic_stream
from handbone.data.synthetic_stream import PhantomStream
from handbone.method.coarse import CoarseDataset
from handbone.method.refine import RefineDataset
from handbone.method.roi_placement import wrist_frame
from handbone.recipe import schema
from handbone.synthetic.people import average_person


def test_items_depend_on_seed_epoch_and_index_only():
    data = CoarseDataset(PhantomStream(3), size=96, augment=schema.Augment(wrist_bend=0))
    first = data[1]
    data.set_epoch(1)
    assert len(data) == 3 and not torch.equal(first["image"], data[1]["image"])
    data.set_epoch(0)
    again = data[1]
    assert torch.equal(first["image"], again["image"]) and torch.equal(first["target"], again["target"])
    assert not torch.equal(first["image"], data[2]["image"])
    assert first["image"].shape == (1, 96, 96) and first["target"].shape == (29, 96, 96)
    assert first["name"] == "phantom-0-0-1.png"


def test_a_refiner_reads_pictures_drawn_fine_enough_for_its_window():
    drawn = []

    def window(picture):
        drawn.append(picture.size_hw)
        masks = BoneMasks.from_rings(picture.rings, picture.size_hw)
        return wrist_frame(masks, schema.Crop(), 64).frame

    data = RefineDataset(PhantomStream(8, seed=5), window, size=64, window_share=0.25)
    targets = [data[index]["target"].numpy() for index in range(8)]
    assert all(max(size) <= 256 for size in drawn) and max(max(size) for size in drawn) == 256
    # Carpals fill the window's middle.
    assert all((t[19:27, 16:48, 16:48] > 127).any(0).mean() > 0.3 for t in targets)
    assert np.isfinite(targets).all()


def test_a_stream_and_coarse_channels_exclude_each_other():
    with pytest.raises(ValueError, match="set one of them off"):
        schema.Recipe(name="x", phantom={"stream": 5}, refine={"coarse_channels": True})


def test_hands_to_calibrate_with_vary_more_and_are_bent_as_often_as_asked(monkeypatch):
    asked = []
    draw = synthetic_stream.draw_hand
    monkeypatch.setattr(synthetic_stream, "draw_hand", lambda *args, **more: asked.append(more) or draw(*args, **more))
    usual, varied = PhantomStream(3, "contest"), PhantomStream(3, "contest", spread=4.0, bent=1.0)
    assert usual.draw(9, 0, 64).rings and asked.pop() == {
        "size": 64,
        "variety": "contest",
        "bent": None,
        "person": None,
        "looks": "training",
    }
    assert all(varied.draw(9, index, 64).rings for index in range(3))
    assert [each["bent"] for each in asked] == [True] * 3
    scales = np.log([each["person"].shape.scale / average_person().shape.scale for each in asked])
    assert scales[..., :2].std() > 2 * 0.07
