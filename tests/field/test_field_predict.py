"""`handbone predict` on folders as users bring them, through the real command line: names, counts, JSON, codes."""

import csv
import json
import os
import struct
import zlib
from pathlib import Path

import pytest
from cli_small import draw_image, main, save_seeing, write_table
from json_docs import undocumented

from handbone.core.escaping import cell, printable
from handbone.formats.contest_csv import read_predictions

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(os.name == "nt", reason="names that Windows does not have"),
]
NAMES = [
    "ST1/SE1/IM0001",
    "ST1/SE2/IM0001",
    "a.png",
    os.fsdecode(b"caf\xe9.png"),
    "[red]x[/cut].png",
    "a\nb,\x1b[31m.png",
]
NAMES += ["=1+1.png", "-o.png", "ä" * 125 + ".png", "same.png", "same.jpg", "same.png.tif"]
KEYS = sorted(name if name.isprintable() or "\n" in name else "caf%E9.png" for name in NAMES)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_seeing(tmp_path_factory.mktemp("weights") / "coarse.safetensors")


@pytest.fixture
def images(tmp_path):
    for seed, name in enumerate(NAMES):
        draw_image(tmp_path / "images" / name, seed)
    return tmp_path / "images"


@pytest.mark.slow
def test_every_name_survives_every_output(images, weights, tmp_path, monkeypatch, capfd):
    out = tmp_path / "out"
    more = ("--write", "coco", "--write", "png")
    assert main(monkeypatch, "predict", images, "-w", weights, "-o", out, *more) == 0
    told = capfd.readouterr().out
    assert f"{len(NAMES)} of {len(NAMES)} radiographs outlined" in told and "\x1b" not in told
    assert all(printable(key) in told for key in KEYS), "no name is cut in a pipe, and none does more than stand there"
    record = json.loads((out / "predictions.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in record["images"]] == KEYS and undocumented(record) == []
    assert all(Path(each["path"]).is_file() for each in record["images"])
    with open(out / "predictions.csv", encoding="utf-8", newline="") as file:
        assert sorted({row["image_name"] for row in csv.DictReader(file)}) == KEYS
    coco = json.loads((out / "coco" / "annotations.json").read_text(encoding="utf-8"))
    assert [each["file_name"] for each in coco["images"]] == KEYS
    for folder in ("overlays", "records"):
        assert len([path for path in (out / folder).rglob("*") if path.is_file()]) == len(KEYS)
    assert (out / "overlays/ST1/SE1/IM0001.png").is_file() and (out / "png/ST1/SE2/IM0001/Ulna.png").is_file()

    # Results are no input, wherever they lie; and another command finds each image of the table again.
    assert main(monkeypatch, "predict", out, "-w", weights, "-o", tmp_path / "none") == 1
    assert "no radiograph in this folder" in capfd.readouterr().err
    assert main(monkeypatch, "export", out, "-f", "png", "-o", tmp_path / "png", "--images", images) == 0
    for folder in (tmp_path / "png", out / "png"):
        assert sum(path.is_file() for path in folder.rglob("*.png")) == 29 * len(KEYS)


def test_the_contest_s_csv_joins_by_base_names_and_says_where_they_clash(images, weights, tmp_path, monkeypatch, capfd):
    tree = images / "ST1"
    asked = ("predict", tree, "-w", weights, "-o", tmp_path / "out", "--write", "contest_csv")
    assert main(monkeypatch, *asked) == 1
    told = capfd.readouterr().out
    assert "2 of 2 radiographs outlined" in told
    assert "SE2/IM0001: SE1/IM0001 has the same file name, which must be unique in the contest CSV; rename one" in told
    assert [name for name, _ in read_predictions(tmp_path / "out/contest_csv/predictions.csv")] == ["IM0001"]
    assert [name for name, _ in read_predictions(tmp_path / "out/predictions.csv")] == ["SE1/IM0001", "SE2/IM0001"]
    assert main(monkeypatch, "export", tmp_path / "out", "-f", "contest_csv", "-o", tmp_path / "csv") == 1
    assert "has the same file name" in capfd.readouterr().err and not (tmp_path / "csv").exists()


def huge_png(path, side):
    """The header of a PNG of so many pixels, with little behind it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b""))


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_a_huge_image_is_left_out_before_it_is_decoded_and_costs_no_other(side, weights, tmp_path, monkeypatch, capfd):
    draw_image(tmp_path / "images" / "a.png")
    huge_png(tmp_path / "images" / "huge.png", side)
    assert main(monkeypatch, "predict", tmp_path / "images", "-w", weights, "-o", tmp_path / "out") == 1
    told = capfd.readouterr()
    assert "huge.png: it has" in told.err and "--max-pixels" in told.err and "1 of 2 radiographs" in told.out
    small = ("predict", tmp_path / "images" / "a.png", "-w", weights, "--max-pixels", 1000, "-o", tmp_path / "small")
    assert main(monkeypatch, *small) == 1 and not (tmp_path / "small").exists()


def test_nothing_found_is_no_success_and_nothing_made_leaves_nothing(tmp_path, monkeypatch, capfd):
    blind = save_seeing(tmp_path / "blind.safetensors", bias=-9)
    draw_image(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    asked = ("predict", "-w", blind, "--json", tmp_path / "a.png")
    assert main(monkeypatch, *asked, "-o", tmp_path / "one") == 1
    value = json.loads(capfd.readouterr().out)
    assert [each["outcome"] for each in value["images"]] == ["no_hand"] and undocumented(value) == []
    assert main(monkeypatch, "predict", "-w", blind, "--json", tmp_path / "b.png", "-o", tmp_path / "two") == 1
    value = json.loads(capfd.readouterr().out)
    assert [each["outcome"] for each in value["images"]] == ["failed"] and undocumented(value) == []
    assert not (tmp_path / "two").exists() and (tmp_path / "one").exists()
    write_table(tmp_path / "empty.csv", ["a.png"], bones=())
    for words in ("export empty.csv -f png", "ensemble a=empty.csv b=empty.csv"):
        monkeypatch.chdir(tmp_path)
        assert main(monkeypatch, *words.split(), "-o", tmp_path / "out") == 1
        assert "no mask" in capfd.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("predict nowhere", 1, "no such file or folder"),
        ("predict", 2, "give image files or folders"),
        ("predict a.png --no-such", 2, "No such option"),
        ("predikt a.png", 2, "No such command"),
        ("predict a.png --max-pixels many", 2, "Invalid value for '--max-pixels'"),
        ("export nowhere -f png -o out", 1, "there are no predictions"),
        ("ensemble a.csv", 1, "there are no predictions"),
        ("refine --coarse a.csv", 2, "must be given together"),
        ("weights info nowhere", 1, "nowhere"),
        ("recipes show nowhere", 1, "nowhere"),
        ("data check nowhere", 1, "no such folder"),
    ],
)
def test_errors_are_json_where_json_was_asked_for(words, code, sentence, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(monkeypatch, *words.split(), "--json") == code
    told = capfd.readouterr()
    value = json.loads(told.out)
    assert undocumented(value) == [] and value["exit_code"] == code and sentence in value["error"]
    assert value["schema"] == "handbone.error/1" and value["error"] in told.err.replace("\n", "")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "raised", [KeyboardInterrupt(), OSError(28, "No space left on device", "x"), ZeroDivisionError()]
)
def test_what_stops_a_command_is_json_too(raised, tmp_path, monkeypatch, capfd):
    def stop(*_, **__):
        raise raised

    monkeypatch.setattr("handbone.formats.image_search.find_images", stop)
    draw_image(tmp_path / "a.png")
    asked = ("predict", tmp_path / "a.png", "--json", "-o", tmp_path / "out")
    if isinstance(raised, ZeroDivisionError):
        with pytest.raises(ZeroDivisionError):
            main(monkeypatch, *asked)
        code = 1
    else:
        code = main(monkeypatch, *asked)
    assert code == (130 if isinstance(raised, KeyboardInterrupt) else 1)
    value = json.loads(capfd.readouterr().out)
    assert undocumented(value) == [] and value["exit_code"] == code


def test_cells_that_a_spreadsheet_would_run_are_texts():
    for text in ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "-o.png"):
        assert cell(text) == f"'{text}"
    for value in ("a=1.png", "-1.5", "+2", "-1e-5", "", 3, None, True):
        assert cell(value) is value
