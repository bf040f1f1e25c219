"""Class maps: those that come with handbone spell classes as their data sets do; files of users are checked."""

import pytest
from pydantic import ValidationError

from handbone.anatomy import NAMES, SHORT_NAMES
from handbone.core.errors import HandboneError
from handbone.recipe.class_map import ClassMap
from handbone.recipe.load import load_recipe
from handbone.recipe.schema import Data
from handbone.runs.checks import check_recipe

H1200 = [*(f"{part}{digit}" for part in ("DP", "MC", "PP") for digit in range(1, 6)), "MP2", "MP3", "MP4", "MP5"]
H1200 += ["Capitate", "Hamate", "Lunate", "Pisifrom_Triquetrum", "Radius", "Scaphoid", "Sesamoid", "SoftTissue"]
H1200 += ["Trapezium", "Trapezoid", "Ulna"]
W600 = ["Capitate", "DistalRadius", "DistalUlna", "Hamate", "Lunate", "Pisifrom&Triquetrum", "Scaphoid", "Trapzium"]
W600 += ["Trapzoid", *(f"metacarpal{digit}" for digit in ("1st", "2nd", "3rd", "4th", "5th"))]


def test_ram_h1200_has_its_30_classes_and_skips_what_is_no_bone():
    found = ClassMap.load("ram_h1200")
    others = {"Ring", "Metal Implant", "Intravenous cannula", "Background", "background"}
    assert set(found.classes) == {*H1200, *others} and len(H1200) == 30
    table = found.table()
    assert {name for name, bone in table.items() if bone == "skip"} == {"Sesamoid", "SoftTissue", *others}
    assert table["Pisifrom_Triquetrum"] == "Triquetrum+Pisiform"
    # Every other class is called as radiologists call the bone.
    for name in set(H1200) - {"Sesamoid", "SoftTissue", "Pisifrom_Triquetrum"}:
        assert table[name] == NAMES[SHORT_NAMES.index(name)]
    assert sorted(bone for bones in found.classes.values() for bone in bones) == list(range(29))


def test_ram_w600_has_its_14_classes():
    found = ClassMap.load("ram_w600")
    assert list(found.classes) == W600 and len(W600) == 14 and found.complete
    assert found.table() == {
        **{name: name for name in ("Capitate", "Hamate", "Lunate", "Scaphoid")},
        "DistalRadius": "Radius",
        "DistalUlna": "Ulna",
        "Pisifrom&Triquetrum": "Triquetrum+Pisiform",
        "Trapzium": "Trapezium",
        "Trapzoid": "Trapezoid",
        **{f"metacarpal{n}": NAMES[SHORT_NAMES.index(f"MC{n[0]}")] for n in ("1st", "2nd", "3rd", "4th", "5th")},
    }


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("x/0012_L.bmp", ("L", "x/0012")),
        ("0012R.bmp", ("R", "0012")),
        ("0012.bmp", None),
        ("L/0012_a.bmp", None),
        ("Left.bmp", None),
    ],
)
def test_sides_are_read_from_names(key, found):
    assert ClassMap.load("ram_h1200").side_and_patient(key) == found
    assert ClassMap.load("ram_w600").side_and_patient(key) == found
    assert ClassMap().side_and_patient(key) is None


def test_a_map_is_a_file_a_name_or_pairs(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        'skip = ["ring"]\nleft = "^l"\n[classes]\n"os capitatum" = "Capitate"\ntp = ["Triquetrum", "Pisiform"]'
    )
    found = ClassMap.load(path)
    assert found.table() == {"os capitatum": "Capitate", "tp": "Triquetrum+Pisiform", "ring": "skip"}
    assert not found.complete and found.side_and_patient("l7.png") == ("L", "l7")
    assert ClassMap.parse([str(path), "tp=Triquetrum"]).classes["tp"] == (25,)
    assert Data(class_map=str(path)).class_map == found.table()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[classes]\na = "Capitat"', "unknown bone 'Capitat'; did you mean 'Capitate'"),
        ('[classes]\na = ["Capitate", "Lunat"]', "unknown bone 'Lunat'"),
        ('skip = ["a"]', "classes: Field required"),
        ('left = "("\n[classes]\na = "Capitate"', r"left: '\(' is not a regular expression"),
        ('clases = 1\n[classes]\na = "Capitate"', "clases: Extra inputs"),
        ("a b", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(HandboneError, match=message) as caught:
        ClassMap.load(path)
    assert caught.value.where == str(path)


def test_names_that_are_none_are_refused():
    with pytest.raises(HandboneError, match="unknown class map 'ram_h120'; did you mean 'ram_h1200'"):
        ClassMap.load("ram_h120")
    with pytest.raises(HandboneError, match=r"nowhere.toml: no such class map"):
        ClassMap.load("nowhere.toml")
    with pytest.raises(HandboneError, match="write CLASS=BONE"):
        ClassMap.parse(["a="])
    with pytest.raises(ValidationError, match="unknown class map 'ram'"):
        Data(class_map="ram")


def test_networks_do_not_learn_merged_classes():
    recipe = load_recipe("tiny", ["data.class_map=ram_w600"]).recipe
    assert recipe.data.class_map["metacarpal1st"] == "finger-3"
    with pytest.raises(HandboneError, match=r"data.class_map: 'Pisifrom&Triquetrum' merges several bones") as caught:
        check_recipe(recipe, where="r.toml")
    assert "handbone evaluate" in str(caught.value)
    check_recipe(load_recipe("tiny", ["data.class_map={a='Lunate', b='skip'}"]).recipe, where="r.toml")
