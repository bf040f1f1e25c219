"""Files for annotation tools, opened by the tools themselves where they are installed.

labelme and datumaro pin what handbone needs in other versions, so that each has an environment of its own.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from annotation_toys import HARD, TALL, WIDE, read, write, write_radiograph
from writers_toys import ragged_masks

from handbone.anatomy import INDEX, NAMES

pytestmark = pytest.mark.slow


def python_of(tool):
    """The Python of the tool's own environment, which LABELME_PYTHON or DATUMARO_PYTHON names."""
    variable = f"{tool.upper()}_PYTHON"
    if not (python := os.environ.get(variable)):
        pytest.skip(f"{variable} does not name the Python of an environment with {tool}, whose pins are its own")
    return python


_OPEN_AND_SAVE = """
import sys
from PyQt5 import QtWidgets
from labelme.app import MainWindow
app = QtWidgets.QApplication([])
for path in sys.argv[1:]:
    window = MainWindow(file_or_dir=path)
    app.processEvents()
    assert window._label_file_path == path, "labelme could not open it"
    assert not window._image.isNull() and window.has_labels()
    window._docks.label_list[0].shape().points[0].setX(3.25)  # one vertex is moved
    assert window.save_labels(path)
"""


@pytest.mark.parametrize("shapes", ["polygon", "mask"])
def test_labelme_opens_and_saves(tmp_path, shapes):
    python = python_of("labelme")
    masks = {"손 1": HARD, "turned": ragged_masks(3, WIDE), "deep": ragged_masks(4, WIDE)}
    sources = {
        "손 1": write_radiograph(tmp_path / "in" / "손 1.png", TALL),
        "turned": write_radiograph(tmp_path / "in" / "turned.jpg", WIDE[::-1], exif=6),
        "deep": write_radiograph(tmp_path / "in" / "deep.png", WIDE, dtype=np.uint16),
    }
    for stem, path in sources.items():
        write(tmp_path / "out", "labelme", path, masks[stem], shapes=shapes)
    files = sorted((tmp_path / "out").glob("*.json"))
    before = {path: json.loads(path.read_text(encoding="utf-8")) for path in files}
    subprocess.run(
        [python, "-c", _OPEN_AND_SAVE, *map(str, files)],
        check=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)},
    )
    found = {Path(place).stem: one for place, one in read(tmp_path / "out")[1].items()}
    for path, earlier in before.items():
        later = json.loads(path.read_text(encoding="utf-8"))
        assert later["handbone"] == earlier["handbone"]  # what labelme does not know it keeps
        first = INDEX[earlier["shapes"][0]["label"]]
        unchanged = [bone for bone in range(len(NAMES)) if bone != first]
        own, read_again = masks[path.stem].dense(), found[path.stem].dense()
        assert np.array_equal(own[unchanged], read_again[unchanged])
        assert later["shapes"][0]["points"][0][0] == 3.25


def test_label_studio_s_own_decoder_reads_the_brush(tmp_path):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed")
    write(tmp_path / "out", "label_studio", write_radiograph(tmp_path / "a.png", TALL), HARD)
    [task] = json.loads((tmp_path / "out" / "tasks.json").read_text(encoding="utf-8"))
    for result in task["predictions"][0]["result"]:
        decoded = np.reshape(brush.decode_rle(result["value"]["rle"]), (*TALL, 4))[..., 3]
        [name] = result["value"]["brushlabels"]
        assert set(np.unique(decoded)) <= {0, 255} and np.array_equal(decoded > 0, HARD.mask(INDEX[name]))


def test_brushes_of_label_studio_s_own_encoder_are_read(tmp_path):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed")
    from handbone.formats.label_studio_brush import decode_brush

    mask = HARD.mask(3)
    assert np.array_equal(decode_brush(brush.mask2rle(mask.astype(np.uint8) * 255), TALL), mask)
    # A brush's colours differ by channel, so that values stand one by one.
    coloured = np.zeros((*TALL, 4), np.uint8)
    coloured[mask] = (12, 200, 37, 255)
    assert np.array_equal(decode_brush(brush.encode_rle(coloured.ravel()), TALL), mask)


def test_slicerio_reads_the_segments(tmp_path):
    slicerio = pytest.importorskip("slicerio", reason="the format seg_nrrd needs handbone[volumes]")
    write(tmp_path / "out", "seg_nrrd", write_radiograph(tmp_path / "a.png", TALL), HARD)
    segmentation = slicerio.read_segmentation(str(tmp_path / "out" / "a.seg.nrrd"))
    assert slicerio.segment_names(segmentation) == [NAMES[bone] for bone in np.flatnonzero(HARD.present())]
    for name in slicerio.segment_names(segmentation):
        assert np.array_equal(slicerio.segment_mask(segmentation, name)[..., 0].T, HARD.mask(INDEX[name]))
    assert segmentation["voxels"].shape[1:] == (*TALL[::-1], 1)


_DATUMARO = """
import json, sys
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
data = Dataset.import_from(sys.argv[1], "cvat")
table = data.categories()[AnnotationType.label]
print(json.dumps({i.id: {table[a.label].name: a.image.astype(int).tolist() for a in i.annotations} for i in data}))
"""


def test_datumaro_reads_the_cvat_file(tmp_path):
    python = python_of("datumaro")
    write(tmp_path / "out", "cvat", write_radiograph(tmp_path / "a.png", TALL), HARD)
    told = subprocess.run([python, "-c", _DATUMARO, str(tmp_path / "out")], check=True, capture_output=True, text=True)
    found = json.loads(told.stdout.splitlines()[-1])["a"]
    assert set(found) == {NAMES[bone] for bone in np.flatnonzero(HARD.present())}
    for name, mask in found.items():
        assert np.array_equal(np.array(mask, bool), HARD.mask(INDEX[name]))
