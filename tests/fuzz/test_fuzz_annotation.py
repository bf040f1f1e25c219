"""Files of annotation tools by anyone: labelme, CVAT, Label Studio, seg.nrrd and NIfTI."""

import json

import cv2
import numpy as np
import pytest
from annotation_toys import needs, write
from data_toys import draw, toy_hand
from fuzzing import CHANCES, OTHERS, Corpus, campaign, edit_bytes, edit_json, json_bytes, refused_or_read
from hypothesis import given
from writers_toys import ragged_masks

from handbone.data.dataset import open_dataset
from handbone.recipe.schema import Data

SIZE = 64
HAND = {name: points / points.max() * SIZE for name, points in toy_hand().items()}
MASKS = ragged_masks(1, (SIZE, SIZE), share=0.2)
FILES = {
    "labelme": "a.json",
    "cvat": "annotations.xml",
    "label_studio": "tasks.json",
    "seg_nrrd": "a.seg.nrrd",
    "nifti": "a/Capitate.nii.gz",
}


@pytest.fixture(scope="module", params=FILES)
def target(request, tmp_path_factory):
    """A folder that is read, the file in it that is written over, its layout and good content."""
    layout, root = request.param, tmp_path_factory.mktemp(request.param)
    needs(layout)
    cv2.imwrite(str(root / "a.png"), draw(HAND, SIZE))
    contents = []
    for shapes in ({"shapes": "polygon"}, {"shapes": "mask"}) if layout == "labelme" else ({},):
        write(root / "out", layout, root / "a.png", MASKS, **shapes)
        contents.append((root / "out" / FILES[layout]).read_bytes())
    (root / "a.png").unlink()
    return root / "out", FILES[layout], layout, Corpus.of(layout, contents)


@campaign("annotation tools", share=OTHERS)
@given(rng=CHANCES)
def test_any_file_is_read_or_refused(target, rng):
    root, name, layout, contents = target
    path = root / name
    if name.endswith(".json") and rng.randrange(2):
        path.write_bytes(json_bytes(edit_json(rng, [json.loads(content) for content in contents])))
    else:
        path.write_bytes(edit_bytes(rng, contents))
    with refused_or_read(path):
        dataset = open_dataset(Data(path=str(root), layout=layout))
        for sample in dataset.labelled():
            with refused_or_read(path):
                labels = dataset.read_labels(sample)
                assert labels.masks().size_hw == labels.size_hw == (SIZE, SIZE)
                assert np.all(labels.masks().areas() >= 0)
