"""Tables of run lengths that cannot be used, in whole or in part, through the commands that read them."""
# ruff: noqa: E501 (a kind is read best in one line)

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from bad_input import Bad
from cli_small import draw_image, write_table

from handbone.anatomy import NAMES

_HEADER = "image_name,class,rle"
_SIZE = 90
_GOOD = "40 3 130 4 220 4"


def _rows(name, text=_GOOD, bones=NAMES[:3]):
    return [f"{name},{bone},{text}" for bone in bones]


def _bad(*rows, header=_HEADER):
    """A table of a good image and of these rows; the images of both are there."""

    def make(folder: Path):
        for name in ("good.png", "bad.png"):
            draw_image(folder / "images" / name, size_hw=(_SIZE, _SIZE))
        (folder / "t.csv").write_text("\n".join([header, *_rows("good.png"), *rows]) + "\n")

    return make


def _whole(content, name="t.csv"):
    """A table that cannot be read at all."""

    def make(folder: Path):
        draw_image(folder / "images" / "good.png", size_hw=(_SIZE, _SIZE))
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


#: Rows of `bad.png` in a table, and what is said of them.
ROWS = {
    "letters": (_rows("bad.png", "a b"), ("bad.png",)),
    "an odd count of numbers": (_rows("bad.png", "40 3 130"), ("bad.png",)),
    "a run behind the image's end": (_rows("bad.png", "8100 5"), ("bad.png",)),
    "a run far behind the image's end": (_rows("bad.png", "999999999 5"), ("bad.png",)),
    "a start of zero": (_rows("bad.png", "0 5"), ("bad.png",)),
    "a negative start": (_rows("bad.png", "-5 5"), ("bad.png",)),
    "a negative length": (_rows("bad.png", "40 -3"), ("bad.png",)),
    "a length of zero": (_rows("bad.png", "40 0 50 3"), ("bad.png",)),
    "a number of 400 digits": (_rows("bad.png", "1 " + "9" * 400), ("bad.png",)),
    "the lowest number of 64 bits": (_rows("bad.png", "-9223372036854775808 1"), ("bad.png",)),
    "digits with underscores": (_rows("bad.png", "1_0 5"), ("bad.png",)),
    "full-width digits": (_rows("bad.png", "１ ５"), ("bad.png",)),
    "Arabic digits": (_rows("bad.png", "١ ٥"), ("bad.png",)),
    "parts of pixels": (_rows("bad.png", "40.5 3"), ("bad.png",)),
    "powers of ten": (_rows("bad.png", "4e1 3"), ("bad.png",)),
    "hexadecimal numbers": (_rows("bad.png", "0x28 3"), ("bad.png",)),
    "infinity": (_rows("bad.png", "inf 3"), ("bad.png",)),
    "runs that overlap": (_rows("bad.png", "40 10 45 10"), ("bad.png",)),
    "COCO's compressed run lengths": (_rows("bad.png", "eg`1e0n1mk3`0"), ("bad.png",)),
    "a polygon instead": (_rows("bad.png", "[[10.5 3.2 12.5 8.1]]"), ("bad.png",)),
    "a formula": (_rows("bad.png", "=A1+B1"), ("bad.png",)),
    "an unknown bone": (["bad.png,finger-20,40 3"], ("line 5", "finger-20")),
    "a bone twice": (_rows("bad.png") + _rows("bad.png", bones=NAMES[:1]), ("bad.png", "second row")),
    "no bone": (["bad.png,,40 3"], ("line 5", "class")),
    "a row that is too short": (["bad.png,finger-1"], ("line 5", "2 cells")),
    "a row that is too long": (["bad.png,finger-1,40 3,1,2"], ("line 5", "5 cells")),
}  # fmt: skip
_COMMANDS = {
    "export": "export t.csv --images images -f coco -o out",
    "ensemble": "ensemble a=t.csv b=t.csv --images images -o out",
    "refine": "refine --coarse t.csv --images images -w {refining} -o out",
    "measure": "measure t.csv --images images -o out",
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_that_cannot_be_read_cost_their_image_alone(kind, try_bad):
    rows, says = ROWS[kind]
    for command in ("export", "ensemble"):
        try_bad(Bad(_COMMANDS[command], _bad(*rows), says, survives="good.png"), command)


@pytest.mark.parametrize("command", ["refine", "measure"])
@pytest.mark.parametrize("kind", ["letters", "a run behind the image's end", "an unknown bone"])
def test_rows_that_cannot_be_read_cost_no_other_command_more(kind, command, try_bad):
    rows, says = ROWS[kind]
    try_bad(Bad(_COMMANDS[command], _bad(*rows), says, survives="good.png"))


def _packed(text=f"{_HEADER}\n", names=("t.csv",)):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, text)
    return file.getvalue()


_TABLE = "\n".join([_HEADER, *_rows("good.png")]) + "\n"
#: Tables that nothing can be read from.
TABLES = {
    "an empty table": (b"", ("t.csv",)),
    "a heading alone": (f"{_HEADER}\n", ()),
    "no heading": ("\n".join(_rows("good.png")), ("t.csv", "column")),
    "other columns": ("id,label,mask\n1,2,3\n", ("t.csv", "column")),
    "a column too few": ("image_name,rle\ngood.png,40 3\n", ("t.csv", "class")),
    "a column twice": (f"{_HEADER},rle\ngood.png,finger-1,40 3,50 3\n", ("t.csv", "rle")),
    "a quote without end": (f'{_HEADER}\n"good.png,finger-1,40 3\n', ("t.csv", "quote")),
    "bytes that are no text": (_TABLE.encode().replace(b"finger-1", b"\0\xff\0"), ("t.csv", "text")),
    "an Excel workbook": (_packed(names=("xl/workbook.xml", "xl/worksheets/sheet1.xml")), ("t.csv",)),
    "two tables in a zip": (_packed(names=("a.csv", "b.csv")), ("t.csv", "2 csv")),
    "an empty zip": (_packed(names=()), ("t.csv",)),
    "half a gzip": (gzip.compress(_TABLE.encode() * 50)[:60], ("t.csv", "unpacked")),
    "half a zip": (_packed(_TABLE)[:60], ("t.csv", "unpacked")),
    "half a UTF-16": (b"\xff\xfe" + _TABLE.encode("utf-16-le")[:-1] + b"\xd8", ("t.csv",)),
    "a web page": ("<!DOCTYPE html><html></html>", ("t.csv",)),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1\n", ("t.csv",)),
    "JSON": ('{"images": []}', ("t.csv",)),
    "empty masks alone": ("\n".join([_HEADER, *_rows("good.png", "")]) + "\n", ("no mask",)),
    "no image of the folder": ("\n".join([_HEADER, *_rows("other.png", "9999999 3")]) + "\n", ("other.png",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_no_use_makes_nothing(kind, try_bad):
    content, says = TABLES[kind]
    for command in ("export", "ensemble"):
        try_bad(Bad(_COMMANDS[command], _whole(content), says), command)


def _own_output(what):
    def make(folder: Path):
        _bad()(folder)
        what(folder)

    return make


def _two_tables(folder: Path):
    _bad()(folder)
    write_table(folder / "u.csv", ["good.png", "more.png"])


def _corrected(folder: Path):
    _bad()(folder)
    (folder / "out").mkdir()
    (folder / "out" / "predictions.csv").write_text("my own\n")


_GO = "export t.csv --images images -f coco -o out"
#: Calls that ask for what cannot be.
CALLS = {
    "no such table": Bad("export none.csv -f coco -o out", says=("none.csv", "no predictions")),
    "a folder without predictions": Bad("export images -f coco -o out", _bad(), ("images", "no predictions")),
    "an image for a table": Bad("export images/good.png -f coco -o out", _bad(), ("good.png",)),
    "an unknown format": Bad("export t.csv -f docx -o out", _bad(), ("docx",)),
    "an unknown word of --rle": Bad(f"{_GO} --rle diagonal", _bad(), ("diagonal", "column-major")),
    "a frame in words": Bad(f"{_GO} --rle frame=large", _bad(), ("frame=large",)),
    "a frame of no width": Bad(f"{_GO} --rle frame=0x5", _bad(), ("frame=0x5",)),
    "no format": Bad("export t.csv -o out", _bad(), ("--format",), 2),
    "no folder for the result": Bad("export t.csv -f coco", _bad(), ("--output",), 2),
    "images that are not there": Bad("export t.csv --images none -f coco -o out", _bad(), ("none",)),
    "a file for a folder of results": Bad("export t.csv --images images -f coco -o t.csv", _bad(), ("t.csv",)),
    "a result below a file": Bad("export t.csv --images images -f coco -o t.csv/out", _bad(), ("t.csv",)),
    "a user's file in the way": Bad("ensemble a=t.csv b=t.csv --images images -o out", _corrected, ("predictions.csv",)),
    "an unknown method": Bad("ensemble a=t.csv b=t.csv --images images -o out -m median", _bad(), ("median",)),
    "an unknown setting": Bad("ensemble a=t.csv b=t.csv --images images -o out --set colour=1", _bad(), ("colour",)),
    "a setting of no range": Bad("ensemble a=t.csv b=t.csv --images images -o out -m vote --set at_least=7", _bad(), ("at_least",)),
    "weights of a stranger": Bad("ensemble a=t.csv --images images -o out --set weights.b=2", _bad(), ("b",)),
    "a member twice": Bad("ensemble a=t.csv a=t.csv --images images -o out", _bad(), ("a",)),
    "one member": Bad("ensemble t.csv --images images -o out", _bad(), ("two or more",)),
    "a member without a path": Bad("ensemble a=t.csv b= --images images -o out", _bad(), ("a",)),
    "other images in a member": Bad("ensemble t.csv u.csv --images images -o out", _two_tables, ("lacks", "--missing")),
    "the best of files": Bad("ensemble t.csv u.csv --images images -o out -m best --missing skip", _two_tables, ("metrics",)),
    "thresholds of files": Bad("ensemble a=t.csv b=t.csv --images images -o out --fit-thresholds", _bad(), ("validation",)),
    "no member": Bad("ensemble -o out", says=("missing argument",), code=2),
    "a member that is no table": Bad("ensemble a=t.csv b=images/good.png -o out", _bad(), ("good.png",)),
    "a table to refine without images": Bad("refine --coarse t.csv -w {refining} -o out", _bad(), ("--images",), 2),
    "images of other names": Bad("refine --coarse t.csv --images others -w {refining} -o out", _own_output(lambda f: draw_image(f / "others/x.png")), ("good.png",)),
    "weights without a refiner": Bad("refine --coarse t.csv --images images -w {weights} -o out", _bad(), ("refiner",)),
    "unknown bones to refine": Bad("refine --coarse t.csv --images images -w {refining} --classes skull -o out", _bad(), ("skull",)),
    "an unknown prompter": Bad("refine --coarse t.csv --images images -w {refining} --sam nobody -o out", _bad(), ("nobody",)),
    "--rle without a table": Bad("refine --rle standard -o out", says=("--coarse",), code=2),
    "unknown regions": Bad("measure t.csv --images images -o out --rois knee", _bad(), ("knee",)),
    "pixels of a metre": Bad("measure t.csv --images images -o out --mm-per-px 1000", _bad(), ("--mm-per-px",), 2),
    "nothing to measure": Bad("measure -o out", says=("predictions or radiographs",), code=2),
    "no file to measure": Bad("measure none.csv -o out", says=("none.csv",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_that_cannot_be_met_makes_nothing(kind, try_bad):
    try_bad(CALLS[kind])
