"""Parts of an image in which hands may lie, and the part that belongs to each hand; boxes alone, no networks."""

from collections.abc import Sequence

from handbone.core.box import Box

# An image so many times as long as wide may show three hands in a row.
_LONG = 1.8


def areas(hands: Sequence[Box], image_hw: tuple[int, int]) -> list[Box]:
    """For each hand the part of the image up to half the way to every other hand."""
    return [_area_of(hand, [other for other in hands if other is not hand], image_hw) for hand in hands]


def slices(whole: Box) -> list[Box]:
    """Halves of an image along its longer side, or both if it is square, and thirds of a long one."""
    height, width = whole.size_hw
    counts = ((2, 3) if max(height, width) >= _LONG * min(height, width) else (2,)) if min(height, width) > 1 else ()
    across = [_slice(whole, n, count, wide=True) for count in counts for n in range(count) if width >= height]
    return across + [_slice(whole, n, count, wide=False) for count in counts for n in range(count) if height >= width]


def _slice(whole: Box, number: int, count: int, *, wide: bool) -> Box:
    height, width = whole.size_hw
    if wide:
        return Box(number * width // count, 0, (number + 1) * width // count, height)
    return Box(0, number * height // count, width, (number + 1) * height // count)


def beside(hand: Box, within: Box) -> list[Box]:
    """The parts of an image left and right of a hand, above and below it, the largest first."""
    parts = [
        Box(within.left, within.top, hand.left, within.bottom),
        Box(hand.right, within.top, within.right, within.bottom),
        Box(within.left, within.top, within.right, hand.top),
        Box(within.left, hand.bottom, within.right, within.bottom),
    ]
    return sorted((part for part in parts if not part.is_empty), key=lambda part: -part.area)


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share more than a quarter of the smaller one, as those of one hand do."""
    return one.shared(other).area > 0.25 * min(one.area, other.area)


def _area_of(hand: Box, others: Sequence[Box], image_hw: tuple[int, int]) -> Box:
    left, top, right, bottom = Box.whole(image_hw)
    for other in others:
        gaps = {
            "left": hand.left - other.right,
            "right": other.left - hand.right,
            "top": hand.top - other.bottom,
            "bottom": other.top - hand.bottom,
        }
        side = max(gaps, key=lambda name: gaps[name])
        if side == "left":
            left = max(left, (hand.left + other.right) // 2)
        elif side == "right":
            right = min(right, (hand.right + other.left) // 2)
        elif side == "top":
            top = max(top, (hand.top + other.bottom) // 2)
        else:
            bottom = min(bottom, (hand.bottom + other.top) // 2)
    return Box(left, top, max(right, left + 1), max(bottom, top + 1))
