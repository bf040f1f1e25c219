"""What a synthetic hand tells of its 3D model: projected bones and the cavities inside their walls."""

import numpy as np
import pytest

from handbone import anatomy
from handbone.synthetic.hand import draw_hand


@pytest.mark.parametrize(("seed", "variety"), [(3, "upright_adult"), (4, "diverse"), (11, "diverse")])
def test_projected_bones_lie_where_their_masks_are(seed, variety):
    hand = draw_hand(seed, size=384, variety=variety)
    height, width = hand.masks.size_hw
    for bone in np.flatnonzero(hand.masks.present()):
        left, top, right, bottom = hand.masks.boxes_xyxy[bone].tolist()
        if left == 0 or top == 0 or right == width or bottom == height or bone >= anatomy.INDEX["Radius"]:
            continue
        points = hand.body.vertices[bone][:, :2] * hand.meta["px_per_mm"]
        assert points.min(0) == pytest.approx([left, top], abs=2.0)
        assert points.max(0) == pytest.approx([right, bottom], abs=2.0)


def test_cavities_lie_inside_their_bones_and_walls_are_thickest_in_the_shaft():
    hand = draw_hand(3, size=768)
    for bone in np.flatnonzero(hand.masks.present()):
        cavity, mask = hand.cavities.mask(bone), hand.masks.mask(bone)
        assert cavity.any() and (cavity & mask).sum() > 0.97 * cavity.sum()
    third = anatomy.INDEX["finger-11"]
    rows = np.flatnonzero(hand.masks.mask(third).any(1))
    shares = hand.cavities.mask(third)[rows].sum(1) / hand.masks.mask(third)[rows].sum(1)
    count = len(rows)
    assert (
        shares[int(0.45 * count) : int(0.55 * count)].mean() < 0.75 < shares[int(0.1 * count) : int(0.2 * count)].mean()
    )
