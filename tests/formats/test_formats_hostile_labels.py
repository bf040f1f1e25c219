"""Label files that would take memory or time without end, or name places that there are not: refused, not obeyed."""

import base64
import gzip
import json
import struct
import time
import zlib

import numpy as np
import pytest
from annotation_toys import TALL, needs, write_radiograph

from handbone.anatomy import INDEX
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.data.dataset import open_dataset
from handbone.formats.label_files import strangers
from handbone.formats.label_frames import MOST_PIXELS, whole_size
from handbone.formats.labels_builder import LabelsBuilder
from handbone.formats.nifti import NiftiWriter
from handbone.formats.seg_nrrd import SegNrrdWriter
from handbone.recipe.schema import Data

FAR = 20_000  # pixels; the side of a square that no radiograph has, and that this machine survives
TRIANGLE = [[0, 0], [9, 0], [9, 9]]


def png_that_claims(side):
    """A PNG of some bytes whose header claims a square."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def labelme(shape):
    shape = {"label": "Lunate", "points": TRIANGLE, **shape}
    return json.dumps({"imagePath": "a.png", "imageHeight": FAR, "imageWidth": FAR, "shapes": [shape]})


def studio(kind, **value):
    entry = {"type": kind, "original_width": FAR, "original_height": FAR, "from_name": "l", "to_name": "image"}
    task = {"data": {"image": "a.png"}, "annotations": [{"result": [{**entry, "value": {kind: ["Lunate"], **value}}]}]}
    return json.dumps([task])


def cvat(inner):
    return f'<annotations><image name="a.png" width="{FAR}" height="{FAR}">{inner}</image></annotations>'


BRUSH = np.packbits(
    np.frombuffer(f"{FAR * 4:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}".encode(), np.uint8) - ord("0")
).tolist()

# Of each tool what draws a mask on the size that the file itself declares.
CLAIMS = {
    "cvat polygon": (
        "annotations.xml",
        cvat(f'<polygon label="Lunate" points="1,1;{FAR - 1},1;{FAR - 1},{FAR - 1}"/>'),
    ),
    "cvat ellipse": (
        "annotations.xml",
        cvat(f'<ellipse label="Lunate" cx="{FAR // 2}" cy="{FAR // 2}" rx="{FAR // 2}" ry="{FAR // 2}"/>'),
    ),
    "cvat mask": (
        "annotations.xml",
        cvat(f'<mask label="Lunate" left="0" top="0" width="{FAR}" height="{FAR}" rle="0,{FAR * FAR}"/>'),
    ),
    "studio rectangle": ("tasks.json", studio("rectanglelabels", x=0, y=0, width=100, height=100)),
    "studio brush": ("tasks.json", studio("brushlabels", rle=BRUSH, format="rle")),
    "labelme runs": ("a.json", labelme({"handbone": {"points": TRIANGLE, "rle": f"1 {FAR * FAR}"}})),
    "labelme mask": (
        "a.json",
        labelme({"shape_type": "mask", "mask": base64.b64encode(png_that_claims(FAR)).decode()}),
    ),
}


def read(folder, layout="auto"):
    dataset = open_dataset(Data(path=str(folder), layout=layout))
    return dataset.read_labels(dataset.samples[0])


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_size_that_no_radiograph_has_is_not_unpacked(tmp_path, kind):
    write_radiograph(tmp_path / "a.png", TALL)
    name, content = CLAIMS[kind]
    (tmp_path / name).write_text(content)
    labels = read(tmp_path)
    assert labels.masks().size_hw == TALL, "the image's own size counts"
    assert not {"other-size", "scaled-labels"} & {problem.rule for problem in labels.problems}


@pytest.mark.parametrize("kind", ["cvat polygon", "labelme runs", "studio rectangle"])
def test_an_image_that_claims_such_a_size_has_no_labels(tmp_path, kind):
    (tmp_path / "a.png").write_bytes(png_that_claims(FAR))
    name, content = CLAIMS[kind]
    (tmp_path / name).write_text(content)
    with pytest.raises(HandboneError, match=rf"its image claims {FAR} x {FAR} pixels.*; copy the image again"):
        read(tmp_path)


def test_the_limit_of_pixels_is_where_it_is_said():
    side = 1 << 14
    assert side * side == MOST_PIXELS and whole_size(side, side) == (side, side)
    assert whole_size(side, side + 1) is None and whole_size(side + 1, side) is None
    LabelsBuilder("a", (side, side), {})
    with pytest.raises(HandboneError, match=rf"^a: its image claims {side + 1} x {side} pixels"):
        LabelsBuilder("a", (side, side + 1), {})


@pytest.mark.parametrize(("word", "times"), [("1234 ", 12), ("123456789 ", 8), ("0.123456 ", 400), ("1.2.3 ", 600)])
def test_a_text_of_numbers_is_looked_at_in_no_time(tmp_path, word, times):
    write_radiograph(tmp_path / "a.png", TALL)
    (tmp_path / "a.txt").write_text(f"a {word * times}and words", encoding="ascii")
    began = time.process_time()
    assert strangers(tmp_path, [], [tmp_path / "a.png"], "warning") == []
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("line", "yolo"),
    [
        ("0 0.5 0.5 0.25 0.25", True),
        ("12 .5 1 0 1e-3 0.25", True),
        ("hand 0.5 -0.1 0.2 0.3\r", True),
        ("0 0.5 0.5 0.25", False),
        ("0 0.5 0.5 0.25 x", False),
        ("0 0.5 0.5 0.25 1.2.3", False),
    ],
)
def test_yolo_s_lines_are_a_class_and_four_numbers_or_more(tmp_path, line, yolo):
    write_radiograph(tmp_path / "a.png", TALL)
    (tmp_path / "a.txt").write_text(f"{line}\n", encoding="ascii", newline="")
    found = strangers(tmp_path, [], [tmp_path / "a.png"], "warning")
    assert ["YOLO" in finding.message for finding in found] == [True] * yolo


def test_an_address_that_is_none_costs_no_other_task(tmp_path):
    write_radiograph(tmp_path / "a.png", TALL)
    tasks = json.loads(studio("polygonlabels", points=[[10, 10], [60, 10], [60, 60]]))
    tasks[0]["annotations"][0]["result"][0].pop("original_width")
    broken = {**tasks[0], "data": {"image": "http://["}}
    both = {**tasks[0], "data": {"link": "http://[", "image": "a.png"}}
    (tmp_path / "tasks.json").write_text(json.dumps([broken, both]))
    dataset = open_dataset(Data(path=str(tmp_path), layout="label_studio"))
    assert dataset.problems == () and set(dataset.read_labels(dataset.samples[0]).polygons) == {INDEX["Lunate"]}


def nrrd(*fields, layers=2):
    """A segmentation of full layers with one segment; further fields change how it lies."""
    lines = [
        *("NRRD0004", "type: uint8", "dimension: 4", "space: left-posterior-superior"),
        f"sizes: {layers} {TALL[1]} {TALL[0]} 1",
        *("space directions: none (1,0,0) (0,1,0) (0,0,1)", "kinds: list domain domain domain", "encoding: gzip"),
        *("space origin: (0,0,0)", "Segment0_ID:=Segment_1", "Segment0_Name:=Lunate", *fields),
    ]
    return "\n".join(lines).encode() + b"\n\n" + gzip.compress(b"\1" * layers * TALL[0] * TALL[1])


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("Segment0_Layer:=2", "a segment is in layer 2 of 2"),
        ("Segment0_Layer:=-1", "a segment is in layer -1 of 2"),
        ("Segmentation_ReferenceImageExtentOffset:=3", "not a segmentation that can be read"),
        ("Segment0_LabelValue:=one", "not a segmentation that can be read"),
    ],
)
def test_a_segment_in_a_layer_or_at_a_place_that_there_is_not_is_refused(tmp_path, field, words):
    needs("seg_nrrd")
    write_radiograph(tmp_path / "a.png", TALL)
    (tmp_path / "a.seg.nrrd").write_bytes(nrrd(field))
    with pytest.raises(HandboneError, match=words) as error:
        read(tmp_path)
    assert error.value.remedy == "save it again in Slicer"
    (tmp_path / "a.seg.nrrd").write_bytes(nrrd("Segment0_Layer:=1"))
    assert read(tmp_path).masks().areas()[INDEX["Lunate"]] == TALL[0] * TALL[1]


def nifti(folder, values):
    nibabel = pytest.importorskip("nibabel", reason="the format nifti needs handbone[volumes]")
    write_radiograph(folder / "a.png", TALL)
    (folder / "a").mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0])), folder / "a" / "Lunate.nii.gz")
    return folder


def test_what_is_no_number_beside_a_nifti_mask_is_no_bone(tmp_path):
    values = np.full((*TALL[::-1], 1), np.nan, np.float32)
    values[10:20, 30:50] = 1
    values[0, 0] = 0
    mask = read(nifti(tmp_path, values), "nifti").masks().mask(INDEX["Lunate"])
    assert mask[30:50, 10:20].all() and mask.sum() == 200


@pytest.mark.parametrize("kind", [np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]), np.complex64])
def test_nifti_values_that_are_no_plain_numbers_are_refused_by_their_type(tmp_path, kind):
    with pytest.raises(
        HandboneError, match=r"Lunate\.nii\.gz: cannot be read \(its values are of the type \w+\); save"
    ):
        read(nifti(tmp_path, np.zeros((*TALL[::-1], 1), kind)), "nifti")


@pytest.mark.parametrize("writer", [SegNrrdWriter, NiftiWriter])
def test_a_writer_of_volumes_leaves_nothing_of_an_image_whose_radiograph_is_missing(tmp_path, writer):
    needs("seg_nrrd" if writer is SegNrrdWriter else "nifti")
    from handbone.plugins import PredictedImage

    masks = BoneMasks.from_crops({0: (np.ones((2, 2), bool), (1, 1))}, TALL)
    with pytest.raises(HandboneError, match="give its folder with --images"):
        writer(tmp_path).write(PredictedImage("a.png", None, masks))
    assert list(tmp_path.iterdir()) == []
