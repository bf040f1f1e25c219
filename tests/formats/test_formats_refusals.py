"""Files that are refused, with file, reason and remedy, and what is read although it looks odd."""

import json
import os
import sys
import zipfile

import cv2
import numpy as np
import pytest
from annotation_toys import TALL, blob, needs, read, write, write_radiograph
from PIL import Image
from tiff_files import write_tiff

from handbone.anatomy import INDEX, NAMES
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats import deep_colour, raster, readers
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.image_files import header_of, read_image
from handbone.formats.label_files import strangers
from handbone.plugins import ReaderSpec
from handbone.plugins.provider import Provided
from handbone.recipe.schema import Data

HEAD = "image_name,class,rle\n"
LUNATE = INDEX["Lunate"]


def labels_in(folder, layout="auto"):
    dataset = open_dataset(Data(path=str(folder), layout=layout, empty_labels="use"))
    return dataset.read_labels(dataset.samples[0])


def messages(labels):
    return [problem.message for problem in labels.problems if problem.severity == "error"]


@pytest.mark.parametrize("cell", ['""', " ", "\t"])
def test_a_row_that_names_no_image_is_on_its_line(tmp_path, cell):
    (tmp_path / "p.csv").write_text(f"{HEAD}a.png,Ulna,1 1\n{cell},Lunate,1 1\n")
    index = PredictionsIndex(tmp_path / "p.csv")
    (name,) = [name for name in index.names if not name.strip()]
    with pytest.raises(HandboneError, match=r"p\.csv, line 3: the row names no image; name the image of each row"):
        index.cells(name)
    assert index.cells("a.png")[INDEX["Ulna"]] == "1 1", "the others are read"


@pytest.mark.parametrize("row", ["", ",,", " ,\t,", '"","",""', ",,\x0c", "\xa0,,", "\x0b", '"\n",,', "\r,,"])
def test_a_row_that_says_nothing_is_no_row(tmp_path, row):
    (tmp_path / "p.csv").write_bytes(f"{HEAD}a.png,Ulna,1 1\n{row}\na.png,Lunate,3 1\n{row}\n".encode())
    index = PredictionsIndex(tmp_path / "p.csv")
    assert index.names == ["a.png"]
    cells = index.cells("a.png")
    assert (cells[INDEX["Ulna"]], cells[LUNATE]) == ("1 1", "3 1")


@pytest.mark.parametrize("row", ["\r,Lunate,1 1", '""\rb.png,Lunate,1 1'])
def test_a_row_that_begins_with_a_line_end_is_said(tmp_path, row):
    (tmp_path / "p.csv").write_bytes(f"{HEAD}a.png,Ulna,1 1\n{row}\n".encode())
    index = PredictionsIndex(tmp_path / "p.csv")
    (name,) = [name for name in index.names if not name.strip()]
    with pytest.raises(HandboneError, match="the row names no image"):
        index.cells(name)


def test_a_quote_that_never_ends_is_given_up_at_the_longest_cell(tmp_path, monkeypatch):
    from handbone.formats import contest_csv_index

    monkeypatch.setattr(contest_csv_index, "_FIELD_LIMIT", 100)
    (tmp_path / "p.csv").write_text(HEAD + 'a.png,Ulna,"1 1\n' + "x\n" * 200 + '"\n')
    with pytest.raises(HandboneError, match="a quote that begins in line 2 has no end"):
        PredictionsIndex(tmp_path / "p.csv")


@pytest.mark.parametrize("names", [("xl/workbook.xml",), ("content.xml", "mimetype")])
def test_a_workbook_that_is_called_a_table_is_named(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "p.csv", "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    with pytest.raises(HandboneError, match=r"p\.csv: is a workbook, and no CSV file; save its table as CSV"):
        PredictionsIndex(tmp_path / "p.csv")


def workbook(path, *texts, place="xl/sharedStrings.xml"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(place, "<sst>" + "".join(f'<t xml:space="preserve">{text}</t>' for text in texts) + "</sst>")


WORKBOOK = "may hold masks or contours as a workbook, which is not read"
DRAWING = "may hold contours as a drawing, which are not read"


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.xlsx", lambda path: workbook(path, "image", "RLE"), WORKBOOK),
        ("a.xlsx", lambda path: workbook(path, "image", "Polygon", place="xl/worksheets/sheet1.xml"), WORKBOOK),
        ("a.xlsx", lambda path: workbook(path, "patient", "age"), None),
        ("a.xlsx", lambda path: path.write_bytes(b"PK\x03\x04 cut"), None),
        ("my labels.xlsx", lambda path: path.write_bytes(b""), WORKBOOK),
        ("a.ods", lambda path: path.write_bytes(b"x"), None),
        ("a.svg", lambda path: path.write_text("<svg><path d=''/></svg>"), DRAWING),
        ("logo.svg", lambda path: path.write_text("<svg><path d=''/></svg>"), None),
        ("logo.svg", lambda path: path.write_text("<svg><image href='a.png'/></svg>"), DRAWING),
        ("labels.json", lambda path: path.write_text(" []\n"), "is named like labels and holds none"),
        ("other.json", lambda path: path.write_text("[]"), None),
        ("deep.json", lambda path: path.write_text("[" * 10**5), "not valid JSON ("),
        ("labels", lambda path: path.write_text('{"points": [1, 2]}'), "holds labels of a tool that handbone"),
    ],
)
def test_files_of_offices_and_drawings_are_named_where_they_may_be_labels(tmp_path, name, make, said):
    make(tmp_path / name)
    found = strangers(tmp_path, [], [tmp_path / "a.png"], "warning")
    assert [finding.message.startswith(said) for finding in found] == [True] if said else found == []
    assert all(finding.file == name and finding.remedy for finding in found)


def test_a_file_that_cannot_be_opened_is_nobody_s_labels(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("points: 1\n")
    assert len(strangers(tmp_path, [], [], "warning")) == 1

    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", closed)
    assert strangers(tmp_path, [], [], "warning") == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for reading in (read_image, header_of):
        with pytest.raises(HandboneError, match=r"a\.png: this is neither a file nor a folder; give a file"):
            reading(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "it takes more memory than there is; make it smaller, or give --max-pixels"),
        (RuntimeError("codec [7]\nsecond line"), "its pixels cannot be decoded (codec [7]); copy it again"),
        (KeyError(), "its pixels cannot be decoded (KeyError); copy it again"),
    ],
)
def test_whatever_a_decoder_raises_is_one_sentence_with_the_file(tmp_path, monkeypatch, error, words):
    path = write_radiograph(tmp_path / "a.png", TALL)

    def fail(*_):
        raise error

    monkeypatch.setattr(raster, "grey_values", fail)
    with pytest.raises(HandboneError) as found:
        read_image(path)
    assert str(found.value) == f"{path}: {words}" + ("" if "memory" in words else " from its source, or remove it")


@pytest.mark.parametrize("values", [np.nan, np.inf])
def test_an_image_without_a_single_number_is_refused(tmp_path, values):
    path = write_tiff(tmp_path / "a.tif", np.full((20, 30), values, np.float32))
    with pytest.raises(HandboneError, match="none of its values is a number; export it again, or leave it out"):
        read_image(path)


def test_what_opencv_cannot_decode_either_says_what_to_save(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((9, 9, 3), np.uint16))
    monkeypatch.setattr(deep_colour.cv2, "imdecode", lambda *_: None)
    with pytest.raises(HandboneError, match=r"a\.png: its colours or values cannot be decoded; save it as grey of 8"):
        read_image(path)


def test_what_is_transparent_stays_black_in_an_inverted_image(tmp_path):
    grey = np.full((60, 60), 250, np.uint8)
    cv2.ellipse(grey, (30, 30), (14, 25), 0, 0, 360, 30, -1)
    alpha = np.full((60, 60), 255, np.uint8)
    alpha[:, :2] = 0
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]).save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png")
    assert found.inverted and (found.image[:, :2] == 0).all(), "what is not seen is no bright background"
    assert found.image[30, 30] > 0.9 and found.image[2, 30] < 0.1


def test_a_lab_image_is_its_lightness(tmp_path):
    lightness = np.tile(np.arange(0, 200, 4, dtype=np.uint8), (40, 1))
    channels = [Image.fromarray(lightness), *[Image.fromarray(np.full_like(lightness, 77))] * 2]
    Image.merge("LAB", channels).save(tmp_path / "a.tif")
    lightness = lightness / np.float32(lightness.max())
    assert np.allclose(read_image(tmp_path / "a.tif", invert="no").image, lightness, atol=1e-4)


def provided(**hooks):
    spec = ReaderSpec(name="raw", summary="Raw.", extensions=(".raw",), build=lambda settings: None, **hooks)
    return Provided(spec, "handbone-raw", "1.2")


def test_a_plugin_that_fails_on_a_header_is_named(tmp_path):
    def header(path):
        raise ZeroDivisionError("half")

    with pytest.raises(HandboneError, match=r"reader 'raw' of handbone-raw 1\.2 fails on the file's header \(ZeroDiv"):
        readers.header_by(provided(header=header), tmp_path / "a.raw")

    def refuse(path):
        raise HandboneError("is cut", where=path)

    with pytest.raises(HandboneError, match=r"^a\.raw: is cut$"):
        readers.header_by(provided(header=refuse), "a.raw")
    assert readers.header_by(provided(), tmp_path / "a.raw") is None, "it cannot tell"


def cvat(tmp_path, inner, size='width="47" height="60"'):
    write_radiograph(tmp_path / "a.png", TALL)
    (tmp_path / "annotations.xml").write_text(f'<annotations><image name="a.png" {size}>{inner}</image></annotations>')
    return labels_in(tmp_path, "cvat")


def test_an_ellipse_of_cvat_has_its_area_and_one_that_is_turned_is_said(tmp_path):
    labels = cvat(tmp_path, '<ellipse label="Lunate" cx="20" cy="30" rx="12" ry="20"/>')
    mask = labels.masks().mask(LUNATE)
    rows, columns = np.nonzero(mask)
    assert mask.sum() == pytest.approx(np.pi * 12 * 20, rel=0.02) and messages(labels) == []
    assert (columns.mean(), rows.mean()) == (pytest.approx(19.5, abs=0.1), pytest.approx(29.5, abs=0.1))
    labels = cvat(tmp_path, '<ellipse label="Lunate" cx="20" cy="30" rx="12" ry="20" rotation="5"/>')
    assert messages(labels) == ["an annotation of Lunate is of the kind ellipse, which is not read"]


@pytest.mark.parametrize("size", ["", 'width="inf" height="60"', 'width="47"', 'width="x" height="y"'])
def test_a_size_that_cvat_does_not_say_is_the_image_s(tmp_path, size):
    labels = cvat(tmp_path, '<box label="Lunate" xtl="3" ytl="4" xbr="13" ybr="24"/>', size)
    assert labels.masks().areas()[LUNATE] == 10 * 20 and messages(labels) == []


def labelme(tmp_path, **shape):
    write_radiograph(tmp_path / "a.png", TALL)
    points = [[3, 3], [30, 3], [30, 40], [3, 40]]
    shapes = [{"label": "Lunate", "shape_type": "polygon", "points": points, **shape}]
    content = {"imagePath": "a.png", "imageHeight": TALL[0], "imageWidth": TALL[1], "shapes": shapes}
    (tmp_path / "a.json").write_text(json.dumps(content))
    return labels_in(tmp_path, "labelme")


@pytest.mark.parametrize(
    "kept",
    [None, [], {}, {"points": [[3, 3], [30, 3], [30, 40], [3, 40]]}, {"points": "x", "rle": "1 1"}, {"rle": "1 1"}]
    + [{"points": [[3, 3], [30, 3], [30, 40], [3, 40]], "rle": text} for text in ("", "1", "9999 1", "5 -1", 7)],
)
def test_an_outline_holds_where_the_mask_beside_it_was_edited(tmp_path, kept):
    mask = labelme(tmp_path, handbone=kept).masks().mask(LUNATE)
    whole = mask.sum() == 28 * 38
    assert whole or (kept and kept.get("rle") == "" and not mask.any()), "an empty mask may be meant"


def test_a_mask_of_labelme_that_is_cut_is_said(tmp_path):
    import base64

    data = cv2.imencode(".png", np.ones((9, 9), np.uint8))[1].tobytes()
    cut = base64.b64encode(data[:40]).decode()
    labels = labelme(tmp_path, shape_type="mask", mask=cut, points=[[1, 1], [9, 9]])
    assert messages(labels) == ["an annotation of Lunate has a mask that cannot be decoded"]


def test_masks_of_different_sizes_in_a_nifti_folder_are_named_with_both(tmp_path):
    needs("nifti")
    import nibabel

    masks = BoneMasks.from_crops({b: (blob(TALL, (1, (5, 5, 20, 20))), (0, 0)) for b in (0, 1)}, TALL)
    write(tmp_path / "out", "nifti", write_radiograph(tmp_path / "a.png", TALL), masks)
    assert list(read(tmp_path / "out")[1].values()) == [masks]
    path = tmp_path / "out" / "a" / f"{NAMES[0]}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((9, 8, 1), np.uint8), np.eye(4)), path)
    with pytest.raises(HandboneError, match=r"its masks have different sizes: 9 x 8, 47 x 60; export them again"):
        labels_in(tmp_path / "out", "nifti")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(HandboneError, match=r"\.nii\.gz: cannot be read \(.+\); save it again"):
        labels_in(tmp_path / "out", "nifti")


def test_coco_labels_of_another_shape_are_left_out_with_both_sizes(tmp_path):
    write_radiograph(tmp_path / "a.png", TALL)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 100, "width": 400}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 300, 1, 300, 90, 1, 90]]},
        ],
        "categories": [{"id": 1, "name": "Lunate"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    labels = labels_in(tmp_path, "coco")
    assert not labels.polygons
    assert messages(labels) == ["the file says 400 x 100, the image has 47 x 60, which has another shape"]
