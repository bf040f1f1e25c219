"""The second stage: another network reads the window around the wrist at full resolution."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.frame import Frame
from handbone.core.rasterise import coverage
from handbone.data.grid_dataset import GridDataset, LabelledPicture, Rings, Stream, bones_of
from handbone.data.view import resized, view
from handbone.method.roi import Window
from handbone.method.roi_jitter import NO_ERRORS, FrameErrors, jitter_frame
from handbone.method.tta import PLAIN, View, tta_mean
from handbone.recipe import schema
from handbone.training.inference import Predictor

# How often all coarse channels, and how often each single one, are blank in training, so that the network reads the
# picture and doesn't copy the coarse masks: a coarse mask that is missing or wrong must not cost the refined one.
_BLANK_ALL = 0.3
_BLANK_ONE = 0.1
# Samples a pixel each way: coarse masks are not known so exactly that more would tell more.
_CHANNEL_SAMPLES = 2
# Logits of bones that are not asked for: too low to take part in anything.
_ABSENT = -30.0


class RefineDataset(GridDataset):
    """Windows around the wrist with all 29 bones as labels. See `GridDataset`.

    Parameters
    ----------
    window: a picture's window; true windows with `errors` for training, windows from coarse masks for validation.
    window_share: the window's usual side as a share of the picture's, for pictures that are drawn on the way.
    errors: how frames from coarse masks err.
    jitter: times these errors by which windows are moved at random; 0 leaves them in their place.
    roam: how often a window is moved to another bone.
    windows: the further windows among whose bones it then chooses, with their fineness; all other bones without any.
    coarse: picture name to the outlines of its coarse masks, where these are further channels.
    blank: whether coarse channels are blanked at random, as training needs it.
    """

    def __init__(
        self,
        pictures: Sequence[LabelledPicture] | Stream,
        window: Callable[[LabelledPicture], Frame],
        *,
        size: int,
        window_share: float = 1.0,
        augment: schema.Augment | None = None,
        errors: FrameErrors = NO_ERRORS,
        jitter: float = 0.0,
        roam: float = 0.0,
        windows: Sequence[Window] = (),
        coarse: Mapping[str, Rings] | None = None,
        blank: bool = False,
        seed: int = 0,
    ):
        super().__init__(pictures, size=size, augment=augment, seed=seed)
        self.window, self.window_share, self.errors, self.jitter = window, window_share, errors, jitter
        self.roam, self.windows = roam, windows
        self.coarse, self.blank = coarse, blank

    def picture_side(self) -> int:
        """A picture whose window has about as many pixels as the grid."""
        return round(self.size / self.window_share)

    def frame_of(self, picture: LabelledPicture, rng: np.random.Generator) -> Frame:
        """The picture's window, moved at random in training."""
        frame = resized(self.window(picture), self.size)
        if self.roam and rng.random() < self.roam:
            frame = roamed(frame, picture.rings, rng, self.windows)
        return jitter_frame(frame, self.errors, rng, strength=self.jitter) if self.jitter else frame

    def rings_of(self, picture: LabelledPicture) -> dict[int, list[np.ndarray]]:
        """True outlines under 0 to 28, coarse ones under 29 to 57."""
        rings = super().rings_of(picture)
        if self.coarse is not None:
            rings |= {COUNT + bone: list(outlines) for bone, outlines in self.coarse[picture.name].items()}
        return rings

    def channels_of(self, grid: np.ndarray, rings: Rings, outline: float, rng: np.random.Generator) -> np.ndarray:
        """The picture, and the coarse masks if they are channels."""
        if self.coarse is None:
            return grid[None]
        channels = with_coarse(grid, bones_of(rings, COUNT), outline)
        if self.blank:
            blank = (rng.random(COUNT) < _BLANK_ONE) | (rng.random() < _BLANK_ALL)
            channels[1:][blank] = 0
        return channels


def roamed(frame: Frame, rings: Rings, rng: np.random.Generator, windows: Sequence[Window] = ()) -> Frame:
    """A window of the same turn around a random visible bone, which lies up to a quarter of its side off the middle.

    Parameters
    ----------
    frame: the usual window.
    rings: bone index to outlines in the picture.
    windows: choose one of these first, then one of its bones, and be as fine as it is; all bones count without any.
    """
    bones, finer = sorted(rings), 1.0
    if windows:
        window = windows[rng.integers(len(windows))]
        bones, finer = [bone for bone in window.bones if bone in rings], window.fineness
    if not bones:
        return frame
    rows, columns = frame.size_hw
    middle = np.array([columns - 1, rows - 1]) / 2
    at = frame.to_grid(np.concatenate(rings[bones[rng.integers(len(bones))]])).mean(0)
    place = middle + rng.uniform(-0.25, 0.25, 2) * (columns, rows)
    return frame.then(np.column_stack([finer * np.eye(2), place - finer * at]))


def with_coarse(grid: np.ndarray, rings: Rings, outline: float) -> np.ndarray:
    """The picture on the grid with coarse masks as further channels, float32 (1 + 29, h, w) in [0, 1].

    A channel is the share of each grid pixel that the mask covers. Masks and not probabilities, because outlines can be
    moved like true ones in training, and because masks are all that is known of other people's coarse predictions.

    Parameters
    ----------
    grid: the picture (h, w).
    rings: bone index to outlines of its coarse mask in grid pixels.
    outline: grid pixels per picture pixel.
    """
    channels = np.empty((1 + COUNT, *grid.shape), np.float32)
    channels[0] = grid
    covered = coverage(rings, size_hw=grid.shape, outline=outline, supersample=_CHANNEL_SAMPLES)
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
    """The chosen bones as the refiner sees them in its window, in the picture's own pixels; nothing elsewhere.

    Parameters
    ----------
    predictor: the refiner.
    image: float32 (H, W) in [0, 1].
    frame: the window.
    bones: indices of the bones to return.
    coarse: coarse masks, for a refiner with coarse channels.
    flip: average with the prediction of the mirrored window.
    views: the mean of these, see `handbone.method.tta`.
    """
    others = np.ones(COUNT, bool)
    others[list(bones)] = False

    def logits_of(frame: Frame, seen: View) -> np.ndarray:
        grid = seen.of_grid(view(image, frame))
        channels = grid[None]
        if coarse is not None:
            outlines = {bone: [frame.to_grid(ring) for ring in rings] for bone, rings in coarse.rings().items()}
            channels = with_coarse(grid, outlines, frame.scale)
        logits = predictor.logits(channels, flip=flip)
        logits[others] = _ABSENT
        return logits

    return tta_mean(frame, image.shape, views, logits_of)
