"""CVAT's files as people export them: what is read, and what is said of the rest."""

import cv2
import numpy as np
import pytest
from annotation_toys import TALL, read, write_radiograph

from handbone.anatomy import INDEX
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats.cvat import runs_of
from handbone.formats.xml_files import parse_xml
from handbone.recipe.schema import Data


def cvat(folder, inner, **about):
    write_radiograph(folder / "a.png", TALL)
    said = {"name": "a.png", "width": TALL[1], "height": TALL[0]} | about
    words = " ".join(f'{key}="{value}"' for key, value in said.items())
    text = (
        f'<?xml version="1.0"?><annotations><version>1.1</version><image id="0" {words}>{inner}</image></annotations>'
    )
    (folder / "annotations.xml").write_text(text, encoding="utf-8")


def test_cvat_s_polygons_and_boxes_count_from_a_pixel_s_corner(tmp_path):
    inner = '<polygon label="Lunate" points="10.00,20.00;14.00,20.00;14.00,26.00;10.00,26.00" z_order="0"/>'
    cvat(tmp_path, inner + '<box label="Radius" xtl="0.00" ytl="1.00" xbr="5.00" ybr="3.00"/><tag label="Ulna"/>')
    [found] = read(tmp_path)[1].values()
    assert found.boxes_xyxy[[INDEX["Lunate"], INDEX["Radius"]]].tolist() == [[10, 20, 14, 26], [0, 1, 5, 3]]
    assert found.areas().sum() == 24 + 10


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ('<mask label="Lunate" rle="1, 2" left="0" top="0" width="2" height="2"/>', "add up to 3"),
        ('<mask label="Lunate" rle="1, x" left="0" top="0" width="2" height="2"/>', "numbers"),
        ('<mask label="Lunate" rle="4" left="0" top="0" width="99999" height="2"/>', "not of the image"),
        ('<polyline label="Lunate" points="1,2;3,4"/>', "of the kind polyline"),
        ('<polygon label="Lunate" points="1,2;3,4"/>', "three or more points"),
        ('<box label="Lunate" xtl="0" ytl="1" xbr="5" ybr="3" rotation="30"/>', "of the kind box"),
    ],
)
def test_what_cannot_be_read_of_cvat_is_said(tmp_path, inner, words):
    cvat(tmp_path, inner)
    dataset = open_dataset(Data(path=str(tmp_path)))
    errors = [p.message for p in dataset.read_labels(dataset.samples[0]).problems if p.severity == "error"]
    assert len(errors) == 1 and words in errors[0]


def test_cvat_s_size_is_compared_and_its_subsets_are_folders(tmp_path):
    cvat(tmp_path, '<box label="Radius" xtl="0" ytl="0" xbr="50" ybr="30"/>', width=TALL[0], height=TALL[1])
    dataset = open_dataset(Data(path=str(tmp_path)))
    assert "other-size" in {p.rule for p in dataset.read_labels(dataset.samples[0]).problems}
    cvat(tmp_path, '<box label="Radius" xtl="0" ytl="0" xbr="9" ybr="9"/>', subset="Train")
    (tmp_path / "images" / "Train").mkdir(parents=True)
    (tmp_path / "a.png").rename(tmp_path / "images" / "Train" / "a.png")
    assert list(read(tmp_path)[1]) == ["images/Train/a.png"]


@pytest.mark.parametrize(
    "text", ["<annotations><image", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>']
)
def test_damaged_or_dangerous_xml_is_refused(tmp_path, text):
    cvat(tmp_path, "")
    (tmp_path / "annotations.xml").write_text(text, encoding="utf-8")
    assert "broken-file" in {p.rule for p in open_dataset(Data(path=str(tmp_path))).problems}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_entities_are_refused_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "annotations.xml"
    path.write_bytes('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>'.encode(encoding))
    with pytest.raises(HandboneError, match="document type"):
        parse_xml(path)


def test_masks_of_a_larger_copy_are_scaled(tmp_path):
    size = (60, 48)
    mask = cv2.ellipse(np.zeros((120, 96), np.uint8), (60, 80), (20, 30), 0, 0, 360, 1, -1).astype(bool)
    runs = ", ".join(map(str, runs_of(mask)))
    inner = f'<mask label="Lunate" rle="{runs}" left="0" top="0" width="96" height="120"/>'
    cvat(tmp_path, inner, width=96, height=120)
    write_radiograph(tmp_path / "a.png", size)
    dataset, found = read(tmp_path)
    assert "scaled-labels" in {p.rule for p in dataset.labels(dataset.samples[0]).problems}
    assert found["a.png"].areas()[INDEX["Lunate"]] == pytest.approx(mask.sum() / 4, rel=0.08)
    assert found["a.png"].centroids_xy()[INDEX["Lunate"]] == pytest.approx([29.75, 39.75], abs=0.3)
