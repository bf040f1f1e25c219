"""Pseudo-masks: what the teacher sees in an unlabelled radiograph, kept where its views agree and anatomy holds.

Pixels on which views disagree have no weight, bones that are doubtful as a whole have none anywhere, and a radiograph
with too few credible bones is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from handbone.anatomy import COUNT, INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.data.grid_dataset import Polygons
from handbone.method.locate import join, locate
from handbone.method.pose.registration import fit_pose
from handbone.method.quality_control import flags
from handbone.method.settings import MethodSettings
from handbone.method.two_stage import MethodResult, Stage
from handbone.workflows.adapt.views import agreement, read_views

# One of eight views may differ at a pixel (7 / 8 > .8), two may not.
_SURE = 0.8
_LEAST_AGREEMENT = 0.85
# A hand of which less than half is credible is likelier misread than cropped.
_FEWEST_BONES = 15


@dataclass(frozen=True, eq=False)
class PseudoMasks:
    """The pseudo-masks of one radiograph.

    Parameters
    ----------
    size_hw: the image's height and width.
    frame: the square around the hand that the network reads closely.
    polygons: contours in the image. Keys 0 to 28: the masks; 29 to 57: where a bone is sure; 58 to 86: where it is
        possible. Between the last two a pixel has no weight.
    dropped: index of each bone that has no weight anywhere to the reason.
    """

    size_hw: tuple[int, int]
    frame: Frame
    polygons: Polygons
    dropped: Mapping[int, str]

    @property
    def usable(self) -> bool:
        """Whether enough bones are credible to learn from the image at all."""
        return COUNT - len(self.dropped) >= _FEWEST_BONES

    def to_json(self) -> dict[str, Any]:
        """The pseudo-masks as JSON values."""
        return {
            "size_hw": list(self.size_hw),
            "frame": self.frame.to_json(),
            "polygons": {
                str(key): [polygon.tolist() for polygon in polygons] for key, polygons in self.polygons.items()
            },
            "dropped": {NAMES[bone]: reason for bone, reason in self.dropped.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The pseudo-masks that `to_json` wrote."""
        polygons = {
            int(key): [np.array(polygon, np.int32) for polygon in polygons]
            for key, polygons in value["polygons"].items()
        }
        dropped = {INDEX[name]: reason for name, reason in value["dropped"].items()}
        return cls(tuple(value["size_hw"]), Frame.from_json(value["frame"]), polygons, dropped)


def outline(teacher: Stage, settings: MethodSettings, image: np.ndarray) -> PseudoMasks | None:
    """The pseudo-masks of a radiograph; None where no hand is found.

    Parameters
    ----------
    teacher: the coarse network.
    settings: how it is used.
    image: float32 (H, W) in [0, 1].
    """
    seen, place = None, None
    frame = Frame.letterbox(image.shape, (teacher.size, teacher.size))
    if settings.find_hand is not None:
        seen, place = locate(teacher.predictor, image, teacher.size, pass_size=settings.find_hand, flip=True)
        if not place.found:
            return None
        frame = place.frame
    passes = read_views(teacher, image, frame)
    mean = BoneProbabilities.mean(passes)
    agreed = agreement([each.threshold(0.5) for each in passes], mean.threshold(0.5))
    probabilities = mean if place is None else join(seen, mean, place)
    presence = None if settings.presence is None else settings.presence.of(probabilities, settings.threshold)
    outcome = MethodResult(probabilities, probabilities, location=place, presence=presence)
    return PseudoMasks(image.shape, frame, _polygons(probabilities), distrusted(outcome, agreed))


def distrusted(outcome: MethodResult, agreed: np.ndarray) -> dict[int, str]:
    """Bones that are not to be learned from: absent, contradicted by anatomy, or seen differently in each view.

    Parameters
    ----------
    outcome: the mean of all views.
    agreed: (29,) how far views agree on each bone, from `agreement`.

    Returns
    -------
    Index of each such bone to the reason, in anatomy order.
    """
    masks = outcome.final.threshold(0.5)
    found = {bone: "absent" for bone in np.flatnonzero(~masks.present()).tolist()}
    for flag in flags(outcome, masks):
        for name in flag.bones:
            found.setdefault(INDEX[name], flag.rule)
    fits = fit_pose(masks.centroids_xy(), tuple(range(COUNT)))
    for bone in fits[0].outliers if fits else ():
        found.setdefault(bone, "out-of-place")
    for bone in np.flatnonzero(agreed < _LEAST_AGREEMENT).tolist():
        found.setdefault(bone, "views-disagree")
    return dict(sorted(found.items()))


def _polygons(probabilities: BoneProbabilities) -> Polygons:
    levels: list[BoneMasks] = [probabilities.threshold(level) for level in (0.5, _SURE, 1 - _SURE)]
    return {n * COUNT + bone: polygons for n, masks in enumerate(levels) for bone, polygons in masks.polygons().items()}
