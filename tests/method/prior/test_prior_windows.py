"""Windows on stacks of masks: what is read lies where it is said, and only that is written."""

import pytest
import torch

from handbone.method.prior.windows import Windows

SIDE, RIM = 96, 6


def planes(*points_xy, side=256):
    """One hand with a square of 9 x 9 pixels around each point, a bone each."""
    masks = torch.zeros(1, len(points_xy), side, side)
    for bone, (x, y) in enumerate(points_xy):
        masks[0, bone, max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = 1
    return masks


def around(masks):
    hand, bone = torch.nonzero(torch.ones(masks.shape[:2]), as_tuple=True)
    return Windows.around(masks, hand, bone), bone


@pytest.mark.parametrize(
    ("x", "y", "left", "top"), [(128, 100, 80, 52), (3, 250, 0, 160), (255, 0, 160, 0), (60, 200, 12, 152)]
)
def test_a_window_lies_around_its_bone_and_within_the_grid(x, y, left, top):
    masks = planes((128, 128), (x, y))
    windows, bone = around(masks)
    assert (int(windows.left[1]), int(windows.top[1])) == pytest.approx((left, top), abs=3)
    first = int(windows.left[1]), int(windows.top[1])
    expected = masks[0, 1, first[1] : first[1] + SIDE, first[0] : first[0] + SIDE]
    assert torch.equal(windows.read(masks, bone)[1], expected) and expected.sum() == masks[0, 1].sum()


def test_what_is_written_is_read_again_and_nothing_else_changes():
    masks = planes((128, 128), (128, 128), (4, 128))
    windows, bone = around(masks)
    values = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    before = masks.clone()
    windows.write(masks, bone, values)
    inner = slice(RIM, SIDE - RIM)
    assert torch.equal(windows.read(masks, bone)[:, inner, inner], values[:, inner, inner])
    # The rim stays, but for the grid's own edge: the third window begins there.
    assert torch.equal(windows.read(masks, bone)[:2, :RIM], windows.read(before, bone)[:2, :RIM])
    assert torch.equal(windows.read(masks, bone)[2, inner, :RIM], values[2, inner, :RIM])
    left, top = int(windows.left[0]), int(windows.top[0])
    masks[0, 0, top : top + SIDE, left : left + SIDE] = before[0, 0, top : top + SIDE, left : left + SIDE]
    assert torch.equal(masks[0, 0], before[0, 0])


def test_windows_read_other_bones_at_the_same_place():
    masks = planes((128, 128), (140, 120))
    windows, bone = around(masks)
    assert windows.read(masks, bone.flip(0))[0].sum() == 81
    assert torch.equal(windows.read(masks, bone.flip(0))[0], masks[0, 1, 80:176, 80:176])


def test_a_small_grid_is_one_window():
    masks = planes((20, 30), side=64)
    windows, bone = around(masks)
    windows.write(masks, bone, torch.ones(1, 64, 64))
    assert masks.min() == 1


def test_an_empty_mask_has_its_window_in_the_middle():
    windows, _ = around(torch.zeros(1, 1, 256, 256))
    assert (int(windows.left[0]), int(windows.top[0])) == (79, 79)
