"""One table of run lengths as people save and send it: every way gives the same cells, and what is no table says so."""

import gzip
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.anatomy import NAMES
from handbone.core.errors import HandboneError
from handbone.formats import csv_text
from handbone.formats.contest_csv_index import PredictionsIndex
from handbone.formats.csv_text import CsvText

ROWS = [("환자/a.png", "finger-1", "1 2"), ("환자/a.png", "Ulna", ""), ("b.png", "Radius", "3 4 9 1")]
HEADER = ("image_name", "class", "rle")


def text(separator=",", ending="\n", before="", header=HEADER, rows=ROWS):
    return before + ending.join(separator.join(row) for row in (header, *rows)) + ending


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


PLAIN = text().encode()
WAYS = {
    "plain": PLAIN,
    "with a byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "Windows' line ends": text(ending="\r\n").encode(),
    "the old Mac's line ends": text(ending="\r").encode(),
    "no line end at the end": PLAIN.rstrip(b"\n"),
    "UTF-16": text().encode("utf-16"),
    "UTF-16 of Windows": text(ending="\r\n").encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + text().encode("utf-16-be"),
    "semicolons": text(";").encode(),
    "tabs": text("\t").encode(),
    "bars": text("|").encode(),
    "Excel's line": text(";", before="sep=;\n").encode(),
    "Excel's line in quotes": text(";", before='"sep=;"\n').encode(),
    "empty lines before": text(before="\n  \n\n").encode(),
    "quotes": "\n".join(",".join(f'"{cell}"' for cell in row) for row in (HEADER, *ROWS)).encode(),
    "capital letters": text(header=("Image_Name", "CLASS", "Rle")).encode(),
    "spaces in the header": text(header=(" image_name", "class ", " rle ")).encode(),
    "other order": "\n".join(",".join(row[::-1]) for row in (HEADER, *ROWS)).encode(),
    "gzip": gzip.compress(PLAIN),
    "gzip of UTF-16": gzip.compress(text().encode("utf-16")),
    "zip": zipped(**{"p.csv": PLAIN}),
    "zip with a text and a Mac's waste": zipped(
        **{"readme.txt": "see\nhere", "__MACOSX/p.csv": "x", ".p.csv": "x", "deep/P.CSV": PLAIN}
    ),
    "zip of a text alone": zipped(**{"p.txt": PLAIN}),
    "zip of tabs": zipped(**{"p.tsv": text("\t").encode()}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_table_is_the_same_however_it_was_saved(tmp_path, way):
    (tmp_path / "p.csv").write_bytes(WAYS[way])
    index = PredictionsIndex(tmp_path / "p.csv")
    assert index.names == ["환자/a.png", "b.png"]
    cells = dict(zip(NAMES, index.cells("환자/a.png"), strict=True))
    assert cells["finger-1"] == "1 2" and cells["Ulna"] == "" and cells["Radius"] is None
    assert dict(zip(NAMES, index.cells("b.png"), strict=True))["Radius"] == "3 4 9 1"


@pytest.mark.parametrize(("before", "line"), [("", 1), ("\n", 2), ("sep=,\n", 2), ("\n\nsep=,\n", 4)])
def test_lines_are_counted_from_the_file_s_first(tmp_path, before, line):
    path = tmp_path / "p.csv"
    path.write_text(text(before=before))
    assert CsvText(path, HEADER).header_line == line
    path.write_text(text(before=before, rows=[*ROWS, ("b.png", "thumb", "1 1")]))
    with pytest.raises(HandboneError, match=f"line {line + 4}: unknown class 'thumb'"):
        PredictionsIndex(path).cells("b.png")


def test_bytes_of_windows_are_read_as_its_letters(tmp_path):
    (tmp_path / "p.csv").write_bytes(text(rows=[("Zo\xeb\u20ac.png", "Ulna", "1 1")]).encode("cp1252"))
    assert PredictionsIndex(tmp_path / "p.csv").names == ["Zoë€.png"]


BROKEN = {
    "bytes of an image": (b"\x89PNG\r\n\x1a\n\0\0\0", "bytes that are not text"),
    "cut gzip": (gzip.compress(PLAIN * 50)[:-9], "cannot be unpacked"),
    "damaged gzip": (b"\x1f\x8b\x08" + bytes(20), "cannot be unpacked"),
    "cut zip": (zipped(**{"p.csv": PLAIN})[:-30], "cannot be unpacked"),
    "zip of two tables": (zipped(**{"a.csv": PLAIN, "b.csv": PLAIN}), "holds 2 CSV files; unpack it"),
    "zip of none": (zipped(**{"a.png": b""}), "holds 0 CSV files; unpack it"),
    "odd UTF-16": (text().encode("utf-16")[:-1], "is not a CSV in UTF-16"),
    "lone half of UTF-16": (b"\xff\xfe\x00\xd8,\x00", "is not a CSV in UTF-16"),
    "nothing": (b"", "the column 'image_name' is missing; required columns: image_name, class, rle"),
    "no such columns": (b"a,b,c\n1,2,3\n", "line 1: the column 'image_name' is missing"),
    "no rle": (b"\nimage_name,class\n", "line 2: the column 'rle' is missing"),
    "a column twice": (b"image_name,class,rle,RLE\n", "there are 2 columns 'rle'; leave one of them"),
    "an open quote": (text().encode() + b'b.png,"Ulna,1 1\n', "a quote that begins in line 5 has no end"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_such_table_is_one_sentence_with_its_file(tmp_path, kind):
    content, words = BROKEN[kind]
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(HandboneError) as error:
        PredictionsIndex(tmp_path / "p.csv")
    assert words in str(error.value) and str(error.value.where).startswith(str(tmp_path / "p.csv"))
    assert error.value.remedy


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_a_table_that_cannot_be_opened_says_why(tmp_path, what):
    path = tmp_path / "p.csv"
    if what == "folder":
        path.mkdir()
    with pytest.raises(HandboneError, match=r"cannot be read \(.+\); check the path and its permissions"):
        PredictionsIndex(path)


def test_a_table_that_goes_while_it_is_read_says_so(tmp_path):
    (tmp_path / "p.csv").write_text(text())
    index = PredictionsIndex(tmp_path / "p.csv")
    (tmp_path / "p.csv").unlink()
    with pytest.raises(HandboneError, match="cannot be read"):
        index.cells("b.png")


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped(**{"p.csv": data})])
@pytest.mark.parametrize("more", [0, 1])
def test_a_packed_table_may_be_as_large_as_the_limit(tmp_path, monkeypatch, pack, more):
    monkeypatch.setattr(csv_text, "LARGEST_UNPACKED", len(PLAIN) - more)
    (tmp_path / "p.csv").write_bytes(pack(PLAIN))
    if not more:
        assert PredictionsIndex(tmp_path / "p.csv").names == ["환자/a.png", "b.png"]
        return
    with pytest.raises(HandboneError, match=r"holds more than 0\.0 GB unpacked; unpack it yourself"):
        PredictionsIndex(tmp_path / "p.csv")


CELLS = {
    "": "",
    "nan": "",
    "NaN": "",
    "None": "",
    "null": "",
    "N/A": "",
    "<NA>": "",
    "-": "",
    "[]": "",
    "[ ]": "",
    "{}": "",
    "0": "",
    "0.0": "",
    "-1": "",
    "-1 -1": "",
    "1 0": "",
    "0 0": "",
    " 1 2 ": "1 2",
    "1.0 2.0": "1 2",
    "10.00 2.": "10 2",
    "[1, 2]": "1 2",
    "1,2,9,4": "1 2 9 4",
    "(1 2)": "(1 2)",
    "nano": "nano",
    "1": "1",
    "10 0": "10 0",
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_read_as_anyone_writes_run_lengths(tmp_path, cell):
    (tmp_path / "p.csv").write_text(text("\t", rows=[("b.png", "Ulna", cell)]))
    assert PredictionsIndex(tmp_path / "p.csv").cells("b.png")[-1] == CELLS[cell]


@pytest.mark.parametrize(
    ("height", "width", "size"), [("64", "32", (64, 32)), (" 1 ", "1048576", (1, 1 << 20)), ("", " ", None)]
)
def test_a_size_is_read_where_a_row_states_it(tmp_path, height, width, size):
    table = f"image_name,class,rle,width,height\nb.png,Ulna,1 1,{width},{height}\n"
    (tmp_path / "p.csv").write_text(table)
    assert PredictionsIndex(tmp_path / "p.csv").size_hw("b.png") == size


@pytest.mark.parametrize("height", ["0", "-3", "64.0", "1048577", "12345678", "many", ""])
def test_what_is_no_size_is_named_with_its_line(tmp_path, height):
    (tmp_path / "p.csv").write_text(f"image_name,class,rle,height,width\nb.png,Ulna,1 1,{height},32\n")
    with pytest.raises(HandboneError, match=f"line 2: '32' x '{height}' is no size of an image; write whole pixels"):
        PredictionsIndex(tmp_path / "p.csv").size_hw("b.png")


def test_a_table_without_these_columns_states_no_size(tmp_path):
    (tmp_path / "p.csv").write_text(text(header=(*HEADER, "height"), rows=[("b.png", "Ulna", "1 1", "5")]))
    assert PredictionsIndex(tmp_path / "p.csv").size_hw("b.png") is None


@settings(max_examples=40)
@given(st.data())
def test_rows_of_any_names_in_any_order_are_found(tmp_path_factory, data):
    letters = st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=("Cs",))
    names = data.draw(st.lists(st.text(letters, min_size=1).filter(str.strip), min_size=1, max_size=4, unique=True))
    rows = [(name, bone, f"{number + 1} 1") for name in names for number, bone in enumerate(NAMES[:3])]
    rows = data.draw(st.permutations(rows))
    path = tmp_path_factory.getbasetemp() / "any.csv"
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in (HEADER, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    index = PredictionsIndex(path)
    assert sorted(index.names) == sorted(names)
    for name in names:
        assert index.cells(name)[:4] == ["1 1", "2 1", "3 1", None]
