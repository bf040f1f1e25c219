"""Texts that are deep, large or endless are refused in one sentence, soon."""

import time
import zipfile

import openpyxl
import pytest

from handbone.core.errors import HandboneError
from handbone.data.patients import read_patients
from handbone.formats.json_files import read_json
from handbone.recipe.load import load_recipe
from handbone.recipe.overrides import parse_override
from handbone.recipe.read import find_recipe

WORDS = {
    "brackets": "seed=" + "[" * 20_000,
    "closed brackets": "seed=" + "[" * 2_000 + "]" * 2_000,
    "tables": "seed=" + "{a=" * 20_000,
    "a deep key": "a." * 20_000 + "a=1",
    "a deep quoted key": '"a".' * 20_000 + "a=1",
    "digits": "seed=" + "9" * 5000,
    "length": "seed=" + "x" * 200_000,
}


@pytest.mark.parametrize("kind", WORDS)
def test_words_of_set(kind):
    begun = time.monotonic()
    with pytest.raises(HandboneError) as error:
        parse_override(WORDS[kind])
        load_recipe("tiny", [WORDS[kind]])
    assert time.monotonic() - begun < 5 and len(str(error.value)) < 1000


RECIPES = {
    "brackets": "a = " + "[" * 100_000,
    "a deep table": "[" + "a." * 40_000 + "a]",
    "digits": "seed = " + "9" * 5000,
    "values": "".join(f"k{n} = 1\n" for n in range(5000)),
    "length": "# " + "x" * 2_000_000,
    "a long name to extend": f'extends = "{"x" * 5000}.toml"',
}


@pytest.mark.parametrize("kind", RECIPES)
def test_recipes(tmp_path, kind):
    (tmp_path / "r.toml").write_text(RECIPES[kind])
    begun = time.monotonic()
    with pytest.raises(HandboneError) as error:
        load_recipe(tmp_path / "r.toml")
    assert time.monotonic() - begun < 5 and len(str(error.value)) < 12_000


def test_a_recipe_s_name_may_be_too_long_for_any_file():
    with pytest.raises(HandboneError, match="unknown recipe"):
        find_recipe("x" * 5000)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "", "\ufeff", "[1,", "nul"])
def test_json(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(HandboneError, match="not valid JSON"):
        read_json(tmp_path / "a.json")


def test_a_json_file_may_be_too_large(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    with pytest.raises(HandboneError, match="larger than"):
        read_json(tmp_path / "a.json", largest=5)


def test_a_workbook_that_unpacks_without_end(tmp_path):
    path = tmp_path / "meta_data.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 20_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(HandboneError, match="unpacks to 120 MB"):
        read_patients(path)


def test_a_workbook_with_a_cell_far_away(tmp_path):
    path = tmp_path / "meta_data.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["ID", "age"])
    book.active.append([1, 30])
    book.active["XFD1048576"] = "far"
    book.save(path)
    begun = time.monotonic()
    table, _ = read_patients(path)
    assert table["patient_id"].tolist() == ["ID001"] and time.monotonic() - begun < 5
