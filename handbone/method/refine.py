"""The second stage: another network reads the ROI around the wrist at full resolution."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.data.grid_dataset import GridDataset, LabelledImage, Polygons, Stream, bones_of
from handbone.data.view import resized, view
from handbone.method.roi import RegionOfInterest
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors, jitter_frame
from handbone.method.tta import PLAIN, View, tta_mean
from handbone.recipe import schema
from handbone.training.inference import Predictor

# How often all coarse channels, and how often each single one, are blank in training, so that the network reads the
# image and doesn't copy the coarse masks: a coarse mask that is missing or wrong must not cost the refined one.
_BLANK_ALL = 0.3
_BLANK_ONE = 0.1
# Samples a pixel each way: coarse masks are not known so exactly that more would tell more.
_CHANNEL_SAMPLES = 2
# Logits of bones that are not asked for: too low to take part in anything.
_ABSENT = -30.0


class RefineDataset(GridDataset):
    """ROIs around the wrist with all 29 bones as labels. See `GridDataset`.

    Parameters
    ----------
    roi: an image's ROI; true ROIs with `errors` for training, ROIs from coarse masks for validation.
    roi_share: the ROI's usual side as a share of the image's, for images that are drawn on the way.
    errors: how frames from coarse masks err.
    jitter: times these errors by which ROIs are moved at random; 0 leaves them in their place.
    random_roi_probability: how often an ROI is moved to another bone.
    rois: the further ROIs among whose bones it then chooses, with their fineness; all other bones without any.
    coarse: image name to the contours of its coarse masks, where these are further channels.
    blank: whether coarse channels are blanked at random, as training needs it.
    """

    def __init__(
        self,
        images: Sequence[LabelledImage] | Stream,
        roi: Callable[[LabelledImage], Frame],
        *,
        size: int,
        roi_share: float = 1.0,
        augment: schema.Augment | None = None,
        errors: FrameErrors = NO_ERRORS,
        jitter: float = 0.0,
        random_roi_probability: float = 0.0,
        rois: Sequence[RegionOfInterest] = (),
        coarse: Mapping[str, Polygons] | None = None,
        blank: bool = False,
        seed: int = 0,
    ):
        super().__init__(images, size=size, augment=augment, seed=seed)
        self.roi, self.roi_share, self.errors, self.jitter = roi, roi_share, errors, jitter
        self.random_roi_probability, self.rois = random_roi_probability, rois
        self.coarse, self.blank = coarse, blank

    def image_side(self) -> int:
        """An image whose ROI has about as many pixels as the grid."""
        return round(self.size / self.roi_share)

    def frame_of(self, radiograph: LabelledImage, rng: np.random.Generator) -> Frame:
        """The image's ROI, moved at random in training."""
        frame = resized(self.roi(radiograph), self.size)
        if self.random_roi_probability and rng.random() < self.random_roi_probability:
            frame = moved_to_a_bone(frame, radiograph.polygons, rng, self.rois)
        return jitter_frame(frame, self.errors, rng, strength=self.jitter) if self.jitter else frame

    def polygons_of(self, radiograph: LabelledImage) -> dict[int, list[np.ndarray]]:
        """True contours under 0 to 28, coarse ones under 29 to 57."""
        polygons = super().polygons_of(radiograph)
        if self.coarse is not None:
            polygons |= {COUNT + bone: list(contours) for bone, contours in self.coarse[radiograph.name].items()}
        return polygons

    def channels_of(self, grid: np.ndarray, polygons: Polygons, outline: float, rng: np.random.Generator) -> np.ndarray:
        """The image, and the coarse masks if they are channels."""
        if self.coarse is None:
            return grid[None]
        channels = with_coarse(grid, bones_of(polygons, COUNT), outline)
        if self.blank:
            blank = (rng.random(COUNT) < _BLANK_ONE) | (rng.random() < _BLANK_ALL)
            channels[1:][blank] = 0
        return channels


def moved_to_a_bone(
    frame: Frame, polygons: Polygons, rng: np.random.Generator, rois: Sequence[RegionOfInterest] = ()
) -> Frame:
    """An ROI of the same turn around a random visible bone, which lies up to a quarter of its side off the middle.

    Parameters
    ----------
    frame: the usual ROI.
    polygons: bone index to contours in the image.
    rois: choose one of these first, then one of its bones, and be as fine as it is; all bones count without any.
    """
    bones, finer = sorted(polygons), 1.0
    if rois:
        roi = rois[int(rng.integers(len(rois)))]
        bones, finer = [bone for bone in roi.bones if bone in polygons], roi.fineness
    if not bones:
        return frame
    rows, columns = frame.size_hw
    middle = np.array([columns - 1, rows - 1]) / 2
    at = frame.to_grid(np.concatenate(polygons[bones[rng.integers(len(bones))]])).mean(0)
    place = middle + rng.uniform(-0.25, 0.25, 2) * (columns, rows)
    return frame.then(np.column_stack([finer * np.eye(2), place - finer * at]))


def with_coarse(grid: np.ndarray, polygons: Polygons, outline: float) -> np.ndarray:
    """The image on the grid with coarse masks as further channels, float32 (1 + 29, h, w) in [0, 1].

    A channel is the share of each grid pixel that the mask covers. Masks and not probabilities, because contours can be
    moved like true ones in training, and because masks are all that is known of others' coarse predictions.

    Parameters
    ----------
    grid: the image (h, w).
    polygons: bone index to contours of its coarse mask in grid pixels.
    outline: grid pixels per image pixel.
    """
    channels = np.empty((1 + COUNT, *grid.shape), np.float32)
    channels[0] = grid
    covered = coverage(polygons, size_hw=grid.shape, outline=outline, supersample=_CHANNEL_SAMPLES)
    np.multiply(covered, np.float32(1 / 255), out=channels[1:])
    return channels


def predict_refined(
    predictor: Predictor,
    image: np.ndarray,
    frame: Frame,
    *,
    bones: Iterable[int],
    coarse: BoneMasks | None = None,
    flip: bool = False,
    views: Sequence[View] = PLAIN,
) -> BoneProbabilities:
    """The chosen bones as the refiner sees them in its ROI, in the image's own pixels; nothing elsewhere.

    Parameters
    ----------
    predictor: the refiner.
    image: float32 (H, W) in [0, 1].
    frame: the ROI.
    bones: indices of the bones to return.
    coarse: coarse masks, for a refiner with coarse channels.
    flip: average with the prediction of the mirrored ROI.
    views: the mean of these, see `handbone.method.tta`.
    """
    others = np.ones(COUNT, bool)
    others[list(bones)] = False

    def logits_of(frame: Frame, seen: View) -> np.ndarray:
        grid = seen.of_grid(view(image, frame))
        channels = grid[None]
        if coarse is not None:
            contours = {
                bone: [frame.to_grid(polygon) for polygon in polygons] for bone, polygons in coarse.polygons().items()
            }
            channels = with_coarse(grid, contours, frame.scale)
        logits = predictor.logits(channels, flip=flip)
        logits[others] = _ABSENT
        return logits

    return tta_mean(frame, image.shape, views, logits_of)
