"""Finding the hand: one pass over the whole image, other turns and the mirror image where it seems turned, and the
square in which the hand stands upright at a size that the coarse network knows well.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from handbone import anatomy
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.core.grid_logits import grid_boxes
from handbone.method.coarse import predict_coarse
from handbone.method.merge import paste_weight
from handbone.method.pose.registration import PoseFit, fit_pose
from handbone.method.postprocess import postprocess
from handbone.method.tta import PLAIN, View
from handbone.networks.grid_network import GridNetwork

# A pass that places so many of the 29 bones, weighted by their confidence, needs no other turn.
_GOOD = 0.72
# Below this a hand is not found, and the whole image is read.
_FOUND = 0.3
_FEATHER = 0.06
#: A pass over a hand that lies about upright and fills the image counts as much as the close pass: two views of one
#: hand err less than one. Length of the third metacarpal as a share of the pass's side, and degrees.
SEEN_WELL = (0.15, 0.3)
UPRIGHT = 14.0
CLOSE_SHARE = 0.5
# Grid pixels by which bones of the close pass may lie beyond those of the pass over the whole image.
_BEYOND = 32
_FOREARM = anatomy.select(("forearm",))


@dataclass(frozen=True)
class Location:
    """Where the hand is, and how it was found.

    Parameters
    ----------
    frame: image to the grid that the coarse network reads.
    found: whether the frame stands around a hand; else it is the whole image.
    score: 0 to 1, how many of the 29 bones lie where a hand has them, each weighted by its confidence.
    quarter_turns: clockwise quarter turns of the image in the pass that showed the hand best.
    mirrored_pass: whether that pass was at the mirrored image.
    passes: number of passes taken.
    degrees: direction of the hand's axis, clockwise from the image's upward axis.
    thumb: the side of the image, with the hand upright, on which the thumb lies: "left" or "right".
    seen_well: whether the pass itself is as good as the close pass.
    traces: all that the pass shows of bones anywhere in the image; None where that is not known.
    """

    frame: Frame
    found: bool
    score: float
    quarter_turns: int = 0
    mirrored_pass: bool = False
    passes: int = 1
    degrees: float = 0.0
    thumb: str = ""
    seen_well: bool = False
    traces: BoneProbabilities | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict:
        """The location as JSON values; what the pass shows is left out."""
        values = asdict(replace(self, traces=None))
        del values["traces"]
        return {**values, "frame": self.frame.to_json()}


def predict_located(
    predictor: GridNetwork,
    image: np.ndarray,
    size: int,
    *,
    pass_size: int,
    flip: bool = False,
    views: Sequence[View] = PLAIN,
) -> tuple[BoneProbabilities, Location]:
    """All bones of an image in which the hand may lie anywhere and any way round.

    Parameters
    ----------
    predictor: the coarse network.
    image: float32 (H, W) in [0, 1].
    size: side of the grid for the hand. pass_size: side of the grid for the passes over the whole image.
    flip, views: as `predict_coarse`; views of the close pass only.
    """
    seen, place = locate(predictor, image, size, pass_size=pass_size, flip=flip)
    if not place.found:
        return postprocess(predict_coarse(predictor, image, size, flip=flip, views=views)), place
    within = _where_bones_are(seen, place.frame)
    close = predict_coarse(predictor, image, size, frame=place.frame, flip=flip, views=views, within=within)
    return join(seen, close, place), place


def _where_bones_are(seen: BoneProbabilities, frame: Frame) -> Box | None:
    """The part of a grid with all bones, and what lies below them; None where one is missing and may lie anywhere."""
    masks = seen.threshold(0.5)
    if not masks.present().all():
        return None
    # In this frame the hand stands upright: the forearm goes on downwards.
    return grid_boxes(frame, masks.boxes_xyxy, _BEYOND)._replace(bottom=frame.size_hw[0])


def join(seen: BoneProbabilities, close: BoneProbabilities, place: Location) -> BoneProbabilities:
    """What the pass over the whole image and the close pass say together.

    Parameters
    ----------
    seen, place: from `locate`, which found a hand.
    close: what was read in the frame of `place`, in the image's own pixels.
    """
    share = CLOSE_SHARE if place.seen_well else 1.0
    # The square cuts the forearm: beyond it the pass alone tells. Of other bones nothing lies there.
    box, inside = paste_weight(place.frame, seen.size_hw, _FEATHER, within=_around((seen, close), _FOREARM))
    forearm = seen.blend(close, (box, share * inside), _FOREARM)
    rest = tuple(bone for bone in range(anatomy.COUNT) if bone not in _FOREARM)
    around = _around((seen, close), rest)
    return postprocess(forearm.blend(close, (around, np.full(around.size_hw, share, np.float32)), rest))


def _around(several: Sequence[BoneProbabilities], bones: Sequence[int]) -> Box:
    """The box around some bones."""
    return Box.around(each.boxes_xyxy[bone].tolist() for each in several for bone in bones)


def locate(
    predictor: GridNetwork, image: np.ndarray, size: int, *, pass_size: int, flip: bool = False
) -> tuple[BoneProbabilities, Location]:
    """What the best pass over the whole image showed, and where to read closely. Parameters as `predict_located`."""
    best: tuple[float, BoneProbabilities | None, PoseFit | None, int, bool] = (-1.0, None, None, 0, False)
    traces = None
    passes = 0
    for turns, mirrored in ((0, False), (2, False), (1, False), (3, False), (0, True), (2, True), (1, True), (3, True)):
        frame = turned(Frame.letterbox(image.shape, (pass_size, pass_size)), turns, mirrored=mirrored)
        shown = predict_coarse(predictor, image, pass_size, frame=frame, flip=flip)
        masks = postprocess(shown)
        score, fit = rate(masks)
        passes += 1
        if score > best[0]:
            best, traces = (score, masks, fit, turns, mirrored), shown
        if best[0] >= _GOOD:
            break
    score, seen, fit, turns, mirrored = best
    assert seen is not None  # any score is above the first
    if fit is None or score < _FOUND:
        whole = Frame.letterbox(image.shape, (size, size))
        return seen, Location(whole, False, round(max(score, 0.0), 4), passes=passes)
    frame = fit.square(size)
    thumb = "right" if fit.mirrored else "left"
    # In the pass the image is turned: what counts is how the hand stands there.
    tilt = abs((fit.degrees + 90 * turns + 180) % 360 - 180)
    well = tilt < UPRIGHT and SEEN_WELL[0] < fit.mc3_length_px / max(image.shape) < SEEN_WELL[1]
    direction = round(fit.degrees, 2)
    return seen, Location(frame, True, round(score, 4), turns, mirrored, passes, direction, thumb, well, traces)


def turned(frame: Frame, quarter_turns: int, *, mirrored: bool = False) -> Frame:
    """The same square of the image, turned clockwise by quarters in the grid, then mirrored."""
    middle = (frame.size_hw[0] - 1) / 2
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter_turns % 4]
    linear = np.array([[cosine, -sine], [sine, cosine]], np.float64)
    if mirrored:
        linear = np.diag([-1.0, 1.0]) @ linear
    centre = np.array([middle, middle])
    return frame.then(np.column_stack([linear, centre - linear @ centre]))


def rate(seen: BoneProbabilities) -> tuple[float, PoseFit | None]:
    """How much of a hand was seen, 0 to 1, and how the canonical pose lies in the image."""
    masks = seen.threshold(0.5)
    fits = fit_pose(masks.centroids_xy(), tuple(range(anatomy.COUNT)))
    if fits is None:
        return 0.0, None
    peaks = seen.peak()
    return float(sum(peaks[bone] for bone in fits[0].inliers) / anatomy.COUNT), fits[0]
