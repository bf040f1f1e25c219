"""ROIs of images whose embeddings by a prompter's frozen encoder lie on disk."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from torch import Tensor

from handbone.core.bone_probabilities import BoneProbabilities
from handbone.core.checked_arrays import is_whole, save_checked
from handbone.core.progress import track
from handbone.data.grid_dataset import GridDataset
from handbone.plugins import Prompter


@dataclass(frozen=True, eq=False)
class EmbeddedRoi:
    """An ROI of an image: where its embedding lies, and the coverage of all bones on the prompter's mask grid."""

    embedding: Path
    ground_truth: BoneProbabilities


@dataclass(frozen=True)
class EmbeddingCache:
    """Embeddings on disk in half precision, found by what was embedded: the encoder and the ROI's very pixels.

    Parameters
    ----------
    folder: where they lie; segment-anything's take 2 MB each.
    """

    folder: Path

    def embed(self, prompter: Prompter, grid: np.ndarray) -> Path:
        """The file of a grid's embedding, which is computed if it is not there or damaged."""
        digest = hashlib.sha256(prompter.encoder_id.encode() + np.ascontiguousarray(grid).tobytes()).hexdigest()[:32]
        path = self.folder / digest[:2] / f"{digest}.npy"
        if not is_whole(path):
            save_checked(path, prompter.embed(grid).cpu().numpy().astype(np.float16))
        return path


def embed_rois(
    data: GridDataset, count: int, prompter: Prompter, cache: EmbeddingCache, description: str
) -> list[EmbeddedRoi]:
    """ROIs of a dataset, round after round through its images, each round with other random changes.

    Parameters
    ----------
    data: at the prompter's size, see `handbone.method.refine.RefineDataset`.
    count: how many ROIs. description: shown beside the progress bar.
    """
    rois, side = [], prompter.mask_size
    for number in track(range(count), description):
        turn, index = divmod(number, len(data))
        data.set_epoch(turn)
        item = data[index]
        image, target = cast("Tensor", item["image"]), cast("Tensor", item["target"])
        planes = (cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in target.numpy())
        ground_truth = BoneProbabilities.from_crops(((plane, (0, 0, side, side)) for plane in planes), (side, side))
        rois.append(EmbeddedRoi(cache.embed(prompter, image[0].numpy()), ground_truth))
    return rois
