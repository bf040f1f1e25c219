"""Records of images come back whole, say what became of them, and order images by how doubtful they are."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbone.workflows.doubt import doubt_of, write_order
from handbone.workflows.matched_names import matched
from handbone.workflows.outputs import file_stems, shortened
from handbone.workflows.records import ImageRecord, flag_text

MISSING = {"rule": "missing", "bones": ["Pisiform"], "message": "no Pisiform was found"}
ODD = {"rule": "odd-area", "bones": ["Lunate", "Ulna"], "message": "unusual areas"}
WHOLE = {"rule": "hand", "bones": [], "message": "is turned"}


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "no_hand"),
        ({"confidence": {"Ulna": 0.0}}, "outlined"),
        ({"error": "cannot be read"}, "failed"),
        ({"error": ""}, "failed"),
        ({"error": "x", "confidence": {"Ulna": 0.9}}, "failed"),
    ],
)
def test_a_record_says_what_became_of_its_image(fields, outcome):
    record = ImageRecord("a.png", "in/a.png", **fields)
    assert record.outcome == outcome == record.to_json()["outcome"]


@settings(max_examples=40)
@given(
    st.builds(
        ImageRecord,
        name=st.text(),
        path=st.text(),
        error=st.none() | st.text(),
        inverted=st.booleans(),
        orientation=st.integers(1, 8),
        hands=st.integers(1, 4),
        confidence=st.dictionaries(st.sampled_from(["Ulna", "Radius"]), st.floats(0, 1)),
        seconds=st.dictionaries(st.text(), st.floats(0, 9)),
        flags=st.just([ODD]) | st.just([]),
    )
)
def test_a_record_comes_back_through_json(record):
    assert ImageRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert list(record.to_json())[:2] == ["name", "outcome"]


@pytest.mark.parametrize("field", ["size_hw", "spacing_mm", "region"])
def test_pairs_come_back_as_lists_that_hold_the_same(field):
    record = ImageRecord("a", "a", **{field: (1, 2)})
    assert list(getattr(ImageRecord.from_json(json.loads(json.dumps(record.to_json()))), field)) == [1, 2]


@pytest.mark.parametrize(
    ("flag", "words"),
    [(MISSING, "no Pisiform was found"), (ODD, "Lunate, Ulna: unusual areas"), (WHOLE, "is turned")],
)
def test_a_flag_names_its_bones_unless_its_message_does(flag, words):
    assert flag_text(flag) == words


@pytest.mark.parametrize(
    ("record", "doubt"),
    [
        ({}, 0),
        ({"confidence": None, "flags": None}, 0),
        ({"confidence": {"Ulna": 0.75, "Radius": 0.5}}, 0.75),
        ({"flags": [ODD, MISSING]}, 2),
        ({"confidence": {"Ulna": 1.0}, "flags": [ODD]}, 1),
    ],
)
def test_doubt_is_what_confidences_lack_and_one_a_flag(record, doubt):
    assert doubt_of(record) == pytest.approx(doubt)


def test_the_order_of_correction_is_a_table_that_is_safe_in_a_spreadsheet(tmp_path):
    records = {
        "=1+1.png": {"confidence": {"Ulna": 0.75, "Radius": 0.5}, "flags": [ODD, MISSING]},
        "tie.png": {"confidence": {"Radius": 0.5, "Ulna": 0.5}},
    }
    write_order(tmp_path / "order.csv", ["=1+1.png", "tie.png", "unknown.png"], records)
    with open(tmp_path / "order.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert rows[0] == {
        **{"number": "1", "image": "'=1+1.png", "doubt": "2.750", "least_certain_bone": "Radius"},
        **{"confidence": "0.5000", "flags": "Lunate, Ulna: unusual areas; no Pisiform was found"},
    }
    assert rows[1]["least_certain_bone"] == "Radius", "the first of equals"
    assert (rows[2]["doubt"], rows[2]["least_certain_bone"], rows[2]["confidence"]) == ("0.000", "", "")


@pytest.mark.parametrize(
    ("names", "others", "found"),
    [
        (["a.png"], ["a.png"], {"a.png": "a.png"}),
        (["a.png"], ["a.tif"], {"a.png": "a.tif"}),
        (["a.tif.png"], ["a.tif"], {"a.tif.png": "a.tif"}),
        (["a.png"], ["p1/a.png"], {"a.png": "p1/a.png"}),
        (["p1/a.png"], ["a.png"], {"p1/a.png": "a.png"}),
        (["p1/a.png"], ["p2/a.png"], {}),
        (["x/p1/a.png"], ["p1/a.png"], {"x/p1/a.png": "p1/a.png"}),
        (["a.png", "a.jpg"], ["a.tif"], {}),
        (["a.png"], ["p1/a.png", "p2/a.png"], {}),
        (["a.png"], ["b.png"], {}),
        ([], ["a.png"], {}),
        (["a.png"], [], {}),
        (["a.png", "a.jpg"], ["a.png"], {"a.png": "a.png"}),
    ],
)
def test_names_of_copies_are_joined_where_they_can_mean_one_image_only(names, others, found):
    assert matched(names, others) == found


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a.png", "a.jpg", "p1/a.png", "p2/a.png", "b", "a.png.png", "p1/b.dcm"])), st.data())
def test_no_two_names_are_joined_to_one(names, data):
    others = data.draw(st.lists(st.sampled_from(["a.png", "p1/a.png", "a.bmp", "p2/a.tif", "b.png", "b"])))
    found = matched(names, others)
    assert len(set(found.values())) == len(found) and set(found) <= set(names) and set(found.values()) <= set(others)
    assert list(found) == sorted(found) and all(found[name] == name for name in set(names) & set(others))


@pytest.mark.parametrize(
    ("keys", "stems"),
    [
        (["a.png"], {"a.png": "a"}),
        (["a.png", "a.jpg"], {"a.png": "a.png", "a.jpg": "a.jpg"}),
        (["p1/a.png", "p2/a.png"], {"p1/a.png": "p1/a", "p2/a.png": "p2/a"}),
        (["a.png", "a.png.png"], {"a.png": "a", "a.png.png": "a.png.png"}),
        (["a", "a.png"], {"a": "a", "a.png": "a.png"}),
        (["a.png.png", "a.png.png/b.png"], {"a.png.png": "a.png.png", "a.png.png/b.png": "a.png.png/b"}),
        ([], {}),
    ],
)
def test_files_are_called_without_an_extension_where_that_is_enough(keys, stems):
    found = file_stems(keys)
    assert len(set(found.values())) == len(keys)
    assert {key: stem for key, stem in found.items() if stems[key] != stem} == {}


@pytest.mark.parametrize("length", [200, 201, 300])
def test_a_name_of_more_than_200_bytes_keeps_its_start(length):
    name = "a" * length
    assert shortened(name) == name if length == 200 else len(shortened(name)) == 193
    assert shortened(f"p1/{name}").startswith("p1/aaa") and shortened("환" * 100).startswith("환" * 60)
