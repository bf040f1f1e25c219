"""The prior at work on an image's masks: names put right, each bone judged, spurs and bites mended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.errors import HandboneError
from handbone.core.frame import Frame
from handbone.method.prior.canonical import canonical_coverage, canonical_frame
from handbone.method.prior.compare import LEAST_PX, Plausibility, agreement, dice_table, plausibilities
from handbone.method.prior.names import renamed_order, wrong_names
from handbone.method.prior.repair import repaired
from handbone.method.settings import PriorSettings
from handbone.training.inference import Precision, Predictor
from handbone.weights.network_file import read_card

#: The network as a function of masks, see `PriorStage`.
PriorNetwork = Callable[[np.ndarray], np.ndarray]

# A mask that agrees less is not surely that bone: nothing of it is mended.
_SAME_BONE = 0.7
# Under their new names masks agree at least so well on average.
_PUT_RIGHT = 0.7
# Names of fingers that are put right turn the frame, in which others show to be wrong.
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class PriorReport:
    """What the prior found and did.

    Parameters
    ----------
    bones: 29 comparisons of the masks, under their right names and before they were mended.
    renamed: (old name, new name) of masks that were called otherwise.
    mended: name of each bone that was mended to pixels taken away and pixels added.
    expected: names of bones without a mask where the others leave room for one.
    """

    bones: tuple[Plausibility, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    mended: tuple[tuple[str, int, int], ...] = ()
    expected: tuple[str, ...] = ()

    @property
    def agreement(self) -> np.ndarray:
        """(29,) Dice of each mask with what the prior expects."""
        return np.array([bone.agreement for bone in self.bones])

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values; of the comparisons, the agreement."""
        agreed = dict(zip(anatomy.NAMES, self.agreement.tolist(), strict=True))
        return {
            "agreement": agreed,
            "renamed": [list(pair) for pair in self.renamed],
            "mended": {name: {"taken_px": taken, "added_px": added} for name, taken, added in self.mended},
            "expected": list(self.expected),
        }


def read_prior(path: Path, precision: Precision = "auto", *, device: str | None = None) -> PriorNetwork:
    """The network of a weights file.

    Raises
    ------
    HandboneError: no such file, or weights of another stage.
    """
    stage = read_card(path).stage
    if stage != "prior":
        raise HandboneError(f"these are weights of the stage '{stage}', not of an anatomical prior", where=path)
    return Predictor(path, precision, device=device).logits


@dataclass(frozen=True, eq=False)
class PriorStage:
    """The prior's network and how it is used.

    Parameters
    ----------
    logits: maps masks (29, 256, 256) float32 in [0, 1] to logits of that shape.
    settings: which of its findings are acted on.
    """

    logits: PriorNetwork
    settings: PriorSettings = field(default_factory=PriorSettings)

    def __call__(
        self, probabilities: BoneProbabilities, threshold: float = 0.5
    ) -> tuple[BoneProbabilities, PriorReport]:
        """The probabilities as the prior leaves them, and its report; where no hand can be placed, nothing agrees."""
        seen = self._look(probabilities, threshold)
        if seen is None:
            return probabilities, PriorReport((Plausibility(0.0),) * anatomy.COUNT)
        renamed: tuple[tuple[str, str], ...] = ()
        if self.settings.rename:
            seen, renamed = self._put_right(seen, threshold)
        found = plausibilities(seen.coverage, seen.expected, seen.table)
        mendable = anatomy.select(self.settings.repair or ())
        same = [bone for bone in mendable if found[bone].agreement >= _SAME_BONE]
        mended, changed = repaired(seen.probabilities, seen.coverage, seen.expected, seen.frame, same)
        missing = (seen.coverage.sum((1, 2)) == 0) & ((seen.expected > 0.5).sum((1, 2)) >= LEAST_PX)
        report = PriorReport(
            tuple(found),
            renamed,
            tuple((anatomy.NAMES[bone], *pixels) for bone, pixels in changed.items()),
            tuple(anatomy.NAMES[bone] for bone in np.flatnonzero(missing)),
        )
        return mended, report

    def agreement(self, probabilities: BoneProbabilities, threshold: float = 0.5) -> np.ndarray:
        """(29,) Dice of each mask with what the prior makes of all of them; 0 where no hand can be placed."""
        seen = self._look(probabilities, threshold)
        if seen is None:
            return np.zeros(anatomy.COUNT)
        return np.array([bone.agreement for bone in plausibilities(seen.coverage, seen.expected, seen.table)])

    def _look(self, probabilities: BoneProbabilities, threshold: float) -> "_Seen | None":
        """What the prior makes of masks; None where no hand can be placed."""
        masks = probabilities.threshold(threshold)
        frame = canonical_frame(masks)
        if frame is None:
            return None
        logits = self.logits(canonical_coverage(probabilities, frame))
        # Nothing is expected outside of the image.
        inside = frame.warp(np.ones(probabilities.size_hw, np.float32))
        expected = (inside / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
        coverage = canonical_coverage(BoneProbabilities.from_masks(masks), frame)
        return _Seen(probabilities, frame, expected, coverage)

    def _put_right(self, seen: "_Seen", threshold: float) -> tuple["_Seen", tuple[tuple[str, str], ...]]:
        """The masks under their right names, and the (old, new) names of those that were called otherwise."""
        origin: list[int | None] = list(range(anatomy.COUNT))
        for _ in range(_ROUNDS):
            there = seen.coverage.sum((1, 2)) >= LEAST_PX
            groups = wrong_names(seen.table, there)
            if not groups:
                break
            order = renamed_order(groups)
            again = self._look(_reordered(seen.probabilities, order), threshold)
            if again is None or not _fits_better(again, groups):
                break
            seen, origin = again, [None if old is None else origin[old] for old in order]
        pairs = [(old, new) for new, old in enumerate(origin) if old not in (None, new)]
        return seen, tuple((anatomy.NAMES[old], anatomy.NAMES[new]) for old, new in pairs)


@dataclass(frozen=True, eq=False)
class _Seen:
    """Masks in an image, their canonical frame, and on its grid the prior's (29, h, w) and theirs, both in [0, 1]."""

    probabilities: BoneProbabilities
    frame: Frame
    expected: np.ndarray
    coverage: np.ndarray

    @cached_property
    def table(self) -> np.ndarray:
        """(29, 29) Dice of the masks, in rows, with the expected ones."""
        return dice_table(self.coverage, self.expected)


def _fits_better(seen: _Seen, groups: list[dict[int, int]]) -> bool:
    """Whether masks under new names agree with what the prior makes of them then."""
    renamed = [new for group in groups for new in group.values()]
    return bool(np.mean([agreement(seen.coverage[bone], seen.expected[bone]) for bone in renamed]) >= _PUT_RIGHT)


def _reordered(probabilities: BoneProbabilities, order: list[int | None]) -> BoneProbabilities:
    """The probabilities with each bone's from `order`, nothing where that is None."""
    empty = np.zeros((0, 0), np.uint8), (0, 0, 0, 0)
    parts = [
        empty if old is None else (probabilities.crops[old], tuple(probabilities.boxes_xyxy[old].tolist()))
        for old in order
    ]
    return BoneProbabilities.from_crops(parts, probabilities.size_hw)
