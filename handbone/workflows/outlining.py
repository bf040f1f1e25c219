"""A decoded radiograph to the outcome of each hand in it: which polarity shows a hand, and how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from handbone.anatomy import INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.radiograph import Radiograph
from handbone.formats.image_files import Invert
from handbone.method.confidence import confidence_of
from handbone.method.hands import hand_found
from handbone.method.quality_control import Flag, flags
from handbone.method.several_hands import OneHand, predict_hands
from handbone.method.two_stage import TwoStage
from handbone.plugins.events import PREDICTION_MADE, notify
from handbone.workflows.records import ImageRecord

#: Which hands of an image are outlined: the one that shows best, or each.
Hands = Literal["one", "all"]


@dataclass(frozen=True, eq=False)
class Outlined:
    """One hand of a radiograph.

    Parameters
    ----------
    radiograph: in the polarity that shows the hand.
    hand: the outcome in the pixels of the whole radiograph.
    masks: of its bones; none without a hand.
    flags: reasons to look again; those of the file's header first.
    """

    radiograph: Radiograph
    hand: OneHand
    masks: BoneMasks
    flags: list[Flag]

    @property
    def is_hand(self) -> bool:
        """Whether a hand is claimed."""
        return hand_found(self.hand.outcome.hand)

    @property
    def doubtful(self) -> list[int]:
        """Indices of the bones that are flagged."""
        return sorted({INDEX[bone] for flag in self.flags for bone in flag.bones})


def outline(
    method: TwoStage, radiograph: Radiograph, *, invert: Invert = "auto", hands: Hands = "one"
) -> list[Outlined]:
    """The hands of a radiograph; one entry, without masks, where it shows none.

    Parameters
    ----------
    invert: with "auto" a radiograph that shows no hand is read again with bones bright for dark, and that reading is
        kept where it shows one.
    hands: "one" outlines the one that shows best and says that there are others, "all" each by itself.
    """
    found = predict_hands(method, radiograph.image, every=hands == "all")
    if invert == "auto" and not hand_found(found[0].outcome.hand):
        other = radiograph.as_inverted(not radiograph.inverted)
        again = predict_hands(method, np.ascontiguousarray(other.image), every=hands == "all")
        if hand_found(again[0].outcome.hand):
            found, radiograph = again, other
    return [_outlined(method, radiograph, hand, every=hands == "all") for hand in found]


def _outlined(method: TwoStage, radiograph: Radiograph, hand: OneHand, *, every: bool) -> Outlined:
    masks = hand.outcome.final.threshold(method.threshold)
    found = [Flag(remark.rule, (), remark.message) for remark in radiograph.remarks]
    if hand.others and not every:
        another = "another hand" if hand.others == 1 else f"{hand.others} more hands"
        found.append(Flag("second-hand", (), f"the image shows {another}; --hands all outlines each"))
    found += _other_side(radiograph, hand)
    return Outlined(radiograph, hand, masks, found + flags(hand.outcome, masks))


def _other_side(radiograph: Radiograph, hand: OneHand) -> list[Flag]:
    """What the file says of the side, where the bones lie as in the other hand and the image shows no more hands."""
    seen = "" if hand.outcome.hand is None else hand.outcome.hand.side
    said = radiograph.laterality
    if hand.others or not (seen and said) or seen == said:
        return []
    names = {"R": "right", "L": "left"}
    message = f"the header says the {names[said]} hand, and the bones lie as in a {names[seen]} one"
    return [Flag("laterality", (), message)]


def names_of_hands(name: str, count: int) -> list[str]:
    """What the results of an image's hands are called: as the image, or NAME#1, NAME#2 where there are several."""
    return [name] if count == 1 else [f"{name}#{number}" for number in range(1, count + 1)]


def records_of(name: str, path: Path | None, found: Sequence[Outlined]) -> list[ImageRecord]:
    """What is known of each hand of an image; plugins that listen are told of each.

    Parameters
    ----------
    name: of the image. path: where it is; None for one in memory.
    """
    records = []
    for name_of_hand, one in zip(names_of_hands(name, len(found)), found, strict=True):
        record = _record(name_of_hand, path, one, len(found))
        notify(PREDICTION_MADE, image_name=record.name, masks=one.masks, confidence=dict(record.confidence))
        records.append(record)
    return records


def _record(name: str, path: Path | None, one: Outlined, hands: int) -> ImageRecord:
    outcome, radiograph, area = one.hand.outcome, one.radiograph, one.hand.area
    return ImageRecord(
        name=name,
        path="" if path is None else str(path),
        size_hw=radiograph.size_hw,
        inverted=radiograph.inverted,
        spacing_mm=radiograph.spacing_mm,
        spacing_source=radiograph.spacing_source,
        orientation=radiograph.orientation,
        hand=outcome.hand.to_json() if outcome.hand else None,
        hands=max(hands, 1 + one.hand.others) if one.is_hand else 0,
        region=(area.left, area.top, area.right, area.bottom) if one.hand.others else None,
        confidence=confidence_of(outcome, one.masks),
        location=outcome.location.to_json() if outcome.location else None,
        frames={name: frame.to_json() for name, frame in outcome.frames.items()},
        decisions=[decision.to_json() for decision in outcome.decisions],
        answers=[answer.to_json() for answer in outcome.answers],
        prompt_decisions=[decision.to_json() for decision in outcome.prompt_decisions],
        prior=outcome.prior.to_json() if outcome.prior else None,
        flags=[flag.to_json() for flag in one.flags],
        seconds={step: round(seconds, 4) for step, seconds in outcome.seconds.items()},
    )
