"""How likely a bone's mask is right: calibrated on synthetic hands, some of whose bones are missing, cut or hidden.

A network's probability says how sure it is of pixels, not of a bone. Logistic regression on four features, and on the
anatomical prior's agreement where there is one, turns what is known of a mask into the probability that it overlaps its
bone by a Dice of at least one half. What it hides is told of patients that it did not know: folds by patient.
`handbone.method.calibration.confidence` asks more of a mask, by the same columns.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Literal, Self, TypeVar

import numpy as np
from pydantic import model_validator

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.data.plausible import REFERENCE_AREAS
from handbone.method.calibration import logistic
from handbone.method.calibration.folds import cross_fit
from handbone.method.pose.canonical import CENTROIDS_XY, SPREAD
from handbone.method.pose.registration import fit_pose
from handbone.recipe import schema

Feature = Literal["sureness", "margin", "area", "stray", "prior"]
_OF_MASKS: tuple[Feature, ...] = ("sureness", "margin", "area", "stray")
#: What is known of each mask of an image (n, 4) or (n, 5), and whether it is right (n,).
Rows = tuple[np.ndarray, np.ndarray]
#: A mask that is likelier wrong than right is left out.
SHOWN = 0.5
# Areas in squares of the third metacarpal's length, distances in usual spreads; beyond these more says nothing.
_MOST_AREA, _MOST_STRAY = 2.0, 5.0
# Between these the prior's agreement says something.
_AGREEMENT = 0.05, 0.99

Fit = TypeVar("Fit", bound="MaskRegression")


class MaskRegression(schema.Table):
    """Coefficients of the logistic regression, the intercept first, over the columns of `features`.

    features: names of those columns; weights files from before there was a prior do not name them.
    images: how many it was calibrated on.
    """

    features: tuple[Feature, ...] = _OF_MASKS
    coefficients: tuple[float, ...]
    images: int = 0

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if len(self.coefficients) != 1 + len(self.features):
            raise ValueError(f"{len(self.features)} features need {1 + len(self.features)} coefficients")
        return self

    @property
    def needs_prior(self) -> bool:
        """Whether the anatomical prior's agreement is among the features."""
        return "prior" in self.features

    def of(
        self, probabilities: BoneProbabilities, threshold: float = 0.5, agreement: np.ndarray | None = None
    ) -> np.ndarray:
        """(29,) the probability that each mask is right; 0 where there is none.

        agreement: (29,) Dice of each mask with what the prior expects, where that is among the features.
        """
        table, seen = features(probabilities, threshold, agreement if self.needs_prior else None)
        return np.where(seen, logistic.probability(self.coefficients, table), 0.0)

    @classmethod
    def fit(cls, images: Sequence[Rows], *, wrong_counts: float = 1.0) -> Self:
        """From each image's features (n, 4), or (n, 5) with a prior, and whether each mask was right (n,).

        wrong_counts: how many each wrong mask stands for.
        """
        table, right = (np.concatenate(each) for each in zip(*images, strict=True))
        names = _OF_MASKS if table.shape[1] == len(_OF_MASKS) else (*_OF_MASKS, "prior")
        coefficients = logistic.fit(table, right, counts=np.where(right, 1.0, wrong_counts))
        return cls(features=names, coefficients=coefficients, images=len(images))


def cross_fit_masks(
    patients: Sequence[Hashable], images: Sequence[Rows], fit: Callable[[Sequence[Rows]], Fit], below: float
) -> tuple[Fit, float | None, float | None]:
    """The fit to all images, and shares of the wrong and of the right masks that are less likely than `below`.

    The shares are of patients that a fit to the other folds' patients does not know.

    Parameters
    ----------
    patients: whose each image is. images, fit: see `MaskRegression.fit`.
    """
    fits = cross_fit(patients, lambda numbers: fit([images[n] for n in numbers]))
    unlikely, right = [], []
    for patient, (table, correct) in zip(patients, images, strict=True):
        unlikely.append(logistic.probability(fits.without(patient).coefficients, table) < below)
        right.append(correct)
    doubted, correct = np.concatenate(unlikely), np.concatenate(right)
    return fits.final, _share(doubted[~correct]), _share(doubted[correct])


class Presence(MaskRegression):
    """How likely each mask shows its bone.

    wrong_hidden, right_hidden: shares of the wrong and of the right masks that it leaves out, on patients that it did
        not know; None where nobody measured, or where there is no such mask.
    """

    wrong_hidden: float | None = None
    right_hidden: float | None = None

    @classmethod
    def cross_fit(cls, patients: Sequence[Hashable], images: Sequence[Rows]) -> Self:
        """As `fit`, with what it hides of patients that it does not know; see `cross_fit_masks`."""
        final, wrong, right = cross_fit_masks(patients, images, cls.fit, SHOWN)
        return final.model_copy(update={"wrong_hidden": wrong, "right_hidden": right})


def _share(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 4) if values.size else None


def features(
    probabilities: BoneProbabilities, threshold: float = 0.5, agreement: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What is known of each mask, (29, 4), and whether there is a mask, (29,) bool.

    The log odds of the mean probability inside the mask; the share of what lies above the least probability that lies
    inside; the deviation of the logarithm of the area from an adult hand's; and how far the centroid strays from where
    the other bones expect it, in usual spreads. With a prior's `agreement` (29,), its log odds are a fifth column.
    """
    masks = probabilities.threshold(threshold)
    seen = masks.present()
    table = np.zeros((anatomy.COUNT, len(_OF_MASKS)))
    fits = fit_pose(masks.centroids_xy(), tuple(range(anatomy.COUNT)))
    areas, centroids = masks.areas(), masks.centroids_xy()
    for bone in np.flatnonzero(seen):
        crop = probabilities.crops[bone]
        inside = crop >= max(255 * threshold, 1)
        mean = np.clip(crop[inside].mean() / 255, 0.01, 0.995)
        table[bone, 0] = np.log(mean / (1 - mean))
        table[bone, 1] = np.count_nonzero(inside) / np.count_nonzero(crop)
        if fits is not None:
            area = abs(np.log(areas[bone] / (REFERENCE_AREAS[bone] * fits[0].mc3_length_px ** 2)))
            stray = np.hypot(*(centroids[bone] - fits[0].place(CENTROIDS_XY[[bone]])[0]))
            table[bone, 2] = min(area, _MOST_AREA)
            table[bone, 3] = min(stray / (SPREAD[bone] * fits[0].mc3_length_px), _MOST_STRAY)
        else:
            table[bone, 2:] = _MOST_AREA, _MOST_STRAY
    if agreement is not None:
        likely = np.clip(agreement, *_AGREEMENT)
        table = np.column_stack([table, np.log(likely / (1 - likely))])
    return table, seen
