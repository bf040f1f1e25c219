"""Prediction files as other teams write them: every way is read to the same masks, or named with what reads it."""

import csv
import gzip
import io
import json
import zipfile

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from handbone.anatomy import GROUPS, NAMES
from handbone.cli import export
from handbone.cli.data import app as data_app
from handbone.core import rle
from handbone.core.bone_masks import BoneMasks
from handbone.core.errors import HandboneError
from handbone.formats import rle_offset
from handbone.formats.contest_csv import PredictionsWriter
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.image_names import ImageNames
from handbone.synthetic import draw_hand

app = typer.Typer()
app.command()(export.command)
SIZE = 256
HAND = draw_hand(3, size=SIZE)
ABSENT = NAMES.index("Pisiform")
MASKS = HAND.masks.replace({ABSENT: np.zeros((SIZE, SIZE), bool)})
CELLS = MASKS.to_rle()
HEADER = ("image_name", "class", "rle")
ROWS = [("a.png", bone, text) for bone, text in zip(NAMES, CELLS, strict=True)]


def text(rows, separator=",", end="\n", header=HEADER):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end).writerows([header, *rows])
    return file.getvalue()


def zipped(content, *others):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in others:
            archive.writestr(name, "x")
        archive.writestr("__MACOSX/._p.csv", "x")
        archive.writestr("predictions.csv", content)
    return file.getvalue()


def empty_as(word):
    return text([(name, bone, cell or word) for name, bone, cell in ROWS]).encode()


WRITTEN = {
    "shuffled": text(ROWS[::-1]).encode(),
    "columns in another order": text([row[::-1] for row in ROWS], header=HEADER[::-1]).encode(),
    "further columns": text([(1, *row, "x") for row in ROWS], header=("", *HEADER, "score")).encode(),
    "capitals and blanks": text(
        [(n, b.upper(), c) for n, b, c in ROWS], header=("Image_Name ", "CLASS", " RLE")
    ).encode(),
    "semicolons": text(ROWS, ";").encode(),
    "tabs": text(ROWS, "\t").encode(),
    "old line ends": text(ROWS, end="\r").encode(),
    "Windows' line ends": text(ROWS, end="\r\n").encode(),
    "byte order mark": text(ROWS).encode("utf-8-sig"),
    "UTF-16": text(ROWS).encode("utf-16"),
    "gzip": gzip.compress(text(ROWS).encode()),
    "zip": zipped(text(ROWS)),
    "floats": text([(n, b, " ".join(f"{v}.0" for v in c.split())) for n, b, c in ROWS]).encode(),
    "lists": text([(n, b, "[" + ", ".join(c.split()) + "]") for n, b, c in ROWS]).encode(),
    "empty lines": text(ROWS).replace("\n", "\n\n").encode(),
    "Excel's first line": b"sep=;\r\n" + text(ROWS, ";", "\r\n").encode(),
    "empty lines at the start": b"\xef\xbb\xbf\n \r\n" + text(ROWS).encode(),
    "cells of several lines": text([(n, b, c.replace(" ", "\r\n", 1)) for n, b, c in ROWS], end="\r\n").encode(),
    "a zip with a text beside": zipped(text(ROWS), "README.txt"),
    "blanks in names of bones": text([(n, b.replace("-", " ").title(), c) for n, b, c in ROWS]).encode(),
    "underscores in names of bones": text([(n, b.replace("-", "_"), c) for n, b, c in ROWS]).encode(),
    "rows of nothing but commas": (text(ROWS) + ",,\n , ,\n").encode(),
    "commas at the end": text([(*row, "", "") for row in ROWS]).encode(),
}
WRITTEN |= {
    f"empty as {word!r}": empty_as(word)
    for word in (
        "nan",
        "NaN",
        "None",
        "null",
        "0 0",
        "-1",
        "-1 -1",
        "1 0",
        "0",
        "0.0 0.0",
        "N/A",
        "<NA>",
        "-",
        "[]",
        " ",
    )
}


@pytest.mark.parametrize("way", WRITTEN)
def test_every_way_to_write_a_table_gives_the_same_masks(tmp_path, way):
    (tmp_path / "p.csv").write_bytes(WRITTEN[way])
    index = PredictionsIndex(tmp_path / "p.csv")
    assert index.names == ["a.png"] and BoneMasks.from_rle(index.cells("a.png"), (SIZE, SIZE)) == MASKS


def test_a_latin_1_byte_in_a_name_costs_nothing(tmp_path):
    (tmp_path / "p.csv").write_bytes(text([("Jos\u00e9.png", *row[1:]) for row in ROWS] + ROWS).encode("latin-1"))
    assert PredictionsIndex(tmp_path / "p.csv").names == ["Jos\u00e9.png", "a.png"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + b"x" * 50, "cannot be unpacked"),
        (gzip.compress(b"image_name,class,rle\n" + b"a" * 999)[:40], "cannot be unpacked"),
        (zipped("x").replace(b"predictions.csv", b"predictions.bin"), "0 CSV files"),
        (b"\x00\x01\x02", "not a UTF-8 CSV"),
        (b"", "the column 'image_name' is missing"),
        (b"image_name;klass;rle\n", "the column 'class' is missing"),
        (b'image_name,class,rle\na.png,"Lunate,1 2\n', "has no end"),
        (zipped("x", "xl/workbook.xml"), "is a workbook, and no CSV file; save its table as CSV"),
    ],
    ids=["no zip", "cut gzip", "no csv", "no text", "empty", "no class", "quote", "workbook"],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, data, words):
    (tmp_path / "p.csv").write_bytes(data)
    with pytest.raises(HandboneError, match=words):
        PredictionsIndex(tmp_path / "p.csv")


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("handbone.formats.csv_text.LARGEST_UNPACKED", 10_000)
    (tmp_path / "p.csv").write_bytes(gzip.compress(b"image_name,class,rle\n" + b" " * 100_000))
    with pytest.raises(HandboneError, match="unpacked"):
        PredictionsIndex(tmp_path / "p.csv")


SOME = {
    "carpals": dict.fromkeys("ab", GROUPS["carpals"]),
    "forearm": dict.fromkeys("ab", GROUPS["forearm"]),
    "one bone": dict.fromkeys("ab", ("Lunate",)),
    "others in each image": {"a": GROUPS["carpals"], "b": GROUPS["wrist"][:3]},
    "all and one": {"a": NAMES, "b": ("Radius",)},
}


@pytest.mark.parametrize("kind", SOME)
def test_a_file_may_hold_some_bones(tmp_path, kind):
    """What a file does not hold is not known; it is no empty mask."""
    rows = [(f"{name}.png", *row[1:]) for name, bones in SOME[kind].items() for row in ROWS if row[1] in bones]
    (tmp_path / "p.csv").write_text(text(rows))
    for name, bones in SOME[kind].items():
        cells = PredictionsIndex(tmp_path / "p.csv").cells(f"{name}.png")
        assert {bone for bone, cell in zip(NAMES, cells, strict=True) if cell is not None} == set(bones)


@pytest.mark.parametrize("kind", ["one bone", "others in each image"])
def test_masks_of_some_bones_are_exported_as_these_and_no_empty_ones(tmp_path, kind):
    for name in SOME[kind]:
        cv2.imwrite(str(tmp_path / f"{name}.png"), HAND.image)
    rows = [(f"{name}.png", *row[1:]) for name, bones in SOME[kind].items() for row in ROWS if row[1] in bones]
    (tmp_path / "p.csv").write_text(text(rows))
    call = [str(tmp_path / "p.csv"), "-f", "coco", "--images", str(tmp_path), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "out" / "annotations.json").read_text())
    bones = {category["id"]: category["name"] for category in written["categories"]}
    images = {image["id"]: image["file_name"].rpartition("/")[2][0] for image in written["images"]}
    found = {(images[entry["image_id"]], bones[entry["category_id"]]) for entry in written["annotations"]}
    present = {bone for bone, cell in zip(NAMES, CELLS, strict=True) if cell}
    assert found == {(name, bone) for name, some in SOME[kind].items() for bone in some if bone in present}


def test_a_file_that_was_cut_says_so(tmp_path):
    rows = [(name, *row[1:]) for name in ("a.png", "b.png", "c.png") for row in ROWS]
    (tmp_path / "p.csv").write_text(text(rows)[:-2000])
    index = PredictionsIndex(tmp_path / "p.csv")
    assert len(index.cells("b.png")) == len(NAMES)
    with pytest.raises(HandboneError, match=r"'c\.png', the last image, has fewer rows"):
        index.cells("c.png")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_row_that_names_no_image_is_said_and_costs_no_other(tmp_path, name):
    (tmp_path / "p.csv").write_text(text([*ROWS, (name, "Radius", "1 2")]))
    index = PredictionsIndex(tmp_path / "p.csv")
    assert BoneMasks.from_rle(index.cells("a.png"), (SIZE, SIZE)) == MASKS
    with pytest.raises(HandboneError, match=r"p\.csv, line 31: the row names no image; name the image of each row"):
        index.cells(name)


def test_our_own_table_carries_sizes(tmp_path):
    masks = BoneMasks.from_crops({4: (np.ones((20, 30), bool), (900, 600))}, (700, 1000))
    with PredictionsWriter(tmp_path / "p.csv") as table:
        table.write("a.png", masks)
    index = PredictionsIndex(tmp_path / "p.csv")
    assert index.size_hw("a.png") == (700, 1000)
    assert BoneMasks.from_rle(index.cells("a.png"), index.size_hw("a.png")) == masks
    result = CliRunner().invoke(app, [str(tmp_path / "p.csv"), "-f", "coco", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    [image] = json.loads((tmp_path / "out" / "annotations.json").read_text())["images"]
    assert (image["height"], image["width"]) == (700, 1000)


@pytest.mark.parametrize("size", ["0", "-5", "1e9", "９９", "9" * 400, "5.5"])
def test_sizes_are_checked(tmp_path, size):
    rows = [(*row, size, "256") for row in ROWS]
    (tmp_path / "p.csv").write_text(text(rows, header=(*HEADER, "height", "width")), encoding="utf-8")
    with pytest.raises(HandboneError, match="is no size of"):
        PredictionsIndex(tmp_path / "p.csv").size_hw("a.png")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train/p1/a.png", "train/p1/a.png"),
        ("p1/a.png", "train/p1/a.png"),
        ("p2\\a.png", "train/p2/a.png"),
        ("a.png", None),
        ("b.png", "train/p1/b.png"),
        ("b", "train/p1/b.png"),
        ("elsewhere/b.png", "train/p1/b.png"),
        ("b.jpg", "train/p1/b.png"),
        ("p2/a", "train/p2/a.png"),
        ("c", None),
        ("B.PNG", "train/p1/b.png"),
        ("P2\\A.png", "train/p2/a.png"),
        (" b.png\t", "train/p1/b.png"),
        ("", None),
    ],
)
def test_images_are_found_by_the_names_that_people_write(name, found):
    assert ImageNames(["train/p1/a.png", "train/p2/a.png", "train/p1/b.png"]).find(name) == found


def test_capitals_count_where_images_differ_by_them():
    names = ImageNames(["a.png", "A.png", "b.PNG", "b.jpg"])
    found = [names.find(name) for name in ("a.png", "A.png", "A.jpg", "b.png", "B")]
    assert found == ["a.png", "A.png", "A.png", "b.PNG", None]


def test_lines_before_the_heading_count_in_what_is_said(tmp_path):
    (tmp_path / "p.csv").write_text("sep=,\n\n" + text([*ROWS, ("a.png", "thumb", "1 2")]))
    with pytest.raises(HandboneError, match=r"p\.csv, line 33: unknown class 'thumb'"):
        PredictionsIndex(tmp_path / "p.csv").cells("a.png")


def columns(masks):
    """Run lengths down the columns."""
    return [rle.encode(np.ascontiguousarray(masks.mask(bone).T)) for bone in range(len(NAMES))]


def from_zero(cells):
    return [" ".join(str(int(v) - (n % 2 == 0)) for n, v in enumerate(cell.split())) for cell in cells]


TOUCHING = BoneMasks.from_polygons(
    {b: [r - [r[:, 0].min(), 0] for r in rs] for b, rs in MASKS.polygons().items()}, MASKS.size_hw
)
HALF = BoneMasks.from_dense(
    np.stack(
        [cv2.resize(m.astype(np.uint8), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for m in MASKS.dense()]
    )
)
MEANT = {
    "standard": (CELLS, MASKS),
    "column-major": (columns(MASKS), MASKS),
    "zero-based": (from_zero(TOUCHING.to_rle()), TOUCHING),
    "frame=128": (HALF.to_rle(), MASKS),
    "column-major,frame=128": (columns(HALF), MASKS),
}


@pytest.mark.parametrize("meant", MEANT)
@pytest.mark.parametrize("with_image", [True, False])
def test_run_lengths_of_another_way_are_recognised_and_read_right(tmp_path, meant, with_image):
    cells, masks = MEANT[meant]
    (tmp_path / "p.csv").write_text(text([("a.png", *pair) for pair in zip(NAMES, cells, strict=True)]))
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), HAND.image)
    call = [str(tmp_path / "p.csv"), "-f", "contest_csv", "-o", str(tmp_path / "out")]
    call += ["--images", str(tmp_path / "images")] if with_image else ["--rle", f"frame={SIZE}"] * (meant == "standard")
    if meant != "standard":
        result = CliRunner().invoke(app, call)
        # Without an image nobody knows that its frame is not 2048 wide: the frame is named beside the order.
        assert result.exit_code == 1 and "seem to" in str(result.exception)
        assert set(meant.split(",")[:1]) <= set(
            str(result.exception).split("--rle ")[1].split(" ")[0].strip(",").split(",")
        )
        call += ["--rle", meant if with_image or "frame" in meant else f"{meant},frame={SIZE}"]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0, result.exception
    index = PredictionsIndex(tmp_path / "out" / "predictions.csv")
    read = BoneMasks.from_rle(index.cells("a.png"), index.size_hw("a.png"))
    if not with_image and "frame" in meant:
        masks = HALF
    if with_image and "frame" in meant:
        both = sum(np.count_nonzero(read.mask(b) & masks.mask(b)) for b in range(len(NAMES)))
        assert 2 * both / (read.areas().sum() + masks.areas().sum()) > 0.93
    else:
        assert read == masks


@pytest.mark.parametrize("order", ["zero-based", "column-major,zero-based"])
def test_runs_from_0_are_recognised_by_the_edges_of_the_image(tmp_path, order):
    """No bone touches the frame's edge here, so that only the image can tell."""
    hand = draw_hand(3, size=512)
    cells = from_zero(columns(hand.masks) if "column" in order else hand.masks.to_rle())
    (tmp_path / "p.csv").write_text(text([("a.png", *pair) for pair in zip(NAMES, cells, strict=True)]))
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), hand.image)
    call = [
        str(tmp_path / "p.csv"),
        "-f",
        "contest_csv",
        "-o",
        str(tmp_path / "out"),
        "--images",
        str(tmp_path / "images"),
    ]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 1 and f"give --rle {order}" in str(result.exception)
    assert CliRunner().invoke(app, [*call, "--rle", order]).exit_code == 0
    index = PredictionsIndex(tmp_path / "out" / "predictions.csv")
    assert BoneMasks.from_rle(index.cells("a.png"), (512, 512)) == hand.masks


@pytest.mark.parametrize("seed", range(4))
def test_masks_of_the_contest_s_way_lie_on_the_edges(seed):
    hand = draw_hand(seed, size=256)
    assert not rle_offset.is_one_pixel(rle_offset.offsets(hand.masks, hand.image / np.float32(255)))


def test_a_hand_that_really_lies_on_its_side_is_read_with_its_image(tmp_path):
    lying = [rle.encode(np.ascontiguousarray(MASKS.mask(bone).T)) for bone in range(len(NAMES))]
    (tmp_path / "p.csv").write_text(text([("a.png", *pair) for pair in zip(NAMES, lying, strict=True)]))
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.ascontiguousarray(HAND.image.T))
    call = [
        str(tmp_path / "p.csv"),
        "-f",
        "contest_csv",
        "-o",
        str(tmp_path / "out"),
        "--images",
        str(tmp_path / "images"),
    ]
    assert CliRunner().invoke(app, call).exit_code == 0


def test_a_table_may_be_a_data_set_s_labels(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), HAND.image)
    (tmp_path / "p.csv").write_text(text([("x/a", *pair) for pair in zip(NAMES, columns(MASKS), strict=True)]))
    call = ["check", str(tmp_path), "--layout", "csv", "--json"]
    found = json.loads(CliRunner().invoke(data_app, call).stdout)["findings"]
    assert "--rle column-major" in next(f["remedy"] for f in found if f["rule"] == "broken-run-lengths")
    found = json.loads(CliRunner().invoke(data_app, [*call, "--rle", "column-major"]).stdout)["findings"]
    assert {f["rule"] for f in found} <= {"missing-bones", "several-contours"}
    assert CliRunner().invoke(data_app, [*call, "--rle", "sideways"]).exit_code == 2
