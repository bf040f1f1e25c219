"""How far frames from coarse masks lie from those of true masks, and training frames that err as much."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from handbone.anatomy import CARPALS
from handbone.core.bone_masks import BoneMasks
from handbone.core.frame import Frame
from handbone.method.roi_placement import place_roi
from handbone.recipe import schema

# Errors are measured on images that the coarse network was trained on, or on few: a refiner that never sees more than
# those would be trained on perfect ROIs. Shares of the ROI's side, degrees, logarithm of scale.
_LEAST = np.array([0.015, 0.015, 3.0, 0.03])
# Wilder frames than this come from images whose coarse masks are useless; the gate deals with those.
_MOST = np.array([0.15, 0.15, 25.0, 0.3])


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Measured errors of frames.

    Parameters
    ----------
    samples: (n, 4) per image: shift in x and y (shares of the ROI's side), turn (degrees), growth (logarithm of
        scale).
    lost: images whose frame fell back to the whole image or took the wrong hand; they are not among the samples.
    """

    samples: np.ndarray
    lost: int = 0

    @property
    def spread(self) -> np.ndarray:
        """(4,) robust standard deviations, never less than a small floor."""
        if not len(self.samples):
            return _LEAST
        return np.clip(1.4826 * np.median(np.abs(self.samples), axis=0), _LEAST, _MOST)

    def draw(self, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
        """(4,) one random error: a measured one, smoothed, or one as large as the measured ones usually are."""
        error = rng.normal(0.0, 1.0, 4) * self.spread
        if len(self.samples) and rng.random() < 0.5:
            error = self.samples[rng.integers(len(self.samples))] + 0.5 * error
        return strength * np.clip(error, -_MOST, _MOST)

    def to_json(self) -> dict:
        """The errors as JSON values."""
        return {"samples": np.round(self.samples, 5).tolist(), "lost": self.lost}

    @classmethod
    def from_json(cls, value: dict) -> "FrameErrors":
        """The errors that `to_json` wrote."""
        return cls(np.array(value["samples"], np.float64).reshape(-1, 4), value["lost"])


NO_ERRORS = FrameErrors(np.zeros((0, 4)))


def frame_error(frame: Frame, true_frame: Frame) -> np.ndarray | None:
    """(4,) how `frame` lies in `true_frame`, as in `FrameErrors.samples`; None where only one of them mirrors."""
    relative = np.vstack([true_frame.matrix, [0, 0, 1]])
    relative = (np.vstack([frame.matrix, [0, 0, 1]]) @ np.linalg.inv(relative))[:2]
    determinant = np.linalg.det(relative[:, :2])
    if determinant <= 0:
        return None
    rows, columns = true_frame.size_hw
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    shift = (relative[:, :2] @ middle + relative[:, 2] - middle) / (columns, rows)
    turn = np.rad2deg(np.arctan2(relative[1, 0] - relative[0, 1], relative[0, 0] + relative[1, 1]))
    return np.array([*shift, turn, np.log(determinant) / 2])


def measure_frame_errors(
    pairs: Iterable[tuple[BoneMasks, BoneMasks]],
    settings: schema.Roi,
    size: int,
    *,
    bones: Iterable[int] = CARPALS,
) -> FrameErrors:
    """The errors of frames from coarse masks against those from true masks, over pairs (coarse, ground truth)."""
    bones, samples, lost = tuple(bones), [], 0
    for coarse, ground_truth in pairs:
        decisions = [place_roi(masks, settings, size, bones=bones) for masks in (coarse, ground_truth)]
        error = None
        if all(d.fallback != "whole" for d in decisions):
            error = frame_error(decisions[0].frame, decisions[1].frame)
        if error is None:
            lost += 1
        else:
            samples.append(error)
    return FrameErrors(np.array(samples).reshape(-1, 4), lost)


def jitter_frame(frame: Frame, errors: FrameErrors, rng: np.random.Generator, *, strength: float = 1.0) -> Frame:
    """A frame that errs from `frame` as randomly and as much as frames from coarse masks do.

    >>> frame = Frame.around((100, 100), 64, 32)
    >>> jitter_frame(frame, NO_ERRORS, np.random.default_rng(0), strength=0.0) == frame
    True
    """
    x, y, turn, growth = errors.draw(rng, strength)
    rows, columns = frame.size_hw
    middle = ((columns - 1) / 2, (rows - 1) / 2)
    # OpenCV's rotation counts against the clock; ours with it.
    matrix = cv2.getRotationMatrix2D(middle, -turn, float(np.exp(growth)))
    matrix[:, 2] += (x * columns, y * rows)
    return frame.then(matrix)
