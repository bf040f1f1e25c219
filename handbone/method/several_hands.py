"""Images that show more than one hand: where each lies, and the outcome of each by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.method.coarse import predict_coarse
from handbone.method.hand_areas import areas, beside, overlap, slices
from handbone.method.hands import hand_found
from handbone.method.locate import Location, rate, turned
from handbone.method.outcome import MethodResult
from handbone.method.postprocess import postprocess
from handbone.method.two_stage import TwoStage

# A hand is about 2.3 lengths of its third metacarpal wide and 3.5 long; another one in the image may be smaller.
_LEAST_SIDES = (1.1, 1.9)
# So much of 29 bones, each weighted by its probability, has to lie as in a hand; feet reach .4.
_CLEAR = 0.6
# Where a look shows less than this, the mirrored image is not read as well: the mean of both cannot be clear.
_LIKELY = 0.35
# A hand that a look of its own shows clearly leaves some bone in the pass over the whole image, too: .89 or more in 14
# drawn pairs, with the other hand half as large in some. Where there is less than this of any bone, no look is taken.
_TRACE = 0.25
# Grid pixels by which a trace has to lie inside that place: bones of the hand beside it are blurred at their rims.
_RIM = 3
#: No more are looked for.
MOST_HANDS = 8
_FOREARM = set(anatomy.select(("forearm",)))


@dataclass(frozen=True, eq=False)
class OneHand:
    """One of the hands of an image.

    Parameters
    ----------
    outcome: what the networks say of it, in the pixels of the whole image.
    area: the part of the image that they were shown; no other hand lies in it.
    others: how many further hands the image shows.
    """

    outcome: MethodResult
    area: Box
    others: int = 0


class _Hand(NamedTuple):
    """Where a hand lies: the box of its bones but for the forearm, and that of all of them."""

    box: Box
    with_forearm: Box


# One look at a part of an image: the hand in it; None without a clear one.
_Look = Callable[[Box], _Hand | None]


def predict_hands(method: TwoStage, image: np.ndarray, *, every: bool = True) -> list[OneHand]:
    """Each hand of an image by itself, from left to right; at least one entry.

    An image with one hand, with none, or of weights that do not look for hands has one: that of `method.predict`.

    Parameters
    ----------
    image: float32 (H, W) in [0, 1], of any size.
    every: whether all hands are outlined, or the one alone that the whole image shows best.
    """
    whole = method.predict(image)
    boxes = find_hands(method, image, whole)
    if len(boxes) < 2:
        return [OneHand(whole, Box.whole(image.shape))]
    parts = areas(boxes, image.shape)
    hands = []
    for area in sorted(parts) if every else parts[:1]:
        part = np.ascontiguousarray(image[area.inside(Box.whole(image.shape))])
        outcome = in_whole_image(method.predict(part), area, image.shape)
        if hand_found(outcome.hand):
            hands.append(OneHand(outcome, area, len(boxes) - 1))
    others = len(boxes) - 1 if hand_found(whole.hand) else 0
    return hands or [OneHand(whole, Box.whole(image.shape), others)]


def find_hands(method: TwoStage, image: np.ndarray, whole: MethodResult) -> list[Box]:
    """The boxes of all hands in an image, without their forearms; that of the outcome first, if it shows a hand.

    Beside a hand that was found there is looked for others wherever one could lie. In images that a hand fills there
    is no such place, and no look is taken; nor is one where the pass over the whole image shows no trace of bones.
    Where the whole image shows none, its parts may: the bones of several hands that lie apart, or in opposite ways,
    make no hand together.
    """
    if method.settings.find_hand is None or whole.location is None:
        return []
    look, everywhere = _look(method, image, whole.location), Box.whole(image.shape)
    if not hand_found(whole.hand):
        return _in_parts(slices(everywhere), look)
    first = _hand_of(whole.final)
    return [] if first is None else _and_beside(first, look, everywhere)


def in_whole_image(outcome: MethodResult, area: Box, image_hw: tuple[int, int]) -> MethodResult:
    """The outcome of a part of an image, in the pixels of the whole one."""
    shift = np.array([[1.0, 0.0, -area.left], [0.0, 1.0, -area.top]])

    def moved(frame: Frame) -> Frame:
        return Frame(shift, frame.size_hw).then(frame.matrix, frame.size_hw)

    location = outcome.location
    return replace(
        outcome,
        coarse=_moved(outcome.coarse, area, image_hw),
        final=_moved(outcome.final, area, image_hw),
        frames={name: replace(each, frame=moved(each.frame)) for name, each in outcome.frames.items()},
        location=None if location is None else replace(location, frame=moved(location.frame), traces=None),
    )


def _moved(probabilities: BoneProbabilities, area: Box, image_hw: tuple[int, int]) -> BoneProbabilities:
    parts = [
        (crop, Box(*box).moved(area.left, area.top) if crop.size else Box(0, 0, 0, 0))
        for crop, box in zip(probabilities.crops, probabilities.boxes_xyxy.tolist(), strict=True)
    ]
    return BoneProbabilities.from_crops(parts, image_hw)


def _hand_of(probabilities: BoneProbabilities) -> _Hand | None:
    """The bones that lie as in a hand, as boxes."""
    _, fit = rate(probabilities)
    boxes = probabilities.threshold(0.5).boxes_xyxy
    bones = () if fit is None else fit.inliers
    box = Box.around(boxes[bone].tolist() for bone in bones if bone not in _FOREARM)
    return None if box.is_empty else _Hand(box, Box.around(boxes[bone].tolist() for bone in bones))


def _look(method: TwoStage, image: np.ndarray, location: Location) -> _Look:
    size, network = method.settings.find_hand, method.coarse_stage.predictor
    assert size is not None
    rim = _RIM * max(image.shape) / size

    def rated(shown: np.ndarray, frame: Frame, *, flip: bool) -> tuple[float, BoneProbabilities]:
        seen = postprocess(predict_coarse(network, shown, size, frame=frame, flip=flip))
        return rate(seen)[0], seen

    def look(part: Box) -> _Hand | None:
        if location.traces is not None and not _shows_bones(location.traces, part, round(rim)):
            return None
        shown = np.ascontiguousarray(image[part.inside(Box.whole(image.shape))])
        letterbox = Frame.letterbox(shown.shape, (size, size))
        # Hands of one image lie alike, turned as the first hand had to be, or they face each other.
        for turns in (location.quarter_turns, location.quarter_turns + 2):
            frame = turned(letterbox, turns, mirrored=location.mirrored_pass)
            score, seen = rated(shown, frame, flip=False)
            if method.settings.flip_tta and score >= _LIKELY:
                score, seen = rated(shown, frame, flip=True)
            hand = _hand_of(seen) if score >= _CLEAR else None
            if hand is not None:
                return _Hand(*(box.moved(part.left, part.top) for box in hand))
        return None

    return look


def _in_parts(parts: Sequence[Box], look: _Look) -> list[Box]:
    """The boxes of the hands that parts of an image show, each once."""
    found: list[Box] = []
    for part in parts:
        hand = look(part)
        if hand is not None and not any(overlap(hand.box, known) for known in found):
            found.append(hand.box)
    return found


def _shows_bones(traces: BoneProbabilities, part: Box, rim: int) -> bool:
    """Whether the pass over the whole image shows a trace of any bone in a part of it, but for so many pixels' rim."""
    part = Box(part.left + rim, part.top + rim, part.right - rim, part.bottom - rim)
    for crop, box in zip(traces.crops, traces.boxes_xyxy.tolist(), strict=True):
        shared = Box(*box).shared(part)
        if not shared.is_empty and crop[shared.inside(box)].max() >= 255 * _TRACE:
            return True
    return False


def _and_beside(hand: _Hand, look: _Look, within: Box) -> list[Box]:
    """The box of a hand, and those of the hands that looks find beside it."""
    found = [hand.box]
    # The third metacarpal is about a quarter of a hand's length.
    unit = max(hand.box.size_hw) / 3.6
    short, long = (share * unit for share in _LEAST_SIDES)
    for part in beside(hand.with_forearm, within):
        if min(part.size_hw) < short or max(part.size_hw) < long:
            continue
        other = look(part)
        if other is not None:
            more = _and_beside(other, look, part)
            found += [one for one in more if not any(overlap(one, known) for known in found)]
    return found[:MOST_HANDS]
