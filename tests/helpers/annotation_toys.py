"""Radiographs of any kind, masks that are hard to keep, and what writes and reads them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from handbone.core.bone_masks import BoneMasks
from handbone.data.dataset import open_dataset
from handbone.plugins import PredictedImage, registry
from handbone.recipe.schema import Choice, Data

NEEDED = {"seg_nrrd": "slicerio", "nifti": "nibabel"}


def needs(format):
    """Skip where the library of a format is not installed."""
    if format in NEEDED:
        pytest.importorskip(NEEDED[format], reason=f"the format {format} needs handbone[volumes]")


FORMATS = [("labelme", {}), ("labelme", {"shapes": "mask"}), ("cvat", {}), ("label_studio", {})]
FORMATS += [("seg_nrrd", {}), ("nifti", {})]
NAMES_OF_FILES = st.sampled_from(["a.png", "손 1.png", "p & 'q' (1)/é%20#.png", "a,b;c.png"])
TALL, WIDE = (60, 47), (31, 80)


def write_radiograph(path, size_hw, *, dtype=np.uint8, exif=None):
    """A grey radiograph of any kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.add.outer(np.arange(size_hw[0]), np.arange(size_hw[1])) % 200
    values = (grey * (np.iinfo(dtype).max // 255)).astype(dtype)
    if exif is None:
        done, data = cv2.imencode(path.suffix, values)
        assert done
        path.write_bytes(data.tobytes())
    else:
        tags = Image.Exif()
        tags[274] = exif
        Image.fromarray(values).save(path, exif=tags)
    return path


def write(folder, format, path, masks, name=None, **choices):
    spec, checked = registry().get("writer", Choice(name=format, **choices))
    folder.mkdir(parents=True, exist_ok=True)
    writer = spec.build(checked, folder=folder)
    name = name or path.name
    flags = [{"rule": "unsure", "bones": ["Lunate"], "message": "the probability is only 0.40"}]
    stem = str(Path(name).with_suffix(""))
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    image = PredictedImage(name, path, masks, {"Lunate": 0.4}, stem, flags=flags, model="zero_shot")
    writer.write(image)
    writer.close()


def read(folder, layout="auto", **more):
    dataset = open_dataset(Data(path=str(folder), layout=layout, empty_labels="use", **more))
    assert not dataset.problems
    return dataset, {sample.key_in(folder): dataset.labels(sample).masks() for sample in dataset.labelled()}


def blob(size_hw, *boxes):
    """A mask of boxes (left, top, right, bottom), half-open; a negative one is cut out."""
    mask = np.zeros(size_hw, bool)
    for sign, (left, top, right, bottom) in boxes:
        mask[top:bottom, left:right] = sign > 0
    return mask


HARD = BoneMasks.from_crops(
    {
        0: (np.ones((1, 1), bool), (0, 0)),  # a corner pixel
        1: (np.ones((1, TALL[1]), bool), (0, TALL[0] - 1)),  # a line along a border
        2: (np.ones(TALL, bool), (0, 0)),  # everything
        3: (blob(TALL, (1, (5, 5, 30, 40)), (-1, (10, 10, 20, 20)), (1, (14, 14, 16, 16))), (0, 0)),  # island in a hole
        4: (blob(TALL, (1, (0, 0, 3, 3)), (1, (40, 50, 47, 60)), (1, (20, 20, 21, 21))), (0, 0)),  # several parts
        5: (blob(TALL, (1, (5, 5, 30, 40))), (0, 0)),  # the same place as another
        6: (np.eye(8, dtype=bool), (7, 9)),  # touching by corners only
    },
    TALL,
)
