"""The second stage: another network reads the window around the wrist at full resolution."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from handbone.anatomy import COUNT
from handbone.frame import Frame
from handbone.masks.bone_masks import BoneMasks
from handbone.masks.probabilities import BoneProbabilities
from handbone.masks.rasterise import coverage
from handbone.recipe import schema
from handbone.stages.jitter import NO_ERRORS, FrameErrors, jitter_frame
from handbone.stages.samples import GridDataset, LabelledPicture, Rings, bones_of
from handbone.stages.view import resized, view
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
    frames: picture name to its window; true windows with `errors` for training, windows from coarse masks for
        validation.
    errors: how frames from coarse masks err.
    jitter: times these errors by which windows are moved at random; 0 leaves them in their place.
    coarse: picture name to the outlines of its coarse masks, where these are further channels.
    blank: whether coarse channels are blanked at random, as training needs it.
    """

    def __init__(
        self,
        pictures: Sequence[LabelledPicture],
        frames: Mapping[str, Frame],
        *,
        size: int,
        augment: schema.Augment | None = None,
        errors: FrameErrors = NO_ERRORS,
        jitter: float = 0.0,
        coarse: Mapping[str, Rings] | None = None,
        blank: bool = False,
        seed: int = 0,
        repeats: int = 1,
    ):
        super().__init__(pictures, size=size, augment=augment, seed=seed, repeats=repeats)
        self.frames, self.errors, self.jitter = dict(frames), errors, jitter
        self.coarse, self.blank = coarse, blank

    def frame_of(self, picture: LabelledPicture, rng: np.random.Generator) -> Frame:
        """The picture's window, moved at random in training."""
        frame = resized(self.frames[picture.name], self.size)
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
        channels = coarse_channels(bones_of(rings, COUNT), grid.shape, outline)
        if self.blank:
            channels[rng.random(COUNT) < _BLANK_ONE] = 0
            if rng.random() < _BLANK_ALL:
                channels[:] = 0
        return np.concatenate([grid[None], channels])


def coarse_channels(rings: Rings, size_hw: tuple[int, int], outline: float) -> np.ndarray:
    """Coarse masks as channels: the share of each grid pixel that they cover, float32 (29, h, w).

    Masks and not probabilities, because outlines can be moved like true ones in training, and because masks are all
    that is known of other people's coarse predictions.

    Parameters
    ----------
    rings: bone index to outlines in grid pixels.
    size_hw: the grid's height and width.
    outline: grid pixels per picture pixel.
    """
    return coverage(rings, size_hw=size_hw, outline=outline, supersample=_CHANNEL_SAMPLES).astype(np.float32) / 255


def predict_refined(
    predictor: Predictor,
    image: np.ndarray,
    frame: Frame,
    *,
    bones: Iterable[int],
    coarse: BoneMasks | None = None,
    flip: bool = False,
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
    """
    channels = view(image, frame)[None]
    if coarse is not None:
        rings = {bone: [frame.to_grid(ring) for ring in rings] for bone, rings in coarse.rings().items()}
        channels = np.concatenate([channels, coarse_channels(rings, frame.size_hw, frame.scale)])
    logits = predictor.logits(channels, flip=flip)
    others = np.ones(COUNT, bool)
    others[list(bones)] = False
    logits[others] = _ABSENT
    return BoneProbabilities.from_grid_logits(logits, frame, image.shape)
