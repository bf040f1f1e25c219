"""`handbone adapt` in a process of its own, as quick as it gets."""

import functools


def adapt_quickly() -> None:
    """Have `handbone adapt` judge by two hands, save its state at each step, and be told its first masks."""
    from handbone.workflows.adapt import mean_teacher, radiographs, settings

    settings.AdaptSettings = functools.partial(settings.AdaptSettings, hands=2, round_steps=2)
    mean_teacher._CHECKPOINT_EVERY = 1
    radiographs.outline = lambda *_: _told_masks()


@functools.cache
def _told_masks():
    """Pseudo-masks of one hand of 128 pixels."""
    from handbone.anatomy import COUNT
    from handbone.core.frame import Frame
    from handbone.synthetic import draw_hand
    from handbone.workflows.adapt.pseudo_masks import PseudoMasks

    hand = draw_hand(3, size=128, bent=False, side="R")
    polygons = {n * COUNT + bone: polygons for n in range(3) for bone, polygons in hand.masks.polygons().items()}
    return PseudoMasks(hand.masks.size_hw, Frame.letterbox(hand.masks.size_hw, (64, 64)), polygons, {})
