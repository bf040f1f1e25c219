"""The second stage: another network reads the ROI around the wrist at full resolution."""

from collections.abc import Iterable, Sequence

import numpy as np

from handbone.anatomy import COUNT
from handbone.core.bone_masks import BoneMasks
from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.box import Box
from handbone.core.frame import Frame
from handbone.core.grid_logits import grid_box, image_box
from handbone.core.rasterise import coverage
from handbone.data.labelled_image import Polygons
from handbone.data.view import view
from handbone.method.tta import PLAIN, View, tta_mean
from handbone.networks.grid_network import ABSENT, GridNetwork

# Samples a pixel each way: coarse masks are not known so exactly that more would tell more.
_CHANNEL_SAMPLES = 2


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
    predictor: GridNetwork,
    image: np.ndarray,
    frame: Frame,
    *,
    bones: Iterable[int],
    coarse: BoneMasks | None = None,
    within: Box | None = None,
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
    within: the box of the ROI's grid outside of which no bone is looked for; where the image lies by default.
    flip: average with the prediction of the mirrored ROI.
    views: the mean of these, see `handbone.method.tta`.
    """
    others = np.ones(COUNT, bool)
    others[list(bones)] = False
    there, asked = frame, within or grid_box(frame, Box.whole(image.shape))

    def logits_of(frame: Frame, seen: View) -> np.ndarray:
        grid = seen.of_grid(view(image, frame))
        channels = grid[None]
        if coarse is not None:
            contours = {
                bone: [frame.to_grid(polygon) for polygon in polygons] for bone, polygons in coarse.polygons().items()
            }
            channels = with_coarse(grid, contours, frame.scale)
        box = asked if frame == there else grid_box(frame, image_box(there, asked, image.shape))
        logits = predictor.logits(channels, flip=flip, within=box)
        logits[others] = ABSENT
        return logits

    return tta_mean(frame, image.shape, views, logits_of)
